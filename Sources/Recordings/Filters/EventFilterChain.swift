// Filters of events: what is left of a recording before anything is made of it.

/// Filters that work in a fixed order, each on what the one before left: hot pixels, refractory, noise and polarity
/// look at the sensor's pixels; then region, flip and transposition change the geometry.
public struct EventFilterChain: Hashable, Sendable {
    /// A part of the sensor, in its pixels.
    public struct Region: Hashable, Sendable {
        public let x: Int
        public let y: Int
        public let width: Int
        public let height: Int

        public init(x: Int, y: Int, width: Int, height: Int) {
            self.x = x
            self.y = y
            self.width = width
            self.height = height
        }
    }

    /// Pixels whose events are left out, by the name of their list and, once it was read, the list.
    public struct NamedPixels: Hashable, Sendable {
        public let name: String
        public var list: HotPixels?

        public init(name: String, list: HotPixels? = nil) {
            self.name = name
            self.list = list
        }
    }

    /// The filters below see none of the events of these pixels.
    public var hotPixels: NamedPixels?

    /// us, at least 1. An event is left out when the one before it (in file order, left out or not) of the same pixel
    /// and polarity is less than this earlier. One that is later in time, where time runs backwards, counts as none.
    public var refractory: Int64?

    /// us, at least 1. An event stays when for one of its 8 neighbour pixels the last event before it (in file order,
    /// of any polarity, left out by this filter or not) is at most this earlier, or later in time. This is Metavision's
    /// activity filter (`ActivityNoiseFilterAlgorithm`: `last >= t - threshold`), whose border has no neighbours
    /// outside; jAER's BackgroundActivityFilter wants less than the time instead.
    public var noise: Int64?

    /// Only events of this polarity stay, 0 (off) or 1 (on).
    public var polarity: Int?

    /// Only its events stay, and count from its upper left corner.
    public var region: Region?

    /// x becomes width - 1 - x.
    public var flipsX = false
    /// y becomes height - 1 - y.
    public var flipsY = false
    /// x and y change places, after they were flipped.
    public var transposes = false

    public init() {}

    public var isEmpty: Bool { self == EventFilterChain() }

    /// Whether an event's fate depends on that event alone.
    public var isStateless: Bool { refractory == nil && noise == nil }

    /// Whether no event is left out.
    public var keepsAll: Bool { isStateless && polarity == nil && region == nil && hotPixels == nil }

    /// Names the list of hot pixels; nil without one.
    public var listDigest: UInt64? { hotPixels?.list?.digest }

    /// How long before an event another one can decide on it, us.
    public var lookBack: Int64 { (refractory ?? 0) + (noise ?? 0) }

    /// The size that events have afterwards; nil when the region is not inside of the sensor.
    public func output(of geometry: Geometry) -> Geometry? {
        var (width, height) = (geometry.width, geometry.height)
        if let region {
            guard region.x >= 0, region.y >= 0, region.width > 0, region.height > 0, region.width <= width,
                region.height <= height, region.x <= width - region.width, region.y <= height - region.height
            else { return nil }
            (width, height) = (region.width, region.height)
        }
        return transposes ? Geometry(width: height, height: width) : Geometry(width: width, height: height)
    }
}
