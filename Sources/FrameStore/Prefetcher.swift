// Computing ahead: frames that a reader will want next, with memory and cores that nobody else wants.

import Dispatch
import Synchronization

/// Runs a few requests at once, the latest first, and drops those that nobody came to in time: a reader has gone past
/// them or away.
final class Prefetcher: Sendable {
    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var running = 0
    }

    private let state = Mutex(State())
    private let limit: Int
    private let queue = DispatchQueue(label: "evh5.prefetch", qos: .utility, attributes: .concurrent)

    /// At most `limit` requests run at once.
    init(limit: Int) { self.limit = max(1, limit) }

    /// Runs `work` soon, or never.
    func submit(_ work: @escaping @Sendable () -> Void) {
        let (overtaken, begins) = state.withLock { state in
            state.waiting.append(work)
            let overtaken = state.waiting.count > 4 * limit ? state.waiting.removeFirst() : nil
            let begins = state.running < limit
            if begins { state.running += 1 }
            return (overtaken, begins)
        }
        _ = consume overtaken
        if begins { queue.async { self.run() } }
    }

    private func run() {
        while let work = state.withLock({ state -> (@Sendable () -> Void)? in
            if state.waiting.isEmpty { state.running -= 1 }
            return state.waiting.popLast()
        }) {
            work()
        }
    }
}
