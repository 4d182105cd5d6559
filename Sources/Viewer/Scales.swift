// One scale of colours for a whole tensor: what is the same in two frames looks the same, and nothing flickers.

import Files
import Preview
import Synchronization
import VirtualTree

/// Finds the scales of tensors, and remembers them.
final class Scales: Sendable {
    struct Found: Sendable {
        let scale: FrameScale
        /// The frames that it is of.
        let frames: [Int]
    }

    /// As `evh5 preview`.
    static let sigmas = 3.0
    /// As many frames as `evh5 preview` shows of a file.
    private static let mostFrames = 8
    /// Fewer where they are of so many events that nobody would wait for more.
    private static let mostEvents: Int64 = 100_000_000

    private let known = Mutex(RecentTable<String, Found>(limit: 500))
    /// Nobody looks for what another is about to find.
    private let looking = Mutex(())

    /// The scale on which `evh5 preview` draws a sheet of the tensor: that of a few frames spread evenly. The same
    /// for the same tensor, whichever frame is asked for first.
    func scale(_ tensor: VirtualTensor, _ style: PictureStyle) throws -> Found {
        let key = "\(tensor.path)\n\(tensor.version)\n\(style.scaleText)"
        if let found = known.withLock({ $0[key] }) { return found }
        return try looking.withLock { _ in
            if let found = known.withLock({ $0[key] }) { return found }
            let frames = Self.frames(of: tensor)
            let planes = try frames.map { try tensor.withElements($0, style.painter.planes) }
            let found = Found(scale: style.painter.scale(of: planes, sigmas: Self.sigmas), frames: frames)
            known.withLock { $0[key] = found }
            return found
        }
    }

    private static func frames(of tensor: VirtualTensor) -> [Int] {
        guard tensor.plan.frameCount > 0 else { return [] }
        let count = max(1, min(mostFrames, Int(mostEvents / max(1, tensor.eventsPerFrame))))
        return EvenFrames.numbers(count, of: tensor.plan.frameCount)
    }
}
