// When RVT's preprocessing has frames and windows.
//
// After `labels_and_ev_repr_timestamps` of uzh-rpg/RVT b80f568, scripts/genx/preprocess_dataset.py.

import Tensors

/// Why RVT's preprocessing makes nothing of a label file.
public struct RVTLabelsError: Error, CustomStringConvertible {
    public enum Code: Sendable {
        /// Its filters leave no label: it deletes the sequence.
        case noLabels
        /// It ends with an error.
        case unusable
    }

    public let code: Code
    public let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}

/// The times of frames, which have labels, and of windows, of which some are those of frames; us.
public struct RVTTimes: Sendable, Equatable {
    /// Rising.
    public let frames: [Int64]
    /// Ends of windows; rising.
    public let windowEnds: [Int64]
    /// The number of each frame's window.
    public let windowOfFrame: [Int64]

    /// - Parameter times: of labels, each once and rising.
    public init(_ times: [Int64], _ dataset: RVTRule.Dataset) throws(RVTLabelsError) {
        let base = try Self.frameDistance(times, dataset)
        guard let first = times.firstIndex(where: { $0 >= Self.earliest }) else {
            throw RVTLabelsError(.unusable, "it has no label at or after \(Self.earliest) us")
        }
        var frames = [times[first]]
        // Windows from each frame to the next.
        var counts: [Int64] = []
        for time in times[(first + 1)...] {
            let distance = time - frames[frames.count - 1]
            let count = Int64((Double(distance) / Double(base)).rounded(.toNearestOrEven))
            guard abs(distance - count * base) <= Self.jitter else { continue }
            guard count > 0 else {
                throw RVTLabelsError(
                    .unusable,
                    "there are labels at \(time - distance) and \(time) us: times that are not the same must be more than \(Self.jitter) us apart"
                )
            }
            frames.append(time)
            counts.append(count * Self.windowsPerStep)
        }
        for (before, after) in zip(frames, frames.dropFirst()) where after - before <= Self.leastDistance {
            throw RVTLabelsError(
                .unusable, "frames at \(before) and \(after) us are not more than \(Self.leastDistance) us apart")
        }
        let windows = counts.reduce(frames[0] / Self.windowStep, +)
        guard windows < Int64(WindowTimes.largestCount) else {
            throw RVTLabelsError(
                .unusable, "its times are too far apart: more than \(WindowTimes.largestCount) windows")
        }
        // Back from the first frame; of the first one, less than all may lie in the recording.
        let before: [Int64] = stride(from: frames[0], to: 0, by: -Int(Self.windowStep)).reversed()
        var ends = Array(before.dropFirst().dropLast())
        var windowOfFrame: [Int64] = []
        for (i, count) in counts.enumerated() {
            windowOfFrame.append(Int64(ends.count))
            let (start, end) = (Double(frames[i]), Double(frames[i + 1]))
            // As numpy.linspace rounds.
            let step = (end - start) / Double(count)
            for j in 0..<count { ends.append(Int64(Double(j) * step + start)) }
        }
        windowOfFrame.append(Int64(ends.count))
        ends.append(frames[frames.count - 1])
        (self.frames, windowEnds, self.windowOfFrame) = (frames, ends, windowOfFrame)
    }

    /// The first frame is not before it.
    private static let earliest: Int64 = 100_000
    /// Frames are that much from where they should be.
    private static let jitter: Int64 = 2000
    private static let leastDistance: Int64 = 98_000
    private static let windowStep: Int64 = 50_000
    /// From one frame to the next, if there is a frame every `frameDistance`.
    private static let windowsPerStep: Int64 = 2

    /// gen1 is labelled at 4 Hz or less; gen4 at 30 or 60 Hz, of which about 10 Hz are taken.
    private static func frameDistance(
        _ times: [Int64], _ dataset: RVTRule.Dataset
    ) throws(RVTLabelsError) -> Int64 {
        guard dataset == .gen4 else { return 250_000 }
        let distances = zip(times, times.dropFirst()).map { $1 - $0 }.sorted()
        guard !distances.isEmpty else {
            throw RVTLabelsError(.unusable, "its labels are all of one time, which does not tell how often they are")
        }
        let middle = distances.count / 2
        let median =
            distances.count % 2 == 1
            ? Double(distances[middle]) : (Double(distances[middle - 1]) + Double(distances[middle])) / 2
        switch (1_000_000 / median).rounded(.toNearestOrEven) {
        case 60: return Int64(6 * median)
        case 30: return Int64(3 * median)
        case let rate:
            throw RVTLabelsError(
                .unusable, "its labels are at \(Int(min(rate, 1e6))) Hz; those of gen4 are at 30 or 60 Hz")
        }
    }
}
