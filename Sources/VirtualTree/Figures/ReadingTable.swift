// Who reads what, and where it came from: the figures behind `evh5 top`.

import Files
import Foundation
import Synchronization

/// Who asks for bytes.
public struct Reader: Sendable, Hashable, Codable {
    /// The process; 0 when it cannot be seen, or is on another machine.
    public var process: Int32
    /// Its program's name, or the address that it asks from.
    public var name: String

    public init(process: Int32, name: String) {
        self.process = process
        self.name = name
    }
}

/// What one reader has read of one file.
public struct Reading: Sendable, Codable {
    public var reader: Reader
    /// Below the mount point.
    public var path: String
    public var requests: UInt64 = 0
    public var bytes: UInt64 = 0
    public var frames = FrameOrigins()
    /// Seconds that its requests took, of all together.
    public var seconds = 0.0
    /// When it last read, seconds since 1970.
    public var last = 0.0
    /// Requests that are not answered yet.
    public var waiting = 0
}

/// The readings of the last minutes, bounded.
public final class ReadingTable: Sendable {
    private struct Key: Hashable {
        /// The thread that asks, or another number of the reader.
        let thread: Int64
        let path: String
    }

    private struct Known {
        let reader: Reader
        let at: Double
    }

    private struct State {
        var readings: [Key: Reading] = [:]
        /// Threads whose process was looked up. Numbers are used again, so it is not believed for long.
        var readers: [Int64: Known] = [:]

        mutating func begin(_ key: Key, _ reader: Reader) {
            // Another process may have got the thread's number.
            if let known = readings[key], known.reader == reader {
                readings[key]?.waiting += 1
            } else {
                readings[key] = Reading(reader: reader, path: key.path, waiting: 1)
            }
        }

        /// Forgets what nobody reads any more; all but what is waited for when that is not enough.
        mutating func makeRoom(_ now: Double) {
            readings = readings.filter { $0.value.waiting > 0 || abs(now - $0.value.last) < ReadingTable.memory }
            if readings.count >= ReadingTable.limit / 2 { readings = readings.filter { $0.value.waiting > 0 } }
        }
    }

    /// How many readings and readers are kept at most.
    private static let limit = 4096
    /// Seconds after which a reading that nothing came to is forgotten when room is needed.
    private static let memory = 60.0
    /// Seconds that a thread's number is taken for the same reader.
    private static let trust = 5.0

    private let state = Mutex(State())

    public init() {}

    /// Runs `body`, which reads from the file at `path` for `thread`. `reader` says who that is; it is asked for once
    /// in a while.
    func timing(
        _ path: String, _ thread: Int64, _ reader: () -> Reader, _ body: () throws(FileSystemError) -> ReadResult
    ) throws(FileSystemError) -> ReadResult {
        let key = Key(thread: thread, path: path)
        let start = Date().timeIntervalSince1970
        if !begin(key, start) {
            let reader = reader()
            begin(key, start, reader)
        }
        var result: ReadResult?
        defer {
            let end = Date().timeIntervalSince1970
            state.withLock { state in
                // Forgotten meanwhile, or begun anew for another process with the thread's number.
                guard var reading = state.readings[key], reading.waiting > 0 else { return }
                reading.waiting -= 1
                reading.requests &+= 1
                reading.seconds += max(0, end - start)
                reading.last = end
                if let result {
                    reading.bytes &+= UInt64(result.count)
                    reading.frames += result.origins
                }
                state.readings[key] = reading
            }
        }
        let read = try body()
        result = read
        return read
    }

    /// False when it must be asked who reads.
    private func begin(_ key: Key, _ now: Double) -> Bool {
        state.withLock { state in
            guard let known = state.readers[key.thread], abs(now - known.at) < ReadingTable.trust else { return false }
            state.begin(key, known.reader)
            return true
        }
    }

    private func begin(_ key: Key, _ now: Double, _ reader: Reader) {
        state.withLock { state in
            if state.readers.count >= ReadingTable.limit {
                state.readers = state.readers.filter { abs(now - $0.value.at) < ReadingTable.trust }
                if state.readers.count >= ReadingTable.limit { state.readers = [:] }
            }
            state.readers[key.thread] = Known(reader: reader, at: now)
            if state.readings.count >= ReadingTable.limit { state.makeRoom(now) }
            state.begin(key, reader)
        }
    }

    /// The readings, those of all threads of a process as one, the latest first.
    public var readings: [Reading] {
        struct Name: Hashable {
            let reader: Reader
            let path: String
        }
        var sums: [Name: Reading] = [:]
        for reading in state.withLock({ Array($0.readings.values) }) {
            let name = Name(reader: reading.reader, path: reading.path)
            if sums[name] == nil { sums[name] = reading } else { sums[name]?.add(reading) }
        }
        return sums.values.sorted { ($1.last, $0.path) < ($0.last, $1.path) }
    }
}

extension Reading {
    fileprivate mutating func add(_ other: Reading) {
        requests &+= other.requests
        bytes &+= other.bytes
        frames += other.frames
        seconds += other.seconds
        last = max(last, other.last)
        waiting += other.waiting
    }
}
