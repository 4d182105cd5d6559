// A file in memory that is mostly holes, and that tells whether somebody asked for the tensor's bytes.

import Foundation
import TensorFile

/// A sparse file in memory.
public final class PagedFile: RandomAccessFile {
    private static let pageSize: Int64 = 4096
    /// lseek(2)'s SEEK_DATA, which Foundation leaves out.
    private static let seekData: Int32 = 3

    public private(set) var length: Int64 = 0
    private var pages: [Int64: [UInt8]] = [:]
    /// Bytes that nobody may ask for.
    public let computed: Range<Int64>
    /// Whether somebody did.
    public private(set) var wasTensorTouched = false
    /// Bytes read and written so far.
    public private(set) var bytesRead: Int64 = 0
    public private(set) var bytesWritten: Int64 = 0
    /// How many calls still succeed; nil: all.
    public var callsUntilFailure: Int?

    /// What a call throws when it fails on demand.
    public struct Failure: Error, Equatable, CustomStringConvertible {
        public init() {}
        public var description: String { "the test's disk is broken" }
    }

    public init(computed: Range<Int64> = 0..<0) { self.computed = computed }

    /// The file at `path`, without the bytes of `computed` and without its holes.
    public init(path: String, computed: Range<Int64>) throws {
        self.computed = computed
        let file = open(path, O_RDONLY)
        guard file >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        defer { close(file) }
        length = Int64(lseek(file, 0, SEEK_END))
        var position = Int64(lseek(file, 0, PagedFile.seekData))
        var page = [UInt8](repeating: 0, count: Int(PagedFile.pageSize))
        while position >= 0, position < length {
            let start = position / PagedFile.pageSize * PagedFile.pageSize
            let count = pread(file, &page, page.count, off_t(start))
            guard count > 0 else { break }
            // Only what is outside the tensor.
            for (offset, byte) in page.prefix(count).enumerated() where byte != 0 {
                let at = start + Int64(offset)
                if !computed.contains(at) { set(byte, at: at) }
            }
            position = Int64(lseek(file, off_t(start + PagedFile.pageSize), PagedFile.seekData))
        }
    }

    /// The file of `layout`, without its tensor.
    public init(_ layout: FileLayout) throws {
        computed = layout.dataOffset..<max(layout.dataOffset, layout.map.tailOffset)
        try layout.head.withUnsafeBytes { try write($0, at: 0) }
        try layout.tail.withUnsafeBytes { try write($0, at: layout.map.tailOffset) }
        length = layout.size
    }

    public func copy() -> PagedFile {
        let copy = PagedFile(computed: computed)
        copy.length = length
        copy.pages = pages
        return copy
    }

    /// Writes the file to `path`, holes where there are holes.
    public func store(at path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard file >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        defer { close(file) }
        for (index, page) in pages {
            let offset = index * PagedFile.pageSize
            let count = Int(min(Int64(page.count), max(0, length - offset)))
            guard pwrite(file, page, count, off_t(offset)) == count else {
                throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
            }
        }
        ftruncate(file, off_t(length))
    }

    public subscript(offset: Int64) -> UInt8 {
        get { pages[offset / PagedFile.pageSize]?[Int(offset % PagedFile.pageSize)] ?? 0 }
        set { set(newValue, at: offset) }
    }

    /// Where there may be bytes other than zero: the beginnings of pages, in order.
    public var pageOffsets: [Int64] { pages.keys.sorted().map { $0 * PagedFile.pageSize } }

    /// Puts the little-endian number `new` wherever `old` is; returns how often it was.
    public func replace(_ old: UInt64, by new: UInt64) -> Int {
        let pattern = withUnsafeBytes(of: old.littleEndian, Array.init)
        var places: [Int64] = []
        for page in pageOffsets {
            for offset in page..<(page + PagedFile.pageSize) where self[offset] == pattern[0] {
                if (0..<8).allSatisfy({ self[offset + Int64($0)] == pattern[$0] }) { places.append(offset) }
            }
        }
        for place in places {
            for (index, byte) in withUnsafeBytes(of: new.littleEndian, Array.init).enumerated() {
                set(byte, at: place + Int64(index))
            }
        }
        return places.count
    }

    private func set(_ byte: UInt8, at offset: Int64) {
        pages[
            offset / PagedFile.pageSize, default: [UInt8](repeating: 0, count: Int(PagedFile.pageSize))][
                Int(offset % PagedFile.pageSize)] = byte
    }

    private func call(_ range: Range<Int64>) throws {
        if range.overlaps(computed) { wasTensorTouched = true }
        guard let left = callsUntilFailure else { return }
        guard left > 0 else { throw Failure() }
        callsUntilFailure = left - 1
    }

    // MARK: RandomAccessFile

    public func size() throws -> Int64 { length }

    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws {
        try call(offset..<(offset + Int64(buffer.count)))
        bytesRead += Int64(buffer.count)
        forEachPage(offset, buffer.count) { index, inPage, range in
            let target = UnsafeMutableRawBufferPointer(rebasing: buffer[range])
            if let page = pages[index] {
                target.copyBytes(from: page[inPage..<(inPage + range.count)])
            } else {
                target.initializeMemory(as: UInt8.self, repeating: 0)
            }
        }
    }

    public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws {
        try call(offset..<(offset + Int64(bytes.count)))
        bytesWritten += Int64(bytes.count)
        forEachPage(offset, bytes.count) { index, inPage, range in
            pages[index, default: [UInt8](repeating: 0, count: Int(PagedFile.pageSize))].withUnsafeMutableBytes {
                UnsafeMutableRawBufferPointer(rebasing: $0[inPage...]).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[range]))
            }
        }
        length = max(length, offset + Int64(bytes.count))
    }

    public func setSize(_ size: Int64) throws {
        try call(0..<0)
        if size < length {
            pages = pages.filter { $0.key * PagedFile.pageSize < size }
            for offset in size..<(size / PagedFile.pageSize + 1) * PagedFile.pageSize where self[offset] != 0 {
                set(0, at: offset)
            }
        }
        length = size
    }

    private func forEachPage(_ offset: Int64, _ count: Int, _ body: (Int64, Int, Range<Int>) -> Void) {
        var done = 0
        while done < count {
            let at = offset + Int64(done)
            let inPage = Int(at % PagedFile.pageSize)
            let part = min(count - done, Int(PagedFile.pageSize) - inPage)
            body(at / PagedFile.pageSize, inPage, done..<(done + part))
            done += part
        }
    }
}
