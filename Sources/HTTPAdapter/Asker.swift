// Whether anybody still wants an answer that a thread waits for.

import Files
import Synchronization

/// A client, as threads that compute or wait for it see it.
final class Asker: RequestGiver {
    /// The connection is closed.
    let isGone = Atomic(false)
    /// It was told to ask again later, so that the work is wanted although nobody waits.
    let wantsEnd = Atomic(false)

    /// Runs `body`, in which long waits end soon after the client has gone.
    func asking<R>(_ body: () throws -> R) throws -> R {
        try LongWait.answering(OpaquePointer(Unmanaged.passUnretained(self).toOpaque()), of: self, body)
    }

    func isInterrupted(_ request: OpaquePointer) -> Bool {
        isGone.load(ordering: .relaxed) && !wantsEnd.load(ordering: .relaxed)
    }

    func willWait() {}

    func didWait() {}
}
