// Helpers of the disk cache's tests: folders of their own, frames of several kinds, and the files of a cache.

import Foundation
import FrameStore

/// A folder that is removed with its last holder.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "evh5-cache-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The entries of a cache in this folder, sorted by name.
    var entries: [String] {
        let frames = path + "/frames"
        let names = FileManager.default.enumerator(atPath: frames)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.contains("-") }.sorted().map { frames + "/" + $0 }
    }
}

/// The kinds of frames there are, as far as packing is concerned.
enum FrameKind: String, CaseIterable, Sendable {
    /// Few values of 32 bits, mostly zero.
    case counts
    /// Up to 200 values.
    case manyCounts
    /// Bytes of a few values, mostly zero.
    case byteCounts
    /// The same with a byte now and then that does not fit into 4 bits.
    case hotByteCounts
    /// Zeros and ever new values.
    case sparse
    /// Nothing repeats.
    case noise

    func frame(_ number: Int, byteCount: Int) -> [UInt8] {
        var state = UInt64(number + 1) &* 0x9E37_79B9_7F4A_7C15
        func random() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        func value() -> UInt32 {
            switch self {
            case .counts: random() % 8 == 0 ? Float(random() % 6).bitPattern : 0
            case .manyCounts: random() % 4 == 0 ? Float(random() % 200).bitPattern : 0
            case .byteCounts: random() % 8 == 0 ? UInt32(truncatingIfNeeded: random()) & 0x0503_0107 : 0
            case .hotByteCounts: random() % 8 == 0 ? UInt32(truncatingIfNeeded: random()) & 0x0503_1107 : 0
            case .sparse: random() % 32 == 0 ? UInt32(truncatingIfNeeded: random()) : 0
            case .noise: UInt32(truncatingIfNeeded: random())
            }
        }
        // Whole values at once, without anything generic: sanitizers take minutes for bytes that are appended.
        var values = [UInt32](repeating: 0, count: (byteCount + 3) / 4)
        var i = 0
        while i < values.count {
            values[i] = value().littleEndian
            i += 1
        }
        return values.withUnsafeBytes { Array($0.prefix(byteCount)) }
    }
}

/// A store over a cache in a folder, as a daemon has it, and the frames it is to show.
final class Daemon: Sendable {
    let cache: DiskCache
    let store: FrameStore
    let problems = Guarded<[String]>([])
    let key: CacheKey

    init(
        _ folder: String, limit: Int64 = 1 << 30, key: String = "a recording\nhisto/50ms\n", memory: Int = 64 << 20,
        _ change: (inout DiskCache.Options) -> Void = { _ in }
    ) {
        var options = DiskCache.Options(directory: folder, limit: limit)
        options.freeShare = 0
        options.mostWaiting = memory / 2
        change(&options)
        cache = DiskCache(options) { [problems] text in problems.withLock { $0.append(text) } }
        store = FrameStore(memoryTarget: memory, disk: cache)
        self.key = CacheKey(key)
    }

    /// Reads a frame; true when its bytes are right.
    func read(_ number: Int, _ kind: FrameKind = .counts, byteCount: Int = 40_000) throws -> Bool {
        let right = kind.frame(number, byteCount: byteCount)
        let frame = try store.frame(FrameKey(tensor: 1, frame: number), byteCount: byteCount, cached: key) { memory in
            right.withUnsafeBytes { memory.copyMemory(from: $0) }
        }
        return right.withUnsafeBytes { right in
            guard let wanted = right.baseAddress, let found = frame.bytes.baseAddress else { return byteCount == 0 }
            return frame.bytes.count == byteCount && memcmp(wanted, found, byteCount) == 0
        }
    }

    var computed: Int { store.statistics.computed }
    var figures: DiskCacheStatistics { cache.statistics }
    func settle() -> Bool { cache.flush(seconds: 20) }
}

func contents(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

func write(_ bytes: [UInt8], to path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
}
