// How threads exclude and wait for each other here, and share work: the only place that knows pthreads.
// Not Synchronization's Mutex: the thread sanitizer does not see it, and reports races where there are none.

import Dispatch
import Glibc

/// A pthread mutex with one condition; both at a fixed address for as long as they are used.
private struct Monitor: ~Copyable, @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // Setting the clock must not end a wait early or late.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    borrowing func lock() { pthread_mutex_lock(mutex) }
    borrowing func unlock() { pthread_mutex_unlock(mutex) }
    borrowing func broadcast() { pthread_cond_broadcast(condition) }
    borrowing func wait() { pthread_cond_wait(condition, mutex) }

    /// Waits until `deadline` on the monotonic clock at most; returns false when it has passed.
    borrowing func wait(until deadline: timespec) -> Bool {
        var deadline = deadline
        return pthread_cond_timedwait(condition, mutex, &deadline) != ETIMEDOUT
    }
}

/// A value that one thread at a time gets to see.
final class Guarded<Value>: @unchecked Sendable {
    private let monitor = Monitor()
    private var value: Value

    init(_ value: sending Value) { self.value = value }

    func withLock<R: Sendable>(_ body: (inout Value) -> R) -> R {
        monitor.lock()
        defer { monitor.unlock() }
        return body(&value)
    }
}

/// Wakes one thread; a signal given before the thread waits is not lost.
final class Signal: @unchecked Sendable {
    private let monitor = Monitor()
    private var given = false

    func give() {
        monitor.lock()
        given = true
        monitor.broadcast()
        monitor.unlock()
    }

    /// Waits for a signal and takes it.
    func wait() {
        monitor.lock()
        while !given { monitor.wait() }
        given = false
        monitor.unlock()
    }

    /// That many milliseconds from now, on the monotonic clock.
    fileprivate static func deadline(_ milliseconds: Int) -> timespec {
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        deadline.tv_sec += milliseconds / 1000
        deadline.tv_nsec += milliseconds % 1000 * 1_000_000
        if deadline.tv_nsec >= 1_000_000_000 {
            deadline.tv_nsec -= 1_000_000_000
            deadline.tv_sec += 1
        }
        return deadline
    }

    /// Waits for a signal and takes it; returns false when none came for `milliseconds`.
    func wait(milliseconds: Int) -> Bool {
        let deadline = Signal.deadline(milliseconds)
        monitor.lock()
        defer { monitor.unlock() }
        while !given {
            if !monitor.wait(until: deadline) && !given { return false }
        }
        given = false
        return true
    }
}

/// One computation that any number of threads wait for.
final class Flight: @unchecked Sendable {
    private let monitor = Monitor()
    private var result: Result<Buffer, any Error>?

    func finish(_ result: Result<Buffer, any Error>) {
        monitor.lock()
        self.result = result
        monitor.broadcast()
        monitor.unlock()
    }

    /// Waits until the computation is over, and returns what came of it.
    func wait() -> Result<Buffer, any Error> {
        while true {
            if let result = wait(milliseconds: 1 << 30) { return result }
        }
    }

    /// Waits for `milliseconds` at most; nil when the computation is not over then.
    func wait(milliseconds: Int) -> Result<Buffer, any Error>? {
        monitor.lock()
        defer { monitor.unlock() }
        if result != nil || milliseconds == 0 { return result }
        let deadline = Signal.deadline(milliseconds)
        while result == nil {
            if !monitor.wait(until: deadline) { return result }
        }
        return result
    }
}

enum Threads {
    /// Calls `body` with 0 to `count` - 1, in as many threads as there are to spare, the calling one among them, and
    /// returns when all is done. `body` must be fit to be called by several at once.
    static func run(_ count: Int, _ body: (Int) -> Void) {
        struct Shared: @unchecked Sendable { let body: (Int) -> Void }
        withoutActuallyEscaping(body) { body in
            let shared = Shared(body: body)
            DispatchQueue.concurrentPerform(iterations: count) { shared.body($0) }
        }
    }
}
