// Threads that answer somebody's request and have to wait for what others do: they are told when nobody waits for the
// answer any more, and whoever hands out requests learns that they do nothing meanwhile.

import Foundation

/// Whoever gave a thread a request to answer.
public protocol RequestGiver: AnyObject, Sendable {
    /// Whether nobody waits for the answer any more.
    func isInterrupted(_ request: OpaquePointer) -> Bool
    /// The thread will wait for others for a while: another request may have its turn.
    func willWait()
    /// The thread goes on, once it is its turn again.
    func didWait()
}

/// Waits of the calling thread, whatever it waits for. A thread that answers no request just waits.
public enum LongWait {
    private struct Current {
        let giver: any RequestGiver
        let request: OpaquePointer
    }

    /// Points to the `Current` of each thread. Swift has no variables of a thread, and a parameter would have to go
    /// through every layer for the sake of two places.
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    private static var current: UnsafePointer<Current>? {
        pthread_getspecific(key).map { UnsafePointer($0.assumingMemoryBound(to: Current.self)) }
    }

    /// How often those who wait ask whether anybody still wants the answer, ms.
    public static let interval = 50

    /// Runs `body`, which answers `request`.
    public static func answering<R, Failure: Error>(
        _ request: OpaquePointer, of giver: any RequestGiver, _ body: () throws(Failure) -> R
    ) throws(Failure) -> R {
        let current = Current(giver: giver, request: request)
        var result: Result<R, Failure>?
        withUnsafePointer(to: current) { pointer in
            pthread_setspecific(key, pointer)
            do throws(Failure) { result = .success(try body()) } catch { result = .failure(error) }
            pthread_setspecific(key, nil)
        }
        return try result!.get()
    }

    /// Whether the calling thread answers a request that nobody waits for any more.
    public static var isInterrupted: Bool {
        guard let current = current?.pointee else { return false }
        return current.giver.isInterrupted(current.request)
    }

    /// Runs `body`, in which the calling thread waits for others.
    public static func during<R, Failure: Error>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
        guard let giver = current?.pointee.giver else { return try body() }
        giver.willWait()
        defer { giver.didWait() }
        return try body()
    }
}
