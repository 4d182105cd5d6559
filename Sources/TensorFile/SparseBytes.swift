// A file in memory of which only what was written takes room: no file of the system, so there is no limit of its size
// or of how many are open.

import Glibc

/// Bytes by page; pages that were never written are zeros. For one thread at a time.
final class SparseBytes: RandomAccessFile {
    private static let page: Int64 = 4096

    private var pages: [Int64: [UInt8]] = [:]
    private var length: Int64 = 0

    func size() -> Int64 { length }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) {
        SparseBytes.forEachPart(of: buffer.count, at: offset) { number, place, part in
            let target = UnsafeMutableRawBufferPointer(rebasing: buffer[part])
            if let page = pages[number] {
                page.withUnsafeBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[place])) }
            } else {
                target.initializeMemory(as: UInt8.self, repeating: 0)
            }
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) {
        SparseBytes.forEachPart(of: bytes.count, at: offset) { number, place, part in
            pages[number, default: [UInt8](repeating: 0, count: Int(SparseBytes.page))].withUnsafeMutableBytes {
                UnsafeMutableRawBufferPointer(rebasing: $0[place])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[part]))
            }
        }
        length = max(length, offset + Int64(bytes.count))
    }

    func setSize(_ size: Int64) {
        if size < length {
            pages = pages.filter { $0.key * SparseBytes.page < size }
            let rest = Int(size % SparseBytes.page)
            if rest > 0, var last = pages[size / SparseBytes.page] {
                for i in rest..<last.count { last[i] = 0 }
                pages[size / SparseBytes.page] = last
            }
        }
        length = size
    }

    func bytes(in range: Range<Int64>) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        bytes.withUnsafeMutableBytes { read(into: $0, at: range.lowerBound) }
        return bytes
    }

    /// Calls `body` with the number of each page that `count` bytes from `offset` on meet, the place in it, and which
    /// of the bytes.
    private static func forEachPart(of count: Int, at offset: Int64, _ body: (Int64, Range<Int>, Range<Int>) -> Void) {
        var done = 0
        while done < count {
            let (number, start) = (offset + Int64(done)).quotientAndRemainder(dividingBy: page)
            let length = min(count - done, Int(page - start))
            body(number, Int(start)..<Int(start) + length, done..<done + length)
            done += length
        }
    }
}
