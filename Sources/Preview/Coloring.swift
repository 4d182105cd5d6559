// Which colours show which channels of a tensor.

/// How a frame's channels become colours.
public enum Coloring: Hashable, Sendable {
    /// Channels are off, on, off, on ...: each polarity has a colour, its channels are added up.
    case polarity
    /// The same with all channels of off first, then all of on.
    case halves
    /// So many micro time bins of equally many channels each: the colour says when, the brightness how much, off and on
    /// together.
    case bins(Int)
    /// One channel, or several added up, with a colour each for negative and positive values.
    case signed
    /// One channel from dark to bright; with two colours if values are negative.
    case gray
    /// Every channel by itself, side by side.
    case tiles

    /// What people choose for such a tensor.
    ///
    /// - Parameters:
    ///   - name: what `events_to_tensor` says.
    ///   - bins: the parameter `num_utbins`, if it has one.
    public static func standard(name: String, channels: Int, bins: Int?) -> Coloring {
        if name == "stacked_histogram", channels % 2 == 0 { return .halves }
        if ["mixed_density_stack", "voxel_grid", "event_volume"].contains(name) { return .signed }
        if let bins, bins > 1, channels == bins || channels == 2 * bins { return .bins(bins) }
        switch channels {
        case 1: return name.hasPrefix("diff") ? .signed : .gray
        case 2: return .polarity
        default: return .tiles
        }
    }

    /// - Throws: `.notApplicable`.
    public func check(channels: Int) throws(PreviewError) {
        switch self {
        case .polarity where channels % 2 != 0, .halves where channels % 2 != 0:
            throw PreviewError(.notApplicable, "\(channels) channels are no pairs of off and on")
        case .bins(let bins) where bins < 1 || channels % bins != 0:
            throw PreviewError(.notApplicable, "\(channels) channels are not \(bins) bins")
        case .gray where channels != 1:
            throw PreviewError(.notApplicable, "there are \(channels) channels, not one")
        default: break
        }
    }
}
