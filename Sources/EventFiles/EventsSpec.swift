// The path component of event files: `events[,key=value...]`.

import Datasets
import Recordings
import Tensors

/// What an event file is, independent of a recording. Two that mean the same are equal and have the same text.
public struct EventsSpec: Hashable, Sendable {
    public enum Layout: String, Hashable, Sendable, CaseIterable {
        /// DSEC's columns and what others added to them: `<name>.h5`.
        case columns
        /// Prophesee's event file, contiguous: `<name>.hdf5`.
        case prophesee
        /// Prophesee's event file with packed chunks, as OpenEB's C++ reader wants it: `<name>.hdf5`.
        case ecf

        /// How the names of its files end.
        public var suffix: String {
            switch self {
            case .columns: ".h5"
            case .prophesee, .ecf: ".hdf5"
            }
        }
    }

    /// What such a component begins with.
    public static let head = "events"
    /// To be raised whenever the bytes of an event file of the same recording become others.
    public static let version = 1

    public let layout: Layout
    /// Events before are left out; us.
    public let startTime: Int64
    /// The length of each part, us; nil when the events are one file.
    public let maxDuration: Int64?
    /// What events go through first.
    public private(set) var filters: EventFilterChain
    /// The canonical path component.
    public let text: String

    /// Whether `component` is meant to be one of these, right or wrong.
    public static func isMeant(by component: String) -> Bool {
        component == head || component.hasPrefix(head + ",")
    }

    /// Parses a component in any valid spelling.
    ///
    /// - Throws: a `TensorError` that says what is wrong; never anything else, whatever the text is.
    public init(_ component: String) throws(TensorError) {
        var parts = try SpecComponent(component, code: .invalidParameter)
        guard parts.head == Self.head else {
            throw TensorError(.invalidParameter, "\(component) does not begin with \(Self.head)")
        }
        var layout = Layout.columns
        if let name = parts.take("layout") {
            guard let known = Layout(rawValue: name) else {
                let names = Layout.allCases.map(\.rawValue).joined(separator: ", ")
                throw TensorError(.invalidParameter, "layout=\(name): there are \(names)")
            }
            layout = known
        }
        startTime = try parts.takeTime("start_ts", from: 0) ?? 0
        maxDuration = try parts.takeTime("max_duration", from: 1)
        filters = try parts.takeFilters()
        if let key = parts.unknownKey {
            let known = (["layout", "max_duration", "start_ts"] + SpecComponent.filterKeys).joined(separator: ", ")
            throw TensorError(.unknownParameter, "\(Self.head) has no parameter \(key); it has \(known)")
        }
        self.layout = layout
        var items = filters.items
        if layout != .columns { items.append("layout=\(layout.rawValue)") }
        if let maxDuration { items.append("max_duration=\(TimeText.text(maxDuration))") }
        if startTime != 0 { items.append("start_ts=\(TimeText.text(startTime))") }
        text = ([Self.head] + items.sorted()).joined(separator: ",")
    }

    /// Whether there is such a file of recordings of this geometry.
    ///
    /// - Throws: `.notApplicable` when a region is not inside of the sensor.
    public func check(for geometry: Geometry) throws(TensorError) { _ = try filters.size(on: geometry) }

    /// The same file with the list of hot pixels that its filters name, which is no part of its name.
    public func with(_ list: HotPixels) -> EventsSpec {
        var spec = self
        spec.filters = filters.with(list)
        return spec
    }

    /// The same with the list beside the recording at `path`, where the filters name one.
    public func withList(beside path: String) throws(ListFileError) -> EventsSpec {
        try filters.list(beside: path).map { with($0) } ?? self
    }

    public static func == (left: EventsSpec, right: EventsSpec) -> Bool { left.text == right.text }
    public func hash(into hasher: inout Hasher) { hasher.combine(text) }
}
