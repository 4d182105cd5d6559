// The thread that stores frames behind the readers' backs.

import Foundation

/// Does jobs one after the other on a thread of low priority, which ends when there has been nothing to do for a while.
final class WriteBehind: Sendable {
    struct Job: Sendable {
        /// What the job is about, for figures.
        let bytes: Int
        let body: @Sendable (Tools) -> Void

        init(bytes: Int, _ body: @escaping @Sendable (Tools) -> Void) {
            self.bytes = bytes
            self.body = body
        }
    }

    /// What the thread keeps from job to job.
    final class Tools {
        let packer = FramePacker()
        private var memory: Scratch?

        /// Memory of `byteCount` bytes at least; nil when there is none.
        func output(_ byteCount: Int) -> UnsafeMutableRawBufferPointer? {
            if (memory?.bytes.count ?? 0) < byteCount {
                memory = nil
                memory = Scratch(byteCount)
            }
            return memory?.bytes
        }
    }

    private struct State {
        var jobs: [Job] = []
        /// The next of `jobs`.
        var next = 0
        var bytes = 0
        var isRunning = false
        /// A job is being done: its bytes.
        var current: Int?
    }

    /// Waiting jobs hold no frames, only their names: this many are nothing in memory, and more than memory has frames.
    private static let limit = 100_000
    /// Milliseconds without work after which the thread ends.
    private static let idle = 5000
    /// Below readers, above nothing: at 10, frames computed on both cores at full speed would hardly ever be stored.
    private static let niceness: Int32 = 5

    private let state = Guarded(State())
    private let wake = Signal()

    /// Jobs that wait or are being done, and their bytes.
    var backlog: (count: Int, bytes: Int) {
        state.withLock { ($0.jobs.count - $0.next + ($0.current == nil ? 0 : 1), $0.bytes + ($0.current ?? 0)) }
    }

    /// False when too many jobs are waiting.
    @discardableResult
    func enqueue(_ job: Job) -> Bool {
        let (taken, start) = state.withLock { state -> (Bool, Bool) in
            guard state.jobs.count - state.next < WriteBehind.limit else { return (false, false) }
            state.jobs.append(job)
            state.bytes += job.bytes
            let start = !state.isRunning
            state.isRunning = true
            return (true, start)
        }
        if start {
            Thread.detachNewThread { [self] in run() }
        } else {
            wake.give()
        }
        return taken
    }

    /// Waits until nothing is left to do; false when `seconds` were over before.
    func wait(seconds: Double) -> Bool {
        let end = DiskCache.now() + seconds
        while backlog.count > 0 {
            guard DiskCache.now() < end else { return false }
            usleep(2000)
        }
        return true
    }

    private func run() {
        // On Linux, this thread's own; nothing depends on whether it works.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, WriteBehind.niceness)
        let tools = Tools()
        while true {
            if let job = take() {
                job.body(tools)
            } else if !wake.wait(milliseconds: WriteBehind.idle), end() {
                return
            }
        }
    }

    /// The next job, when there is one; the one before is done.
    private func take() -> Job? {
        state.withLock { state in
            state.current = nil
            guard state.next < state.jobs.count else {
                state.jobs.removeAll()
                state.next = 0
                return nil
            }
            let job = state.jobs[state.next]
            state.next += 1
            state.bytes -= job.bytes
            state.current = job.bytes
            // What was done is let go now and then.
            if state.next >= 1024 {
                state.jobs.removeFirst(state.next)
                state.next = 0
            }
            return job
        }
    }

    /// Whether there is still nothing to do; then the next job starts a new thread.
    private func end() -> Bool {
        state.withLock { state in
            guard state.next >= state.jobs.count else { return false }
            state.isRunning = false
            return true
        }
    }
}
