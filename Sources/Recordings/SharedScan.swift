// A scan that any number of threads wait for, each as long as somebody wants what it works for.

import Files
import Foundation
import Synchronization

/// One scan of a recording and those who wait for it. Whoever makes it waits, too.
final class SharedScan: Sendable {
    private struct State {
        var result: Result<TimeIndex, RecordingError>?
        /// How many wait. A scan that all have left is not joined any more.
        var waiting = 1
        var sleepers: [ObjectIdentifier: DispatchSemaphore] = [:]
    }

    private let state = Mutex(State())

    /// Whether nobody waits any more.
    var isUnwanted: Bool { state.withLock { $0.waiting == 0 } }

    /// One more waits; false when it is too late for that.
    func join() -> Bool {
        state.withLock { state in
            guard state.waiting > 0 || state.result != nil else { return false }
            state.waiting += 1
            return true
        }
    }

    func finish(_ result: Result<TimeIndex, RecordingError>) {
        let sleepers = state.withLock { state in
            state.result = result
            return Array(state.sleepers.values)
        }
        for sleeper in sleepers { sleeper.signal() }
    }

    /// Waits for the result, or until nobody wants what the calling thread works for.
    func wait() -> Result<TimeIndex, RecordingError> {
        if let result = state.withLock({ $0.result }) { return result }
        return LongWait.during {
            let sleeper = DispatchSemaphore(value: 0)
            let key = ObjectIdentifier(sleeper)
            while true {
                let result = state.withLock { state in
                    state.sleepers[key] = state.result == nil ? sleeper : nil
                    return state.result
                }
                if let result { return result }
                guard sleeper.wait(timeout: .now() + .milliseconds(LongWait.interval)) == .timedOut,
                    LongWait.isInterrupted
                else { continue }
                let isOver = state.withLock { state in
                    state.sleepers[key] = nil
                    guard state.result == nil else { return true }
                    state.waiting -= 1
                    return false
                }
                if !isOver { return .failure(SharedScan.interrupted(nil)) }
            }
        }
    }

    static func interrupted(_ path: String?) -> RecordingError {
        RecordingError(.interrupted, "nobody waits for the scan\(path.map { " of '\($0)'" } ?? "") any more")
    }
}
