// Where added raw data may be, and the chunk indexes of HDF5's old format, which name it without a checksum.

import CHDF5

/// The bytes of a file that are not the tensor's.
struct StorageBounds: Sendable {
    /// Bytes of the file.
    let size: Int64
    /// The computed bytes.
    let tensor: Range<Int64>

    /// Throws `.invalidFile` unless the `count` bytes at `address` are in the file and outside the tensor; `what` is for
    /// the message.
    func check(_ address: UInt64, _ count: UInt64, _ what: @autoclosure () -> String) throws(TensorFileError) {
        let end = address.addingReportingOverflow(count)
        guard !end.overflow, end.partialValue <= UInt64(size) else {
            throw TensorFileError(
                .invalidFile, "\(what()) is said to have \(count) bytes at \(address), but the file ends at \(size)")
        }
        guard count == 0 || !(Int64(address)..<Int64(end.partialValue)).overlaps(tensor) else {
            throw TensorFileError(
                .invalidFile, "\(what()) is said to be at \(address), but the tensor is there")
        }
    }
}

/// A node of a version 1 B-tree over chunks. HDF5 File Format Specification 3.0, III.A.1.
struct ChunkIndexNode {
    private let bytes: UnsafeRawBufferPointer
    private let offset: Int64
    private let keySize: Int

    private static let headerSize = 24
    /// Children that a node has room for: twice the "indexed storage internal node K", which is 32 in files whose
    /// superblock has version 0.
    private static let capacity = 64

    /// Nil when `block` is something else.
    init?(_ block: VirtualFile.Block) {
        guard block.type == H5FD_MEM_BTREE, block.bytes.count > ChunkIndexNode.headerSize,
            block.bytes.prefix(4).elementsEqual("TREE".utf8), block.bytes[4] == 1
        else { return nil }
        // Between every two of the children's addresses, and around them, there is a key: size and filter mask of 4 bytes
        // each, and an offset of 8 for each dimension and one more.
        let keys = block.bytes.count - ChunkIndexNode.headerSize - ChunkIndexNode.capacity * 8
        keySize = keys / (ChunkIndexNode.capacity + 1)
        guard keySize >= 24, keySize * (ChunkIndexNode.capacity + 1) == keys else { return nil }
        bytes = block.bytes
        offset = block.offset
    }

    /// Throws `.invalidFile` unless all chunks that this node names lie within `storage`.
    func check(_ storage: StorageBounds) throws(TensorFileError) {
        let isLeaf = bytes[5] == 0
        let count = Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 6, as: UInt16.self)))
        guard count <= ChunkIndexNode.capacity else {
            throw TensorFileError(.invalidFile, "the chunk index at \(offset) claims \(count) entries")
        }
        guard isLeaf else { return }
        for index in 0..<count {
            let key = ChunkIndexNode.headerSize + index * (keySize + 8)
            let size = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: key, as: UInt32.self))
            let address = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: key + keySize, as: UInt64.self))
            try storage.check(address, UInt64(size), "a chunk of the index at \(offset)")
        }
    }
}
