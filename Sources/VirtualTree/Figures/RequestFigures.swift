// How many requests there were of each kind, how long they took, and which were refused.

import Foundation
import Synchronization

/// What somebody asks of the filesystem.
public enum RequestKind: Int, CaseIterable, Sendable {
    case lookup, attributes, link, folder, open, read, close, write, sync, remove, statistics, refused, page
}

/// How long requests of one kind took.
public struct LatencyHistogram: Sendable, Hashable, Codable {
    /// Upper ends in seconds, inclusive; one bucket more is for what took longer.
    public static let bounds: [Double] = [
        0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
    ]

    /// Requests per bucket, not summed up.
    public var counts = [UInt64](repeating: 0, count: bounds.count + 1)
    public var seconds = 0.0

    public init() {}

    public var count: UInt64 { counts.reduce(0, +) }

    public mutating func note(_ seconds: Double) {
        var bucket = 0
        while bucket < Self.bounds.count, seconds > Self.bounds[bucket] { bucket += 1 }
        counts[bucket] &+= 1
        self.seconds += seconds
    }
}

/// Requests that came in by one way: through FUSE, or over HTTP.
public final class RequestFigures: Sendable {
    /// Those of one kind.
    public struct Kind: Sendable, Codable {
        public var latency = LatencyHistogram()
        /// Bytes that were read or written.
        public var bytes: UInt64 = 0
        public var running = 0

        public init() {}
    }

    private let kinds = RequestKind.allCases.map { _ in Lock(Kind()) }
    private let errors = Mutex<[Int32: UInt64]>([:])

    /// A mutex in an array.
    private final class Lock: Sendable {
        let kind: Mutex<Kind>
        init(_ kind: Kind) { self.kind = Mutex(kind) }
    }

    public init() {}

    private func lock(_ kind: RequestKind) -> Lock { kinds[kind.rawValue] }

    /// A request that is being answered.
    public struct Running: Sendable {
        let kind: RequestKind
        let start: UInt64
    }

    /// Notes that a request came in.
    public func begin(_ kind: RequestKind) -> Running {
        lock(kind).kind.withLock { $0.running += 1 }
        return Running(kind: kind, start: DispatchTime.now().uptimeNanoseconds)
    }

    /// Takes back that a request of this kind came in.
    public func forget(_ request: Running) { lock(request.kind).kind.withLock { $0.running -= 1 } }

    /// Notes that it was answered, with so many bytes that were read or written.
    public func end(_ request: Running, bytes: Int = 0) {
        let seconds = Double(DispatchTime.now().uptimeNanoseconds &- request.start) / 1e9
        lock(request.kind).kind.withLock { kind in
            kind.running -= 1
            kind.latency.note(seconds)
            kind.bytes &+= UInt64(max(0, bytes))
        }
    }

    /// Counts a refusal by its errno.
    public func refused(_ errno: Int32) { errors.withLock { $0[errno, default: 0] &+= 1 } }

    public var byKind: [RequestKind: Kind] {
        Dictionary(uniqueKeysWithValues: zip(RequestKind.allCases, kinds.map { $0.kind.withLock { $0 } }))
    }

    /// Refusals by errno.
    public var byError: [Int32: UInt64] { errors.withLock { $0 } }
}
