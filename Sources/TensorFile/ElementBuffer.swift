// Elements of a dataset or attribute in memory, with what libhdf5 allocated for their variable-length parts.

import CHDF5

/// Room for elements of a datatype; variable-length parts are freed with it.
struct ElementBuffer: ~Copyable {
    let start: UnsafeMutableRawPointer
    let count: Int
    let stride: Int
    private let type: hid_t
    private let space: hid_t
    private let isVariable: Bool

    /// Room for all elements of `space`, zeroed: nothing is there to be freed before something was read. `type` and
    /// `space` must live as long. Throws `.invalidFile` when it would take more than `limit` bytes.
    init(_ type: hid_t, _ space: hid_t, _ shape: ElementShape, limit: Int64) throws(TensorFileError) {
        let points = try HDF5.check(H5Sget_select_npoints(space), "look at a dataspace")
        let stride = H5Tget_size(type)
        let bytes = Int64(points).multipliedReportingOverflow(by: Int64(stride))
        guard stride > 0, !bytes.overflow, bytes.partialValue <= limit else {
            throw TensorFileError(
                .invalidFile, "\(points) elements of \(stride) bytes are claimed, more than the file can hold")
        }
        self.stride = stride
        count = Int(points)
        self.type = type
        self.space = space
        isVariable = shape.isVariable
        start = UnsafeMutableRawPointer.allocate(byteCount: max(1, Int(bytes.partialValue)), alignment: 16)
        start.initializeMemory(as: UInt8.self, repeating: 0, count: Int(bytes.partialValue))
    }

    deinit {
        if isVariable { _ = H5Dvlen_reclaim(type, space, CHDF5_default(), start) }
        start.deallocate()
    }
}

/// The blocks that a dataset's elements are read in.
struct BlockGrid {
    let shape: [hsize_t]
    /// A block's shape.
    let block: [hsize_t]
    /// What a block's elements take in memory, without what they point to.
    let blockBytes: UInt64
    /// How many blocks there are.
    let count: UInt64

    /// Blocks of whole chunks where there are chunks, else of as many rows, or parts of one, as have `bytes`, if
    /// elements of `stride` bytes are not larger themselves.
    init(shape: [hsize_t], chunk: [hsize_t]?, stride: Int, bytes: Int = 1 << 20) {
        self.shape = shape
        if let chunk {
            block = zip(shape, chunk).map { min($0, $1) }
        } else {
            var block = shape.map { _ in hsize_t(1) }
            var room = hsize_t(bytes / max(1, stride))
            for dimension in shape.indices.reversed() where room > 1 {
                block[dimension] = min(shape[dimension], room)
                room = block[dimension] == shape[dimension] ? room / max(1, block[dimension]) : 1
            }
            self.block = block
        }
        let blockSize = block.reduce((UInt64(max(1, stride)), false)) {
            let product = $0.0.multipliedReportingOverflow(by: UInt64($1))
            return (product.partialValue, $0.1 || product.overflow)
        }
        blockBytes = blockSize.1 ? .max : blockSize.0
        var count: UInt64 = 1
        for (size, block) in zip(shape, block) {
            let product = count.multipliedReportingOverflow(by: block == 0 ? 0 : (size - 1) / block + 1)
            count = product.overflow ? .max : product.partialValue
            if count == 0 { break }
        }
        self.count = count
    }

    /// Where block `index` begins.
    func start(_ index: UInt64) -> [hsize_t] {
        var rest = index
        var start = [hsize_t](repeating: 0, count: shape.count)
        for dimension in shape.indices.reversed() {
            let blocks = (shape[dimension] - 1) / block[dimension] + 1
            start[dimension] = rest % blocks * block[dimension]
            rest /= blocks
        }
        return start
    }

    /// The shape of the block that begins at `start`: less than a block's at the far ends.
    func shape(at start: [hsize_t]) -> [hsize_t] { shape.indices.map { min(block[$0], shape[$0] - start[$0]) } }
}
