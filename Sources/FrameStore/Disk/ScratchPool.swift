// Working memory of threads that read entries, kept for the next of them.

import Glibc

/// Memory that is freed with its last holder.
final class Scratch: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    /// Nil when the system has no memory.
    init?(_ byteCount: Int) {
        guard let base = malloc(max(1, byteCount)) else { return nil }
        bytes = UnsafeMutableRawBufferPointer(start: base, count: max(1, byteCount))
    }

    deinit { free(bytes.baseAddress) }
}

final class ScratchPool: Sendable {
    /// How many buffers are kept, and up to which size.
    private static let keptCount = 4
    private static let keptBytes = 8 << 20

    private let free = Guarded<[Scratch]>([])

    /// Memory of `byteCount` bytes at least; nil when there is none.
    func take(_ byteCount: Int) -> Scratch? {
        free.withLock { free in
            free.firstIndex { $0.bytes.count >= byteCount }.map { free.remove(at: $0) }
        } ?? Scratch(byteCount)
    }

    func put(_ scratch: Scratch) {
        guard scratch.bytes.count <= ScratchPool.keptBytes else { return }
        free.withLock { free in
            free.append(scratch)
            // Those too small for anybody leave first.
            if free.count > ScratchPool.keptCount { free.removeFirst() }
        }
    }
}
