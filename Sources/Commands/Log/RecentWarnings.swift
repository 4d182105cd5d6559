// The last warnings of a mount, for `evh5 status`: a log that nobody looks at helps nobody.

import Foundation
import Logging
import Synchronization
import VirtualTree

/// Passes lines on, and keeps the last of those that say that something is wrong.
final class RecentWarnings: LogSink {
    private struct State {
        var lines: [MountStatus.Log.Line] = []
        var count = 0
    }

    /// How many lines are kept.
    private static let limit = 10
    /// Characters of a line that are kept.
    private static let longest = 500

    private let sink: any LogSink
    /// Where the lines go, as status shows it.
    private let destination: String
    private let state = Mutex(State())

    init(_ sink: any LogSink, destination: String) {
        self.sink = sink
        self.destination = destination
    }

    func write(_ line: LogLine) {
        sink.write(line)
        guard line.level >= .warning else { return }
        let kept = MountStatus.Log.Line(
            time: Date().timeIntervalSince1970, level: line.level.rawValue, text: String(line.text.prefix(Self.longest))
        )
        state.withLock { state in
            state.count += 1
            state.lines.append(kept)
            if state.lines.count > Self.limit { state.lines.removeFirst() }
        }
    }

    var status: MountStatus.Log {
        state.withLock { MountStatus.Log(destination: destination, warnings: $0.count, last: $0.lines) }
    }
}
