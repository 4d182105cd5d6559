// Memory for one frame, placed in its pages as readers' arrays are in theirs.

import Glibc

/// Memory of whole pages. A plain value: whoever holds it last must free it or give it to the pool.
struct Buffer: @unchecked Sendable {
    private let base: UnsafeMutableRawPointer
    /// Bytes, a multiple of `page`.
    let capacity: Int
    /// Whether it was moved into large pages, as far as they fit.
    var isInLargePages = false

    static let page = 4096
    /// Of the system: what a mapping is made of. 4 KiB on x86; ARM has 16 and 64 KiB too.
    private static let systemPage = max(page, sysconf(Int32(_SC_PAGESIZE)))
    /// Bytes before the frame in its first page: what malloc leaves before a large block, and so before the array of a
    /// reader. The kernel copies page by page, and where both sides are at the same place in theirs, whole pages; where
    /// the target is a few bytes further on than the source, processors of AMD copy at half their speed.
    static let lead = 16
    /// From this size on memory is mapped and goes back to the system when freed; below, so many mappings would be made
    /// that the system's limit of them (65530) is met, so it comes from malloc.
    private static let mapped = 128 << 10

    /// The capacity of a buffer for `byteCount` bytes; nil when there cannot be one.
    static func capacity(for byteCount: Int) -> Int? {
        guard byteCount >= 0, byteCount <= Int.max - systemPage - lead else { return nil }
        if byteCount < mapped { return max(page, (byteCount + page - 1) & ~(page - 1)) }
        return (byteCount + lead + systemPage - 1) & ~(systemPage - 1)
    }

    /// Where the frame begins: `lead` bytes into a page, or at a page's start where that would cost a small frame a
    /// page.
    var start: UnsafeMutableRawPointer { base + (capacity > Buffer.mapped ? Buffer.lead : 0) }

    /// Bytes from the start on: at least those that the capacity was asked for.
    var room: Int { capacity - (start - base) }

    /// Memory of `capacity` bytes; nil when the system has none.
    static func allocate(capacity: Int) -> Buffer? {
        if capacity >= mapped { return map(capacity) }
        var base: UnsafeMutableRawPointer?
        // A single page that begins at a page's start costs two: the next one cannot begin right behind it, where
        // malloc keeps its own words. As so small a frame is copied in one go wherever it lies, it lies where malloc
        // likes.
        if capacity == page { return malloc(capacity).map { Buffer(base: $0, capacity: capacity) } }
        guard posix_memalign(&base, page, capacity) == 0, let base else { return nil }
        return Buffer(base: base, capacity: capacity)
    }

    private static func map(_ capacity: Int) -> Buffer? {
        // All pages at once: new memory costs 2.4 ms for 7 MB so, 3.5 ms page by page, and 0.3 ms when it is reused.
        // Small ones: large pages are dear when they are made, so `LargePages` makes them when nobody waits.
        func pages(_ length: Int, _ address: UnsafeMutableRawPointer?, _ more: Int32) -> UnsafeMutableRawPointer? {
            let flags = MAP_PRIVATE | MAP_ANONYMOUS | more
            let base = mmap(address, length, PROT_READ | PROT_WRITE, flags, -1, 0)
            return base == MAP_FAILED ? nil : base
        }
        let populated = Int32(MAP_POPULATE)
        guard let large = LargePages.size, capacity >= large, capacity <= Int.max - large else {
            return pages(capacity, nil, populated).map { Buffer(base: $0, capacity: capacity) }
        }
        // Where a large page may begin: only the addresses are taken, and the rest of them given back.
        guard let free = pages(capacity + large, nil, Int32(MAP_NORESERVE)) else { return nil }
        let before = (large - Int(bitPattern: free) % large) % large
        if before > 0 { munmap(free, before) }
        if large > before { munmap(free + before + capacity, large - before) }
        guard let base = pages(capacity, free + before, populated | MAP_FIXED) else {
            munmap(free + before, capacity)
            return nil
        }
        return Buffer(base: base, capacity: capacity)
    }

    /// Whether large pages would fit, and it is not in them.
    var canMove: Bool { !isInLargePages && LargePages.size.map { capacity >= $0 } ?? false }

    /// Moves its pages into large ones; what they hold stays as it is, also for those who read it meanwhile. False when
    /// that could not be.
    func moveToLargePages() -> Bool {
        guard let large = LargePages.size else { return false }
        return LargePages.move(base, capacity / large * large)
    }

    func free() {
        if capacity >= Buffer.mapped {
            munmap(base, capacity)
        } else {
            Glibc.free(base)
        }
    }
}
