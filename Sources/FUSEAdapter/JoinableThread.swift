// A thread that can be waited for.

import Foundation

/// Runs a body on a thread of its own.
final class JoinableThread: Sendable {
    private let done = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable () -> Void) {
        let done = done
        let thread = Thread {
            body()
            done.signal()
        }
        thread.start()
    }

    /// Waits until the body has returned. To be called once.
    func join() { done.wait() }
}
