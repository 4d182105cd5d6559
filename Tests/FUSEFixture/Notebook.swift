// A file in memory that can be written, and that remembers what was asked of it.

import Foundation
import Synchronization
import VirtualTree

/// The content of `notes.bin`.
final class Notebook: Sendable {
    private struct State {
        var bytes = [UInt8]("0123456789".utf8)
        var events: [String] = []
    }

    private let state = Mutex(State())

    var size: Int64 { state.withLock { Int64($0.bytes.count) } }
    var events: [String] { state.withLock { $0.events } }

    var first: UInt8? { state.withLock { $0.bytes.first } }

    func note(_ event: String) { state.withLock { $0.events.append(event) } }

    func read(offset: Int64, size: Int) -> ReadResult {
        let bytes = state.withLock { Array($0.bytes.dropFirst(Int(offset)).prefix(size)) }
        let buffer = Buffer(bytes)
        return ReadResult(pieces: [ReadResult.Piece(bytes: buffer.bytes, owner: buffer)])
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileSystemError) {
        guard offset + Int64(bytes.count) <= 1 << 24 else { throw FileSystemError(ENOSPC, "the notebook is full") }
        state.withLock { state in
            let end = Int(offset) + bytes.count
            if end > state.bytes.count { state.bytes += [UInt8](repeating: 0, count: end - state.bytes.count) }
            state.bytes.replaceSubrange(Int(offset)..<end, with: bytes)
            state.events.append("write \(offset)+\(bytes.count)")
        }
    }

    func setSize(_ size: Int64) {
        state.withLock { state in
            state.bytes = Array(state.bytes.prefix(Int(size)))
            state.bytes += [UInt8](repeating: 0, count: Int(size) - state.bytes.count)
            state.events.append("size \(size)")
        }
    }
}
