// event_volume: the input of the networks that come with OpenEB.

import Recordings

/// `event_volume`: float32 (num_bins, H, W). On events count 1, off events -1, shared linearly in time between the
/// centres of the two nearest of num_bins bins of the window. An event before the first centre leaks what it lacks into
/// the second bin, and one after the last centre is wholly in the last: as `event_volume` of OpenEB's
/// metavision_core_ml/preprocessing/event_to_tensor_torch.py, with its float32 times.
struct EventVolume: Preprocessing {
    static let definition = PreprocessingDefinition(
        name: "event_volume", summary: "signed events shared between bins of the window (OpenEB's networks)",
        parameters: [VoxelGrid.bins]
    ) { values throws(TensorError) in EventVolume(bins: values[VoxelGrid.bins].integer) }

    let bins: Int
    var channels: Int { bins }

    func valuesAreFractions(shift: Int) -> Bool { false }
    func scratchBytes(on grid: FrameGrid, storedAsUInt8: Bool) -> Int { 8 * bins * grid.cells }

    func render(
        _ window: EventWindow, on grid: FrameGrid, storedAsUInt8: Bool, into frame: UnsafeMutableRawBufferPointer
    ) throws(RecordingError) {
        guard let base = frame.baseAddress else { return }
        let count = bins * grid.cells
        let values = base.bindMemory(to: Float.self, capacity: count)
        let (t0, bins, length) = (window.t0, bins, Float(window.duration))
        try withSums(count) { sums throws(RecordingError) in
            var sink = SharingSink(sums, grid) { t in
                let position = Float(t &- t0) * Float(bins) / length - 0.5
                let left = Int(min(max(position.rounded(.down), 0), Float(bins - 1)))
                let weight = Float(max(0, 1 - abs(Double(left) - Double(position))))
                return Shares(
                    left: (left, Double(weight)), right: (min(left + 1, bins - 1), Double(1 - weight)))
            }
            try window.forEach(&sink)
            for i in 0..<count { values[i] = Float(sums[i]) }
        }
    }
}
