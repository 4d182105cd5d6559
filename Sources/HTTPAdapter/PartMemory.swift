// Memory for the parts of answers, used again and again.

import NIOCore
import Synchronization

/// Buffers for parts, as many as a few clients need: new memory of this size comes from the kernel page by page, which
/// takes as long as filling it.
final class PartMemory: Sendable {
    /// Of all connections and servers.
    static let shared = PartMemory()

    private static let most = 16
    private let free = Mutex<[ByteBuffer]>([])

    /// An empty buffer with room for a part.
    func take() -> ByteBuffer {
        guard var buffer = free.withLock({ $0.popLast() }) else {
            return ByteBufferAllocator().buffer(capacity: Body.most)
        }
        // Nobody else has it any more, else this makes another one.
        buffer.clear()
        return buffer
    }

    /// Keeps what was sent.
    func give(_ buffer: ByteBuffer) {
        guard buffer.storageCapacity == Body.most else { return }
        free.withLock { if $0.count < Self.most { $0.append(buffer) } }
    }
}
