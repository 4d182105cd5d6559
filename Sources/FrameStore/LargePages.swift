// Frames that stay in memory are moved into large pages, of 2 MiB on x86, behind the readers' backs: the kernel copies
// them to readers in much less time, as it need not look up each page of 4 KiB, and the processor finds their
// addresses.

import Foundation

/// Moves frames of a store, one after the other, on a thread that ends when there is none left.
///
/// Large pages are dear to make: the kernel clears or copies 2 MiB at once, perhaps after moving others' pages out of
/// the way, and the address space is locked meanwhile. So nobody waits for it, and frames are moved where they are
/// instead of made in large pages. Memory that was moved stays so: other frames use it later.
final class LargePages: Sendable {
    /// Bytes of a large page; nil when the system has none.
    static let size: Int? = {
        let path = "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"
        let text = try? String(contentsOfFile: path, encoding: .utf8)
        return text.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }.flatMap { $0 > 0 ? $0 : nil }
    }()

    /// madvise(2)'s MADV_COLLAPSE, which older headers do not have.
    private static let collapse: Int32 = 25

    /// Moves `length` bytes from `base` on, both multiples of a large page. False when that cannot be: the pages were
    /// in use or swapped out, there are no free large ones, or the kernel is older than Linux 6.1.
    static func move(_ base: UnsafeMutableRawPointer, _ length: Int) -> Bool { madvise(base, length, collapse) == 0 }

    /// The next frame to move, and whether frames are being loaded or computed.
    typealias Take = @Sendable () -> (isBusy: Bool, Move?)
    struct Move: Sendable {
        let buffer: Buffer
        /// Is told whether it was moved.
        let finish: @Sendable (Bool) -> Void
    }

    private let isRunning = Guarded(false)
    private let wake = Signal()
    /// The thread sleeps so many times as long as it took to move a frame, so that it takes a fifth of a core at most,
    /// and one part of 50 while frames are computed.
    private static let rest = (calm: 4.0, busy: 50.0)
    /// Milliseconds without work after which the thread ends.
    private static let idle = 5000

    /// There is a frame to move.
    func begin(_ take: @escaping Take) {
        let starts = isRunning.withLock { isRunning in
            defer { isRunning = true }
            return !isRunning
        }
        if starts { Thread.detachNewThread { [self] in run(take) } } else { wake.give() }
    }

    private func run(_ take: @escaping Take) {
        while true {
            let (isBusy, move) = take()
            guard let move else {
                if wake.wait(milliseconds: LargePages.idle) { continue }
                isRunning.withLock { $0 = false }
                // Whoever came in between took this thread for running.
                if wake.wait(milliseconds: 0) { begin(take) }
                return
            }
            let start = DiskCache.now()
            move.finish(move.buffer.moveToLargePages())
            let seconds = (DiskCache.now() - start) * (isBusy ? LargePages.rest.busy : LargePages.rest.calm)
            usleep(UInt32(min(seconds, 1) * 1e6))
        }
    }
}
