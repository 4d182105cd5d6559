// Structures of HDF5's old format, which have no checksums, checked as they are read and before libhdf5 follows them.

import CHDF5

/// Looks at what libhdf5 reads from a file that may be damaged.
struct BlockInspector {
    let bounds: StorageBounds

    /// Throws `.invalidFile` when the block of `bytes` that was read at `offset` leads out of the file or into the
    /// tensor, or would keep libhdf5 busy for ever; `file` is for what of it was not read yet.
    func check(
        _ bytes: UnsafeRawBufferPointer, _ type: H5FD_mem_t, at offset: Int64, of file: any RandomAccessFile
    ) throws {
        guard bytes.count >= 16 else { return }
        if type == H5FD_MEM_BTREE, let node = ChunkIndexNode(bytes, at: offset) { try node.check(bounds) }
        if let heap = GlobalHeap(bytes, at: offset) { try heap.check(bounds, file) }
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

    /// Nil when `bytes` are something else.
    init?(_ bytes: UnsafeRawBufferPointer, at offset: Int64) {
        guard bytes.count > ChunkIndexNode.headerSize, bytes.prefix(4).elementsEqual("TREE".utf8), bytes[4] == 1
        else { return nil }
        // Between every two of the children's addresses, and around them, there is a key: size and filter mask of 4
        // bytes each, and an offset of 8 for each dimension and one more.
        let keys = bytes.count - ChunkIndexNode.headerSize - ChunkIndexNode.capacity * 8
        keySize = keys / (ChunkIndexNode.capacity + 1)
        guard keySize >= 24, keySize * (ChunkIndexNode.capacity + 1) == keys else { return nil }
        self.bytes = bytes
        self.offset = offset
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

/// A collection of a global heap: where variable-length values are. HDF5 File Format Specification 3.0, III.E.
struct GlobalHeap {
    private let offset: Int64
    private let size: UInt64

    private static let headerSize: Int64 = 16

    /// Nil when `bytes` are something else.
    init?(_ bytes: UnsafeRawBufferPointer, at offset: Int64) {
        guard bytes.count >= GlobalHeap.headerSize, bytes.prefix(4).elementsEqual("GCOL".utf8) else { return nil }
        self.offset = offset
        size = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }

    /// Throws `.invalidFile` unless its objects fill it exactly: libhdf5 steps from one to the next by their sizes, and
    /// would step for ever over one without a size.
    func check(_ bounds: StorageBounds, _ file: any RandomAccessFile) throws {
        try bounds.check(UInt64(offset), size, "the heap of variable-length values at \(offset)")
        let end = offset + Int64(size)
        var position = offset + GlobalHeap.headerSize
        // Objects are looked at in windows, not one by one.
        var window = [UInt8]()
        var start = position
        while end - position >= 16 {
            if position + 16 > start + Int64(window.count) {
                start = position
                window = [UInt8](repeating: 0, count: Int(min(end - start, 4096)))
                try window.withUnsafeMutableBytes { try file.read(into: $0, at: start) }
            }
            // Index, number of references and 4 reserved bytes, and the size: of the value, padded to 8 bytes, or, when
            // the index is 0, of all the space that is left, this header included.
            let (index, count) = window.withUnsafeBytes { bytes in
                let at = Int(position - start)
                return (
                    UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self)),
                    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at + 8, as: UInt64.self))
                )
            }
            let left = UInt64(end - position)
            guard index == 0 ? count >= 16 && count <= left : count <= left - 16 else {
                throw TensorFileError(
                    .invalidFile, "the heap of variable-length values at \(offset) is not whole")
            }
            position += index == 0 ? Int64(count) : 16 + Int64((count + 7) & ~7)
        }
    }
}
