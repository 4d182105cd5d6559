// Tensors that the page looks at, kept from one call to the next.

import Synchronization
import VirtualTree

/// Opens tensors, and gives the same one again as long as it is what it was: it knows who goes on to the next frame.
final class OpenTensors: Sendable {
    private struct Kept {
        let tensor: VirtualTensor
        var used: ContinuousClock.Instant
    }

    /// More than a page shows at a time, and few enough to hold their recordings open.
    private static let limit = 16
    private static let patience: Duration = .seconds(60)

    private let catalog: VirtualCatalog
    /// By canonical path.
    private let kept = Mutex<[String: Kept]>([:])

    init(_ catalog: VirtualCatalog) { self.catalog = catalog }

    /// The tensor in the file `path` as it is now.
    ///
    /// - Parameter version: the one that is meant; nil for any.
    /// - Throws: `.changed` when it is another by now.
    func tensor(_ path: String, version: String? = nil) throws -> VirtualTensor {
        let opened = try catalog.tensor(at: path)
        if let version, version != opened.version {
            throw ViewerError(.changed, "'\(path)' is another by now: its recording or what was added has changed")
        }
        let now = ContinuousClock.now
        var leaving: [Kept] = []
        let tensor = kept.withLock { kept in
            var tensor = opened
            if let known = kept[opened.path], known.tensor.version == opened.version { tensor = known.tensor }
            kept[opened.path] = Kept(tensor: tensor, used: now)
            for (path, entry) in kept where now - entry.used > Self.patience {
                leaving.append(entry)
                kept[path] = nil
            }
            if kept.count > Self.limit, let oldest = kept.min(by: { $0.value.used < $1.value.used }) {
                leaving.append(oldest.value)
                kept[oldest.key] = nil
            }
            return tensor
        }
        // Freed here, outside the lock.
        _ = consume leaving
        return tensor
    }
}

extension VirtualTensor {
    /// The number of a frame that a query gave.
    func check(_ frame: Int) throws(ViewerError) -> Int {
        guard (0..<plan.frameCount).contains(frame) else {
            throw ViewerError(
                .notFound,
                plan.frameCount == 0
                    ? "'\(path)' has no frames"
                    : "there is no frame \(frame): '\(path)' has \(plan.frameCount), from 0 to \(plan.frameCount - 1)")
        }
        return frame
    }
}
