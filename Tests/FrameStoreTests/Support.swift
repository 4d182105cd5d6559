// Helpers of these tests: threads, frames that tell whether they are whole, counters.

import Foundation
import FrameStore

/// Runs `body` on `count` threads of its own at once, and waits for all of them.
func concurrently(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let done = DispatchSemaphore(value: 0)
    for number in 0..<count {
        let thread = Thread {
            body(number)
            done.signal()
        }
        thread.start()
    }
    for _ in 0..<count { done.wait() }
}

/// Starts a thread; the semaphore is signalled at its end.
func start(_ body: @escaping @Sendable () -> Void) -> DispatchSemaphore {
    let done = DispatchSemaphore(value: 0)
    Thread {
        body()
        done.signal()
    }.start()
    return done
}

/// Waits, at most for ten seconds, until `condition` holds; returns whether it does.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<10_000 {
        if condition() { return true }
        usleep(1000)
    }
    return condition()
}

func key(_ frame: Int, tensor: UInt64 = 1) -> FrameKey { FrameKey(tensor: tensor, frame: frame) }

/// The word at `index` of a frame's pattern.
private func word(_ key: FrameKey, _ index: Int) -> UInt64 {
    (key.tensor &* 0x9E37_79B9_7F4A_7C15) ^ UInt64(truncatingIfNeeded: key.frame &* 1_000_003 &+ index)
}

/// The distance of the words that tell a frame: all of them in small frames, some thousands in large ones.
private func stride(_ byteCount: Int) -> Int { max(1, byteCount / 32_768) }

// Loops by hand: in debug builds for the thread sanitizer everything generic is very slow.

/// Writes the frame's pattern into `bytes`.
func fill(_ key: FrameKey, _ bytes: UnsafeMutableRawBufferPointer) {
    var index = 0
    while index < bytes.count / 8 {
        bytes.storeBytes(of: word(key, index), toByteOffset: index * 8, as: UInt64.self)
        index += stride(bytes.count)
    }
}

/// Whether `bytes` has the frame's pattern.
func isWhole(_ key: FrameKey, _ bytes: UnsafeRawBufferPointer) -> Bool {
    var index = 0
    while index < bytes.count / 8 {
        if bytes.load(fromByteOffset: index * 8, as: UInt64.self) != word(key, index) { return false }
        index += stride(bytes.count)
    }
    return true
}

/// A value that one thread at a time gets to see; with a lock that the thread sanitizer knows.
final class Guarded<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) { self.value = value }

    func withLock<R>(_ body: (inout Value) -> R) -> R { lock.withLock { body(&value) } }
}

/// A number that threads change, and the largest it was.
final class Level: Sendable {
    private let state = Guarded((value: 0, peak: 0))

    func add(_ n: Int) { state.withLock { $0 = ($0.value + n, max($0.peak, $0.value + n)) } }
    var value: Int { state.withLock { $0.value } }
    var peak: Int { state.withLock { $0.peak } }
}

struct Failure: Error, Equatable { let number: Int }
