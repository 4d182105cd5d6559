// Zip archives without compression.
//
// The format: PKWARE's APPNOTE.TXT, 6.3 (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), 4.3.

import Files

/// A zip archive whose members are stored as they are; of less than 4 GiB.
struct StoredArchive {
    private struct Member {
        let name: [UInt8]
        let checksum: UInt32
        let size: UInt32
        let offset: UInt32
    }

    private var bytes: [UInt8] = []
    private var members: [Member] = []

    mutating func add(_ name: String, _ content: [UInt8]) {
        let member = Member(
            name: Array(name.utf8), checksum: crc32(content), size: UInt32(content.count), offset: UInt32(bytes.count))
        members.append(member)
        append(0x0403_4B50 as UInt32)
        appendCommon(member)
        bytes += member.name
        bytes += content
    }

    /// The archive; nothing can be added to it.
    consuming func finished() -> [UInt8] {
        let start = UInt32(bytes.count)
        for member in members {
            append(0x0201_4B50 as UInt32)
            append(20 as UInt16)  // made by: MS-DOS, version 2.0
            appendCommon(member)
            append(0 as UInt16)  // length of the comment
            append(0 as UInt16)  // disk
            append(0 as UInt16)  // internal attributes
            append(0 as UInt32)  // external attributes
            append(member.offset)
            bytes += member.name
        }
        let size = UInt32(bytes.count) - start
        append(0x0605_4B50 as UInt32)
        append(0 as UInt32)  // this disk, and that of the directory
        append(UInt16(members.count))
        append(UInt16(members.count))
        append(size)
        append(start)
        append(0 as UInt16)  // length of the comment
        return bytes
    }

    /// What a member has both before its content and in the directory.
    private mutating func appendCommon(_ member: Member) {
        append(20 as UInt16)  // needs version 2.0
        append(0 as UInt16)  // flags
        append(0 as UInt16)  // stored
        append(0 as UInt16)  // 0:00
        append(0x0021 as UInt16)  // 1 January 1980, as numpy says
        append(member.checksum)
        append(member.size)
        append(member.size)
        append(UInt16(member.name.count))
        append(0 as UInt16)  // length of the extra field
    }

    private mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}
