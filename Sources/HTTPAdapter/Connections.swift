// The connections that there are: no more than a limit, and none forgotten at the end.

import NIOCore
import Synchronization

/// Open connections and when each of them began to wait for its client.
final class Connections: Sendable {
    private struct Entry {
        let channel: any Channel
        /// nil while a request is answered.
        var idleSince: NIODeadline?
    }

    private let limit: Int
    private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

    init(limit: Int) { self.limit = limit }

    var count: Int { entries.withLock { $0.count } }

    /// Takes a new connection in, if need be in the place of the one that has been silent for the longest time; false
    /// when all others are being answered.
    func add(_ channel: any Channel) -> Bool {
        let (isTaken, leaving) = entries.withLock { entries -> (Bool, (any Channel)?) in
            var leaving: (any Channel)?
            if entries.count >= limit {
                let silent = entries.filter { $0.value.idleSince != nil }
                guard
                    let oldest = silent.min(by: { $0.value.idleSince ?? .now() < $1.value.idleSince ?? .now() })
                else { return (false, nil) }
                entries[oldest.key] = nil
                leaving = oldest.value.channel
            }
            entries[ObjectIdentifier(channel)] = Entry(channel: channel, idleSince: .now())
            return (true, leaving)
        }
        leaving?.close(promise: nil)
        return isTaken
    }

    func isBusy(_ channel: any Channel) {
        entries.withLock { $0[ObjectIdentifier(channel)]?.idleSince = nil }
    }

    func isIdle(_ channel: any Channel) {
        entries.withLock { $0[ObjectIdentifier(channel)]?.idleSince = .now() }
    }

    func remove(_ channel: any Channel) {
        entries.withLock { $0[ObjectIdentifier(channel)] = nil }
    }

    /// Closes all; what is returned tells when they are.
    func closeAll() -> [EventLoopFuture<Void>] {
        entries.withLock { Array($0.values) }.map { entry in
            entry.channel.close(promise: nil)
            return entry.channel.closeFuture
        }
    }
}
