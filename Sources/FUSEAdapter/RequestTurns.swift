// How many requests are worked on at the same time, whatever number of threads wait.

import CFUSE
import Files
import Foundation

/// Turns of requests: at most as many as a mount may have are answered at once, and those that wait for others do not
/// count. So hundreds of readers can wait for one scan while everybody else gets answers.
final class RequestTurns: RequestGiver {
    /// Threads that may wait besides those that work.
    static let waiting = 1024

    private let turns: DispatchSemaphore

    init(limit: Int) { turns = DispatchSemaphore(value: max(1, limit)) }

    func willAnswer() { turns.wait() }
    func didAnswer() { turns.signal() }

    func isInterrupted(_ request: OpaquePointer) -> Bool { fuse_req_interrupted(request) != 0 }
    func willWait() { turns.signal() }
    func didWait() { turns.wait() }
}
