// SIGINT and SIGTERM while files are written: the unfinished ones go, then the process ends as it was asked to.

import Foundation
import Synchronization

/// Catches the signals that ask a process to end, until `end`.
final class Interruption {
    private final class Caught: Sendable {
        let signal = Mutex<Int32?>(nil)

        /// Returns whether it is the first one.
        func note(_ number: Int32) -> Bool {
            signal.withLock { signal in
                defer { signal = signal ?? number }
                return signal == nil
            }
        }
    }

    private static let signals = [SIGINT, SIGTERM]

    private let caught = Caught()
    private var sources: [any DispatchSourceSignal] = []

    /// - Parameter action: run once, on a thread of its own.
    init(_ action: @escaping @Sendable () -> Void) {
        for number in Interruption.signals {
            Foundation.signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [caught] in
                // Who insists does not wait for frames to be finished.
                if caught.note(number) { action() } else { Interruption.die(of: number) }
            }
            source.resume()
            sources.append(source)
        }
    }

    /// The signal that came; nil for none.
    var signal: Int32? { caught.signal.withLock { $0 } }

    func end() {
        for source in sources { source.cancel() }
        for number in Interruption.signals { Foundation.signal(number, SIG_DFL) }
    }

    /// Ends the process by `number`, so that its parent sees what ended it.
    static func die(of number: Int32) -> Never {
        Foundation.signal(number, SIG_DFL)
        // A thread's mask may hold the signal back from itself, but not from the process.
        kill(getpid(), number)
        sleep(1)
        exit(128 + number)
    }
}
