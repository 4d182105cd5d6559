// Memory for replies that are made of frames instead of pointing into them.

import Synchronization

/// Bytes that a reply points into, used by one thread until the reply is made.
///
/// Memory for large replies is kept for the next one: what was used last is still in the processor's cache, and so
/// frames are made of counts and handed to the kernel without a detour over the machine's memory.
final class ReplyMemory: @unchecked Sendable {
    /// The kernel's largest request, and some.
    private static let large = (1 << 20) + 4 * page
    /// From this size on memory is kept.
    private static let small = 64 << 10
    /// As many as there are requests at once on most machines.
    private static let kept = 16
    private static let page = 4096
    /// Bytes that a part may take beyond those asked for: up to its place in a page, and room around values that are
    /// cut.
    static let loss = page + 8

    private struct Pool: @unchecked Sendable {
        var free: [UnsafeMutableRawBufferPointer] = []
    }

    private static let pool = Mutex(Pool())

    private let bytes: UnsafeMutableRawBufferPointer
    private var used = 0

    init(_ count: Int) {
        let isPooled = count >= Self.small && count <= Self.large
        bytes =
            (isPooled ? Self.pool.withLock { $0.free.popLast() } : nil)
            ?? .allocate(byteCount: isPooled ? Self.large : count, alignment: Self.page)
    }

    deinit {
        let isKept = Self.pool.withLock { [bytes] pool in
            guard bytes.count == Self.large, pool.free.count < Self.kept else { return false }
            pool.free.append(bytes)
            return true
        }
        if !isKept { bytes.deallocate() }
    }

    /// The next `count` bytes that begin at `place` in a page.
    func take(_ count: Int, at place: Int) -> UnsafeMutableRawBufferPointer {
        used += (place - used) & (Self.page - 1)
        defer { used += count }
        return UnsafeMutableRawBufferPointer(rebasing: bytes[used..<used + count])
    }
}
