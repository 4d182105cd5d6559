// The threads that store frames behind the readers' backs.

import Foundation

/// Does jobs one after the other, in order, on a thread that takes only the processor time nobody else wants. While
/// much waits, or waits for long, an eager thread does them instead, which takes a share of its own. Both end when
/// there is nothing to do.
final class WriteBehind: Sendable {
    struct Job: Sendable {
        /// What the job is about, for figures and to tell when much waits.
        let bytes: Int
        let since = DiskCache.now()
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
        var isEager = false
        /// How many wait for all jobs to be done.
        var waiting = 0
        /// A job is being done: its bytes.
        var current: Int?

        /// Takes the next job, when there is one; the one before is done.
        mutating func take() -> Job? {
            guard next < jobs.count else {
                jobs.removeAll()
                next = 0
                return nil
            }
            let job = jobs[next]
            next += 1
            bytes -= job.bytes
            current = job.bytes
            // What was done is let go now and then.
            if next >= 1024 {
                jobs.removeFirst(next)
                next = 0
            }
            return job
        }
    }

    /// Waiting jobs hold no frames, only their names: this many are nothing in memory, and more than memory has frames.
    private static let limit = 100_000
    /// Milliseconds without work after which a thread ends.
    private static let idle = 5000
    /// Seconds that a job may wait for processor time that nobody else wants.
    private static let patience = 5.0
    /// For time that nobody else wants; the eager thread is below readers, above nothing: at 10, frames computed on
    /// both cores at full speed would hardly ever be stored.
    private static let niceness: (calm: Int32, eager: Int32) = (19, 5)

    private let state = Guarded(State())
    private let wake = Signal()
    /// Bytes of waiting jobs that are many.
    private let many: Int

    init(many: Int) { self.many = many }

    /// Jobs that wait or are being done, and their bytes.
    var backlog: (count: Int, bytes: Int) {
        state.withLock { ($0.jobs.count - $0.next + ($0.current == nil ? 0 : 1), $0.bytes + ($0.current ?? 0)) }
    }

    /// False when too many jobs are waiting.
    @discardableResult
    func enqueue(_ job: Job) -> Bool {
        let taken = state.withLock { state in
            guard state.jobs.count - state.next < WriteBehind.limit else { return false }
            state.jobs.append(job)
            state.bytes += job.bytes
            return true
        }
        if taken { begin() }
        return taken
    }

    /// Waits until nothing is left to do; false when `seconds` were over before.
    func wait(seconds: Double) -> Bool {
        let end = DiskCache.now() + seconds
        state.withLock { $0.waiting += 1 }
        defer { state.withLock { $0.waiting -= 1 } }
        begin()
        while backlog.count > 0 {
            guard DiskCache.now() < end else { return false }
            usleep(2000)
        }
        return true
    }

    /// Whether jobs shall not wait any longer for time that nobody wants. The eager thread goes on for a while, so that
    /// it is not started for every job.
    private func isUrgent(_ state: State) -> Bool {
        guard state.next < state.jobs.count else { return false }
        let share = state.isEager ? 0.5 : 1
        let waited = DiskCache.now() - state.jobs[state.next].since
        return state.waiting > 0 || Double(state.bytes) > share * Double(many) || waited > share * WriteBehind.patience
    }

    /// Starts or wakes the thread that is to do the next job.
    private func begin() {
        let (calm, eager) = state.withLock { state in
            let calm = !state.isRunning && state.next < state.jobs.count
            let eager = !state.isEager && isUrgent(state)
            if calm { state.isRunning = true }
            if eager { state.isEager = true }
            return (calm, eager)
        }
        if calm { Thread.detachNewThread { [self] in run() } } else { wake.give() }
        if eager { Thread.detachNewThread { [self] in runEagerly() } }
    }

    private func run() {
        setNiceness(WriteBehind.niceness.calm)
        let tools = Tools()
        while true {
            let job = state.withLock { $0.isEager ? nil : $0.take() }
            if let job {
                job.body(tools)
                state.withLock { $0.current = nil }
                // Where others compute all the time, nobody else tells when jobs have waited for too long.
                begin()
            } else if !wake.wait(milliseconds: WriteBehind.idle), end() {
                return
            }
        }
    }

    private func runEagerly() {
        setNiceness(WriteBehind.niceness.eager)
        let tools = Tools()
        while true {
            let (isOver, job) = state.withLock { state -> (Bool, Job?) in
                // One job at a time: the calm thread may be amid one.
                guard state.current == nil else { return (false, nil) }
                guard isUrgent(state), let job = state.take() else {
                    state.isEager = false
                    return (true, nil)
                }
                return (false, job)
            }
            if isOver {
                wake.give()
                return
            }
            if let job {
                job.body(tools)
                state.withLock { $0.current = nil }
            } else {
                usleep(1000)
            }
        }
    }

    /// On Linux, this thread's own; nothing depends on whether it works.
    private func setNiceness(_ niceness: Int32) { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness) }

    /// Whether there is still nothing to do; then the next job starts a new thread.
    private func end() -> Bool {
        state.withLock { state in
            guard state.next >= state.jobs.count else { return false }
            state.isRunning = false
            return true
        }
    }
}
