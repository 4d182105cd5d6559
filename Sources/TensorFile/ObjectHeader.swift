// Where the storage of a dataset is written down: read, and written, without libhdf5, which neither tells the address
// of a chunk index nor takes one.

/// The data layout message of a dataset with an object header of version 1, as evh5's have it. HDF5 File Format
/// Specification 3.0, IV.A.1.a "Version 1 Data Object Header Prefix" and IV.A.2.i "The Data Layout Message".
struct LayoutMessage {
    private static let layoutType = 0x0008
    private static let continuationType = 0x0010
    /// More than any header has that libhdf5 wrote.
    private static let mostBlocks = 1000

    /// Where in the file the address of the dataset's bytes, or of its chunk index, is.
    let addressOffset: Int64
    /// That address; all ones when there is none.
    let address: UInt64

    /// - Parameters:
    ///   - header: where the dataset's object header is.
    ///   - read: the bytes of a range of the file, or fewer where it ends before.
    /// - Returns: nil when there is no such message of version 3 that names an address.
    init?(header: Int64, _ read: (Range<Int64>) throws(TensorFileError) -> [UInt8]) throws(TensorFileError) {
        func bytes(_ start: Int64, _ count: Int64) throws(TensorFileError) -> [UInt8]? {
            let (end, overflow) = start.addingReportingOverflow(count)
            guard start >= 0, count >= 0, count <= 1 << 20, !overflow else { return nil }
            let bytes = try read(start..<end)
            return bytes.count == count ? bytes : nil
        }
        guard let prefix = try bytes(header, 16), prefix[0] == 1 else { return nil }
        var blocks = [(start: header + 16, count: Int64(Self.number(prefix, 8, 4)))]
        var next = 0
        while next < blocks.count, next < Self.mostBlocks {
            let block = blocks[next]
            next += 1
            guard let messages = try bytes(block.start, block.count) else { return nil }
            var place = 0
            while place + 8 <= messages.count {
                let (type, size) = (Int(Self.number(messages, place, 2)), Int(Self.number(messages, place + 2, 2)))
                let data = place + 8
                guard data + size <= messages.count else { return nil }
                if type == Self.continuationType, size >= 16 {
                    guard let start = Int64(exactly: Self.number(messages, data, 8)),
                        let count = Int64(exactly: Self.number(messages, data + 8, 8))
                    else { return nil }
                    blocks.append((start, count))
                }
                if type == Self.layoutType {
                    // Version 3; class 1 (contiguous) has the address next, 2 (chunked) the number of dimensions
                    // first.
                    guard size >= 11, messages[data] == 3, messages[data + 1] == 1 || messages[data + 1] == 2 else {
                        return nil
                    }
                    let place = data + (messages[data + 1] == 1 ? 2 : 3)
                    addressOffset = block.start + Int64(place)
                    address = Self.number(messages, place, 8)
                    return
                }
                place = data + size
            }
        }
        return nil
    }

    /// The little-endian number of `count` bytes, 8 at most.
    private static func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
        bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
