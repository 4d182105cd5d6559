// The memory that evh5 shares with a worker process: a frame's tensor between guards, and its events.

import CPreprocessing
import Foundation
import Tensors

/// Memory of one worker:
///
///     fence | guard | tensor | guard | fence | events ...
///
/// Guards hold a pattern that is looked at after each frame; fences are a page each that the worker cannot touch. The
/// events come last, because how many there are shows only when they are decoded. One thread at a time uses it.
final class SharedMemory: @unchecked Sendable {
    private static let guardBytes = 1 << 16
    /// Events beyond this many bytes give their memory back after the frame.
    private static let keptEventBytes = 64 << 20
    /// 2^28 events.
    private static let largestEventBytes = 1 << 32
    static let page = sysconf(Int32(_SC_PAGESIZE))

    /// A file that both map.
    let descriptor: Int32
    private(set) var size = 0
    private var base: UnsafeMutableRawPointer?
    private var tensorBytes = -1
    private(set) var eventsOffset = 0
    var tensorOffset: Int { SharedMemory.page + SharedMemory.guardBytes }

    /// Bytes that nobody writes by chance: neither zeros nor ones, and none like its neighbour.
    private static let pattern: [UInt8] = (0..<(guardBytes + 2 * page)).map {
        UInt8(truncatingIfNeeded: $0 &* 167 &+ 13)
    }

    init() throws(WorkerFailure) {
        descriptor = evh5_memory_create("evh5 preprocessing")
        guard descriptor >= 0 else { throw SharedMemory.failure("make") }
    }

    deinit {
        if let base { munmap(base, size) }
        close(descriptor)
    }

    /// Lays the memory out for a tensor of this size, all zero.
    func prepare(tensorBytes bytes: Int) throws(WorkerFailure) {
        if bytes != tensorBytes {
            tensorBytes = -1
            let behind = tensorOffset + bytes + SharedMemory.guardBytes
            eventsOffset = (behind + SharedMemory.page - 1) / SharedMemory.page * SharedMemory.page + SharedMemory.page
            let wanted = eventsOffset + (1 << 20)
            if wanted > size { try grow(to: wanted) }
            guard let base else { return }
            SharedMemory.pattern.withUnsafeBytes { pattern in
                for part in guards(bytes) {
                    (base + part.lowerBound).copyMemory(from: pattern.baseAddress!, byteCount: part.count)
                }
            }
            tensorBytes = bytes
        }
        if let base { memset(base + tensorOffset, 0, bytes) }
    }

    private func guards(_ bytes: Int) -> [Range<Int>] {
        [
            SharedMemory.page..<tensorOffset,
            tensorOffset + bytes..<eventsOffset - SharedMemory.page,
        ]
    }

    /// Whether nothing was written around the tensor. When something was, the layout is made anew before the next
    /// frame.
    func guardsAreWhole() -> Bool {
        guard let base, tensorBytes >= 0 else { return true }
        let whole = SharedMemory.pattern.withUnsafeBytes { pattern in
            guards(tensorBytes).allSatisfy { memcmp(base + $0.lowerBound, pattern.baseAddress!, $0.count) == 0 }
        }
        if !whole { tensorBytes = -1 }
        return whole
    }

    /// The tensor's bytes, until the memory grows or is laid out anew.
    var tensor: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base.map { $0 + tensorOffset }, count: max(0, tensorBytes))
    }

    /// Room for events, until the memory grows or is laid out anew: two words each.
    var events: UnsafeMutableBufferPointer<UInt64> {
        let count = (size - eventsOffset) / 16 * 2
        return UnsafeMutableBufferPointer(
            start: base.map { ($0 + eventsOffset).assumingMemoryBound(to: UInt64.self) }, count: count)
    }

    /// Doubles the room for events; what is there stays.
    func growEvents() throws(WorkerFailure) {
        let room = size - eventsOffset
        guard room < SharedMemory.largestEventBytes else {
            throw WorkerFailure(
                .kept, "the window has more than \(SharedMemory.largestEventBytes / 16) events; choose a shorter one")
        }
        try grow(to: eventsOffset + 2 * room)
    }

    /// Gives memory back that only a frame with many events needs.
    func relax() {
        let kept = eventsOffset + SharedMemory.keptEventBytes
        if size > kept { evh5_memory_discard(descriptor, off_t(kept), off_t(size - kept)) }
    }

    private func grow(to wanted: Int) throws(WorkerFailure) {
        let bytes = (wanted + SharedMemory.page - 1) / SharedMemory.page * SharedMemory.page
        guard ftruncate(descriptor, off_t(bytes)) == 0 else { throw SharedMemory.failure("enlarge") }
        let moved: UnsafeMutableRawPointer?
        if let base {
            moved = evh5_memory_remap(base, size, bytes)
        } else {
            let made = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
            moved = made == MAP_FAILED ? nil : made
        }
        guard let moved else { throw SharedMemory.failure("map") }
        base = moved
        size = bytes
    }

    private static func failure(_ what: String) -> WorkerFailure {
        WorkerFailure(.kept, "cannot \(what) shared memory: \(String(cString: strerror(errno)))")
    }
}
