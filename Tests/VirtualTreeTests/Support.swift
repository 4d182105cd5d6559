// A source folder of small recordings, encoded here by the format's definition, and a tree over it that is walked by
// path.

import Foundation
import Logging
import Tensors
import VirtualTree

/// One event as (x, y, p, t in us).
typealias E = (x: Int, y: Int, p: Int, t: Int)

/// An EVT2 recording, 16x8: TIME_HIGH is t >> 6, a CD word holds polarity, t & 63, x and y.
func evt2(_ events: [E], geometry: String? = "16x8", firstHigh: Int = 0) -> [UInt8] {
    var bytes = Array("% evt 2.0\n".utf8)
    if let geometry { bytes += Array("% geometry \(geometry)\n".utf8) }
    bytes += Array("% end\n".utf8)
    func put(_ word: Int) { bytes += (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    var high = firstHigh
    put(8 << 28 | high)
    for e in events {
        if e.t >> 6 != high {
            high = e.t >> 6
            put(8 << 28 | high)
        }
        put(e.p << 28 | (e.t & 63) << 22 | e.x << 11 | e.y)
    }
    return bytes
}

/// `count` events, one each `step` us from 0 on.
func line(_ count: Int, step: Int) -> [E] { (0..<count).map { (x: $0 % 16, y: $0 % 8, p: $0 & 1, t: $0 * step) } }

/// The folder of all source folders; removed when the tests end, because a source shall not vanish with its last
/// mention.
private let sources: String = {
    let path = NSTemporaryDirectory() + "evh5-tree-\(getpid())"
    atexit { try? FileManager.default.removeItem(atPath: NSTemporaryDirectory() + "evh5-tree-\(getpid())") }
    return path
}()

/// A temporary source folder.
struct Source {
    let path: String

    init(path: String) { self.path = path }

    init() throws {
        path = sources + "/" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        let file = path + "/" + name
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: file))
    }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: path + "/" + name, withDestinationPath: target)
    }

    func tree(
        _ registry: PreprocessingRegistry = .standard, _ change: (inout VirtualFileSystem.Options) -> Void = { _ in }
    ) throws -> VirtualFileSystem {
        var options = VirtualFileSystem.Options()
        change(&options)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return try VirtualFileSystem(source: path, options: options, registry: registry, logger: logger)
    }
}

extension VirtualFileSystem {
    /// Walks a path as the kernel does, following symbolic links within the tree.
    func walk(_ path: String, followLast: Bool = true) throws -> Entry {
        var steps = path.split(separator: "/").map(String.init)
        var above: [Inode] = []
        var entry = try attributes(rootInode)
        var links = 0
        while !steps.isEmpty {
            let step = steps.removeFirst()
            if step == ".." {
                entry = try attributes(above.popLast() ?? rootInode)
                continue
            }
            let inner = try lookup(entry.attributes.inode, step)
            if inner.attributes.kind == .symbolicLink && (followLast || !steps.isEmpty) {
                links += 1
                guard links < 40 else { throw FileSystemError(ELOOP, "too many links") }
                steps = try readLink(inner.attributes.inode).split(separator: "/").map(String.init) + steps
                continue
            }
            above.append(entry.attributes.inode)
            entry = inner
        }
        return entry
    }

    func bytes(_ path: String, chunk: Int = 1 << 20) throws -> [UInt8] {
        let opened = try open(walk(path).attributes.inode, flags: O_RDONLY)
        defer { release(opened.handle) }
        return try bytes(opened.handle, chunk: chunk)
    }

    func bytes(_ handle: Handle, chunk: Int = 1 << 20) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let result = try read(handle, offset: Int64(bytes.count), size: chunk)
            for piece in result.pieces { bytes += Array(piece.bytes) }
            if result.count < chunk { return bytes }
        }
    }

    func names(_ path: String) throws -> [String] {
        let handle = try openDirectory(walk(path).attributes.inode)
        defer { releaseDirectory(handle) }
        var names: [String] = []
        try readDirectory(handle, from: 0, counting: true) {
            names.append($0.name)
            return true
        }
        guard names.starts(with: [".", ".."]) else { throw FileSystemError(EIO, "a listing begins with . and ..") }
        return Array(names.dropFirst(2))
    }

    func link(_ path: String) throws -> String { try readLink(walk(path, followLast: false).attributes.inode) }

    /// The errno that walking to `path` gives, 0 when it exists.
    func failure(_ path: String) -> Int32 {
        do {
            _ = try walk(path)
            return 0
        } catch { return (error as? FileSystemError)?.errno ?? -1 }
    }
}
