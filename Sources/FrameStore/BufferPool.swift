// Free buffers by size, so that steady reading does not make the system zero pages for every frame.

/// Free buffers, to be reused for frames of exactly their capacity.
struct BufferPool {
    private var buffers: [Int: [Buffer]] = [:]
    /// Bytes of all buffers in the pool.
    private(set) var bytes = 0

    /// The number of buffers of this capacity.
    func count(of capacity: Int) -> Int { buffers[capacity]?.count ?? 0 }

    mutating func put(_ buffer: Buffer) {
        buffers[buffer.capacity, default: []].append(buffer)
        bytes += buffer.capacity
    }

    mutating func take(_ capacity: Int) -> Buffer? {
        guard let buffer = buffers[capacity]?.popLast() else { return nil }
        if buffers[capacity]?.isEmpty == true { buffers[capacity] = nil }
        bytes -= capacity
        return buffer
    }

    /// Takes a buffer that is not one of the `count` of this `capacity` that are wanted; nil when there is none.
    mutating func takeUnwanted(keeping count: Int, of capacity: Int) -> Buffer? {
        // At most two steps: only one capacity is wanted.
        for other in buffers.keys where other != capacity || self.count(of: capacity) > count {
            return take(other)
        }
        return nil
    }

    mutating func takeAll() -> [Buffer] {
        defer {
            buffers = [:]
            bytes = 0
        }
        return buffers.values.flatMap { $0 }
    }
}
