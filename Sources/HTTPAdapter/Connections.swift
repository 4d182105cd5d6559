// The connections that there are: no more than a limit, and none forgotten at the end.

import Logging
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
    /// When the next line about those who may not ask is due.
    private let nextLine = Mutex(NIODeadline.now())
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

    /// Logs a refusal. Who tries tokens or is led here by a page of somebody else is worth a line, but not one for
    /// each.
    func note(_ refusal: Refusal, from address: String?, _ logger: Logger) {
        let isForbidden = refusal.status == .unauthorized || refusal.status == .forbidden
        let isDue =
            isForbidden
            && nextLine.withLock { next in
                guard NIODeadline.now() >= next else { return false }
                next = .now() + .seconds(10)
                return true
            }
        logger.log(
            level: isDue ? .notice : .debug,
            "http: a request from \(address ?? "nowhere") was refused (\(refusal.code)): \(refusal.message)")
    }

    /// Closes all; what is returned tells when they are.
    func closeAll() -> [EventLoopFuture<Void>] {
        entries.withLock { Array($0.values) }.map { entry in
            entry.channel.close(promise: nil)
            return entry.channel.closeFuture
        }
    }
}
