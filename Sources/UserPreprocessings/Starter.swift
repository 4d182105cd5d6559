// The thread that starts worker processes.

import Dispatch
import Foundation
import Synchronization

/// Runs one thing after the other on a thread of its own. A process inherits the niceness of the thread that starts it,
/// and threads that compute ahead of readers have a high one, which an ordinary user's process cannot lower again.
final class Starter: Sendable {
    /// Made by the thread that loads the first preprocessing.
    static let shared = Starter()

    private let jobs = Mutex<[@Sendable () -> Void]>([])
    private let waiting = DispatchSemaphore(value: 0)

    private init() {
        Thread.detachNewThread { [self] in
            while true {
                waiting.wait()
                jobs.withLock { $0.removeFirst() }()
            }
        }
    }

    /// Runs `body` there and returns its result. `other` only holds the result's place until then.
    func run<R: Sendable>(orElse other: R, _ body: @escaping @Sendable () -> R) -> R {
        let result = Result(other)
        let done = DispatchSemaphore(value: 0)
        jobs.withLock { jobs in
            jobs.append {
                result.value.withLock { $0 = body() }
                done.signal()
            }
        }
        waiting.signal()
        done.wait()
        return result.value.withLock { $0 }
    }

    private final class Result<R: Sendable>: Sendable {
        let value: Mutex<R>
        init(_ value: R) { self.value = Mutex(value) }
    }
}
