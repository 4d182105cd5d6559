// Which frames a preview shows.

import Preview

/// So many frames, or one every so long.
struct FrameChoice {
    /// Spread evenly, each in the middle of its part of the recording.
    let count: Int
    /// us; instead of `count`.
    let every: Int?

    /// More cells than anybody looks at.
    private static let mostFrames = 10_000

    /// - Throws: exit code `usage` when `every` does not go with the input's window or gives too many.
    func frames(of input: PreviewInput) throws(CommandError) -> [Int] {
        let total = input.frameCount
        guard let every else { return EvenFrames.numbers(count, of: total) }
        guard let period = input.period else {
            throw CommandError(
                .usage, "--every is for windows of a period that follow each other; give --frames instead")
        }
        let step = max(1, every / Int(period))
        let chosen = total / step + (total % step == 0 ? 0 : 1)
        guard chosen <= Self.mostFrames else {
            throw CommandError(
                .usage,
                "--every \(Quantity.text(microseconds: every)) gives \(chosen) frames; "
                    + "there may be \(Self.mostFrames)")
        }
        return Array(stride(from: 0, to: total, by: step))
    }
}
