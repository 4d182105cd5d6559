// One entry of the disk cache as a file: read and checked, or written and put in its place.

import CXXHash
import Files
import Foundation

/// What became of reading an entry.
enum EntryReading: Sendable {
    /// The frame's bytes are complete; when the entry was last noted to be used, ns since 1970.
    case whole(used: Int64)
    /// There is none.
    case missing
    /// It is damaged, cut off, or of another key or size.
    case unusable
    /// The system did not let us read it.
    case failed(FileError)
}

enum EntryFile {
    /// Large payloads are read and checked in pieces that fit the processor's cache.
    private static let piece = 256 << 10

    /// Reads the entry at `path` into `frame`, which is changed also when that fails.
    static func read(
        _ path: String, key: CacheKey, frame number: Int, into frame: UnsafeMutableRawBufferPointer, memory: ScratchPool
    ) -> EntryReading {
        let file: File
        do throws(FileError) { file = try File(path: path) } catch {
            return error.errno == ENOENT || error.errno == ENOTDIR ? .missing : .failed(error)
        }
        do throws(FileError) {
            let status = try file.status()
            guard status.kind == .regular else { return .unusable }
            guard let header = try header(file, key, number), header.frameBytes == frame.count else { return .unusable }
            let start = Int64(EntryHeader.size + header.keyBytes)
            guard status.size == start + Int64(header.payloadBytes) else { return .unusable }
            let good = try payload(file, header, at: start, into: frame, memory)
            return good ? .whole(used: status.modified) : .unusable
        } catch { return .failed(error) }
    }

    /// The header of the entry if it is whole and has this key.
    private static func header(_ file: File, _ key: CacheKey, _ number: Int) throws(FileError) -> EntryHeader? {
        let bytes = try file.bytes(in: 0..<Int64(EntryHeader.size + key.text.utf8.count))
        return bytes.withUnsafeBytes { bytes in
            guard let header = EntryHeader(bytes), header.frame == number, header.keyBytes == key.text.utf8.count,
                bytes.count == EntryHeader.size + header.keyBytes, EntryHeader.key(bytes) == key.text
            else { return nil }
            return header
        }
    }

    /// Reads, checks and unpacks the payload.
    private static func payload(
        _ file: File, _ header: EntryHeader, at start: Int64, into frame: UnsafeMutableRawBufferPointer,
        _ memory: ScratchPool
    ) throws(FileError) -> Bool {
        if header.packing == .raw {
            guard header.payloadBytes == frame.count else { return false }
            return try read(file, at: start, into: frame, hash: header.payloadHash)
        }
        let scratch = FrameUnpacker.scratch(header.packing, frame.count)
        guard let working = memory.take(header.payloadBytes + scratch) else { return false }
        defer { memory.put(working) }
        let bytes = working.bytes
        let payload = UnsafeMutableRawBufferPointer(rebasing: bytes[..<header.payloadBytes])
        guard try read(file, at: start, into: payload, hash: header.payloadHash) else { return false }
        return FrameUnpacker.unpack(
            UnsafeRawBufferPointer(payload), header.packing, into: frame,
            scratch: UnsafeMutableRawBufferPointer(rebasing: bytes[header.payloadBytes...]))
    }

    /// Fills `target` and compares the checksum.
    private static func read(
        _ file: File, at start: Int64, into target: UnsafeMutableRawBufferPointer, hash: UInt64
    ) throws(FileError) -> Bool {
        guard target.count > piece else {
            guard try file.read(into: target, at: start) == target.count else { return false }
            return XXH3_64bits(target.baseAddress, target.count) == hash
        }
        guard let state = XXH3_createState() else { return false }
        defer { XXH3_freeState(state) }
        XXH3_64bits_reset(state)
        var done = 0
        while done < target.count {
            let part = UnsafeMutableRawBufferPointer(rebasing: target[done..<min(done + piece, target.count)])
            guard try file.read(into: part, at: start + Int64(done)) == part.count else { return false }
            XXH3_64bits_update(state, part.baseAddress, part.count)
            done += part.count
        }
        return XXH3_64bits_digest(state) == hash
    }

    /// Whether the file at `path` is a whole entry in the place that its own key gives it below `folder`.
    static func isWhole(_ path: String, in folder: String, memory: ScratchPool) throws(FileError) -> Bool {
        let file = try File(path: path)
        let head = try file.bytes(in: 0..<Int64(EntryHeader.size))
        guard let header = head.withUnsafeBytes({ EntryHeader($0) }) else { return false }
        let bytes = try file.bytes(in: 0..<Int64(EntryHeader.size + header.keyBytes))
        guard let text = bytes.withUnsafeBytes({ EntryHeader.key($0) }) else { return false }
        let key = CacheKey(text)
        guard path == folder + "/" + key.fileName(header.frame), let working = memory.take(header.frameBytes)
        else { return false }
        defer { memory.put(working) }
        let target = UnsafeMutableRawBufferPointer(rebasing: working.bytes[..<header.frameBytes])
        switch read(path, key: key, frame: header.frame, into: target, memory: memory) {
        case .whole, .missing: return true
        case .unusable: return false
        case .failed(let error): throw error
        }
    }

    /// Writes an entry under a name of its own and renames it to `path`, so that nobody sees half of one.
    static func write(_ header: [UInt8], _ payload: UnsafeRawBufferPointer, to path: String) throws(FileError) {
        let temporary = "\(path).\(getpid()).\(UInt64.random(in: .min ... .max))\(CacheFolder.temporarySuffix)"
        let fd = try FileCalls.open(temporary, O_WRONLY | O_CREAT | O_EXCL, permissions: 0o666)
        do throws(FileError) {
            do throws(FileError) {
                let failure = header.withUnsafeBytes { bytes -> FileError? in
                    do throws(FileError) {
                        try FileCalls.write(bytes, to: fd, temporary)
                        return nil
                    } catch { return error }
                }
                if let failure { throw failure }
                try FileCalls.write(payload, to: fd, temporary)
            } catch {
                close(fd)
                throw error
            }
            try FileCalls.close(fd, temporary)
            try FileCalls.rename(temporary, to: path)
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// Notes that the entry is used now; what does not work is only forgotten.
    static func touch(_ path: String) { utimensat(AT_FDCWD, path, nil, 0) }
}
