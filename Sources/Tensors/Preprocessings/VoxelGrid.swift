// voxel_grid: the input of E2VID, E-RAFT, DSEC's baselines, DEVO and most networks for flow and reconstruction.

import Glibc
import Recordings

/// `voxel_grid`: float32 (num_bins, H, W). On events count 1, off events -1, shared linearly in time between the two
/// nearest of num_bins moments, of which the first and the last are at the ends of the time axis: the frame's first and
/// last event (`origin=events`) or the window's edges (`origin=window`). `norm=nonzero` makes the values that are not 0
/// have a mean of 0 and a population deviation of 1 (E2VID), `nonzero_unbiased` a deviation by n - 1 (DSEC, E-RAFT).
struct VoxelGrid: Preprocessing {
    static let bins = ParameterDefinition(
        "num_bins", .integer(1...64), default: .integer(5), "moments that events are shared between")
    static let origin = ParameterDefinition(
        "origin", .choice(["events", "window"]), default: .text("events"), "what the first and last moment are at")
    static let norm = ParameterDefinition(
        "norm", .choice(["none", "nonzero", "nonzero_unbiased"]), default: .text("none"),
        "how values that are not 0 are normalised")

    static let definition = PreprocessingDefinition(
        name: "voxel_grid", summary: "signed events shared between moments of the frame (E2VID, E-RAFT, DSEC)",
        parameters: [bins, origin, norm]
    ) { values throws(TensorError) in
        VoxelGrid(
            bins: values[bins].integer, isOfWindow: values[origin] == .text("window"),
            norm: values[norm] == .text("nonzero") ? .population : values[norm] == .text("none") ? .none : .sample)
    }

    enum Norm: Sendable { case none, population, sample }

    let bins: Int
    /// Whether the time axis is the window, not from its first to its last event.
    let isOfWindow: Bool
    let norm: Norm
    var channels: Int { bins }

    func valuesAreFractions(shift: Int) -> Bool { false }
    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int { 8 * bins * grid.cells }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        guard let base = frame.baseAddress else { return }
        let count = bins * grid.cells
        let values = base.bindMemory(to: Float.self, capacity: count)
        let ends =
            isOfWindow ? (window.t0, window.t0 &+ window.duration) : try window.firstAndLastTime() ?? (0, 0)
        try withSums(count) { sums throws(RecordingError) in
            var sink = SharingSink(sums, grid, shares(from: ends.0, to: ends.1))
            try window.forEach(&sink)
            normalise(sums, count)
            for i in 0..<count { values[i] = Float(sums[i]) }
        }
    }

    /// A tent of one bin's half width around each moment.
    private func shares(from start: Int64, to end: Int64) -> (Int64) -> Shares {
        let bins = bins
        let length = Double(max(end &- start, 1))
        return { t in
            let position = Double(Int64(bins - 1) &* (t &- start)) / length
            // Further away no moment is near; also keeps the conversion safe.
            guard position > -1, position < Double(bins) else { return .none }
            let bin = Int(position.rounded(.down))
            func share(_ bin: Int) -> (bin: Int, weight: Double) {
                (0..<bins).contains(bin) ? (bin, max(0, 1 - abs(position - Double(bin)))) : (0, 0)
            }
            return Shares(left: share(bin), right: share(bin + 1))
        }
    }

    /// Mean and deviation of the sums that are not 0. A deviation of 0 leaves their distance from the mean.
    private func normalise(_ sums: UnsafeMutablePointer<Double>, _ count: Int) {
        guard norm != .none else { return }
        var (number, total) = (0, 0.0)
        for i in 0..<count where sums[i] != 0 {
            number += 1
            total += sums[i]
        }
        guard number > 0 else { return }
        let mean = total / Double(number)
        var squares = 0.0
        for i in 0..<count where sums[i] != 0 { squares += (sums[i] - mean) * (sums[i] - mean) }
        let deviation = (squares / Double(norm == .sample && number > 1 ? number - 1 : number)).squareRoot()
        let scale = deviation > 0 ? deviation : 1
        for i in 0..<count where sums[i] != 0 { sums[i] = (sums[i] - mean) / scale }
    }
}
