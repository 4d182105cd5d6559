// What a session did, as a file beside its data: enough to see the session from another process, or after a crash.
//
//      0  magic, "evh5map\0"      8  version, u32      12  4 zero bytes
//     16  records of 16 bytes:
//          0  kind in the highest byte, a virtual offset or size in the other seven
//          8  bytes of the data file at this moment, u64
//
// kind 1: from here on, the bytes appended to the data file belong to this virtual offset and those after it.
// kind 2: the file was cut, or grew, to this size; what is appended next has a record of its own.
//
// All numbers are little endian. A record is written before what it tells of, so that one record serves a sequence of
// writes however long. Bytes written a second time are written in place and need no record.

import Foundation

package enum SessionJournal {
    static let magic = Array("evh5map\0".utf8)
    static let headerBytes: Int64 = 16
    static let recordBytes: Int64 = 16
    /// Offsets and sizes from here on do not fit a record.
    static let limit: Int64 = 1 << 56

    enum Kind: UInt64 {
        case run = 1
        case size = 2
    }

    static var header: [UInt8] {
        var bytes = magic
        bytes.append(number: SidecarFormat.version)
        bytes.append(number: UInt32(0))
        return bytes
    }

    /// Writes a record without an allocation.
    static func write(
        _ kind: Kind, _ value: Int64, dataBytes: Int64, to file: StorageFile, at offset: Int64
    ) throws(SidecarError) {
        var words = (
            (kind.rawValue << 56 | UInt64(bitPattern: value)).littleEndian, UInt64(bitPattern: dataBytes).littleEndian
        )
        let result = withUnsafeBytes(of: &words) { bytes -> SidecarError? in
            do throws(SidecarError) {
                try file.write(bytes, at: offset)
                return nil
            } catch { return error }
        }
        if let result { throw result }
    }

    /// What a journal says.
    package struct Contents {
        package var view: ExtentMap
        package var size: Int64
        /// Bytes of whole records with the header; what follows was not finished.
        package var bytes: Int64
    }

    /// Replays the journal `bytes` over a base.
    ///
    /// - Parameters:
    ///   - file: the number of the session's data file.
    ///   - dataBytes: its length.
    /// - Throws: `.damaged`, `.unknownVersion`.
    package static func replay(
        _ bytes: [UInt8], over base: ExtentMap, size: Int64, file: Int64, dataBytes: Int64, path: String
    ) throws(SidecarError) -> Contents {
        try withBytes(bytes) { bytes throws(SidecarError) in
            var reader = ByteReader(bytes)
            var contents = Contents(view: base, size: size, bytes: headerBytes)
            guard let start = reader.take(8), let version: UInt32 = reader.number(), reader.take(4) != nil else {
                // Cut off before anything was noted.
                contents.bytes = 0
                return contents
            }
            guard start.elementsEqual(magic) else { throw damaged(path) }
            guard version == SidecarFormat.version else { throw SidecarFormat.unknown(version, path) }
            var run: (start: Int64, offset: Int64)?
            func close(at end: Int64) throws(SidecarError) {
                guard let open = run else { return }
                run = nil
                let length = end - open.offset
                guard length >= 0, length < limit - open.start else { throw damaged(path) }
                contents.view.insert(Extent(start: open.start, length: length, file: file, offset: open.offset))
                if length > 0 { contents.size = max(contents.size, open.start + length) }
            }
            while let word: UInt64 = reader.number(), let position: Int64 = reader.number() {
                let value = Int64(bitPattern: word & (1 << 56 - 1))
                // A crash of the machine may keep the record and lose the data.
                guard let kind = Kind(rawValue: word >> 56), position >= 0 else { throw damaged(path) }
                try close(at: min(position, max(dataBytes, run?.offset ?? 0)))
                switch kind {
                case .run: run = (value, position)
                case .size:
                    contents.view.remove(value..<Int64.max)
                    contents.size = value
                }
                contents.bytes += recordBytes
            }
            try close(at: max(dataBytes, run?.offset ?? 0))
            return contents
        }
    }

    private static func damaged(_ path: String) -> SidecarError {
        SidecarError(.damaged, "'\(path)' is damaged: what the session wrote cannot be put together again")
    }
}
