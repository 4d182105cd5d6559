// Recordings that are replaced, touched, grown, renamed, swapped, copied and deleted in any order and at any pace, with
// looks, additions and remounts between, compared with a model: what was added is shown where it belongs, at once.
//
// EVH5_MODEL_SEQUENCES says how many sequences are tried; EVH5_MODEL_SEED begins with another one.

import Files
import Foundation
import RandomFixture
import SidecarFixture
import SidecarStore
import Testing
import VirtualTree

/// A source, a store, and one or two mounts over them that do what a sequence of random numbers says.
private final class ChangedRecordings {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private let source: Source
    private let store: String
    private var random: SplitMix
    private var mounts: [VirtualFileSystem] = []
    private var model = ChangedRecordingsModel()
    private var log: [String] = []
    /// Modification times are of the test's own making: a clock's ticks would make two changes one.
    private var time = Int(Date().timeIntervalSince1970)
    private static let names = ["a", "b", "c", "sub/a", "sub/d"]
    private static let folder = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : NSTemporaryDirectory()

    init(seed: UInt64) throws {
        random = SplitMix(seed: seed)
        let place = "\(ChangedRecordings.folder)/evh5-changed-\(getpid())-\(seed)"
        source = Source(path: place + "/source")
        store = place + "/store"
        try FileManager.default.createDirectory(atPath: source.path + "/sub", withIntermediateDirectories: true)
        for _ in 0...pick(2) { mounts.append(try mount()) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: (source.path as NSString).deletingLastPathComponent)
    }

    private func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }

    private func mount() throws -> VirtualFileSystem {
        try source.tree {
            $0.sidecarDirectory = self.store
            $0.sidecarHelper = FixtureHelper()
            $0.fileMode = 0o644
        }
    }

    private func path(_ name: String) -> String { "\(source.path)/\(name).raw" }

    private func isThere(_ name: String) -> Bool { access(path(name), F_OK) == 0 }

    private func seen(_ name: String) throws -> SeenRecording {
        let file = try File(path: path(name))
        let status = try file.status()
        return SeenRecording(
            device: status.device, inode: status.inode, size: status.size, modified: status.modified,
            bytes: try file.bytes(in: 0..<status.size))
    }

    // MARK: What happens

    func run(steps: Int) throws {
        for name in ["a", "sub/d"] { try make(name) }
        for _ in 0..<steps {
            let there = ChangedRecordings.names.filter(isThere)
            let name = ChangedRecordings.names[pick(ChangedRecordings.names.count)]
            let target = ChangedRecordings.names[pick(ChangedRecordings.names.count)]
            if pick(50) == 0 { usleep(UInt32(pick(30_000))) }
            guard there.contains(name) else {
                if there.isEmpty || pick(4) == 0 { try make(name) }
                continue
            }
            switch pick(20) {
            case 0...3: try add(name)
            case 4...6: try look(name)
            case 7: if mounts.count == 1 { try ask(name) }
            case 8, 9: try replace(name)
            case 10: try rewrite(name)
            case 11: try touch(name)
            case 12: try grow(name)
            case 13...15: if name != target { try move(name, target) }
            case 16: if name != target, there.contains(target) { try swap(name, target) }
            case 17: if name != target { try copy(name, target, keepsTime: pick(2) == 0) }
            case 18: if pick(2) == 0 { try delete(name) } else { try reset(name) }
            default:
                log.append("remount")
                mounts[pick(mounts.count)] = try mount()
            }
        }
        for name in ChangedRecordings.names where isThere(name) { try look(name) }
        let kept = try SidecarMaintenance(directory: store, helper: FixtureHelper()).list()
        guard kept.allSatisfy({ $0.problem == nil }),
            kept.filter({ $0.removed == nil }).count == model.additions.count
        else { throw failure("the store holds \(kept.count) sidecars, not \(model.additions.count)") }
    }

    private func failure(_ what: String) -> Failure {
        Failure(description: what + " after " + log.joined(separator: ", "))
    }

    /// New bytes: `count` events, so that some recordings have as many frames as others, and some have not.
    private func contents() -> [UInt8] {
        let count = 20 + pick(120)
        return evt2(line(count, step: 2_000 + pick(3) * 17))
    }

    private func stamp(_ name: String) throws {
        time += 1
        let times = [timespec](repeating: timespec(tv_sec: time, tv_nsec: pick(1_000_000_000)), count: 2)
        guard utimensat(AT_FDCWD, path(name), times, 0) == 0 else { throw failure("cannot set the time of \(name)") }
    }

    private func make(_ name: String) throws {
        log.append("make \(name)")
        try source.write(name + ".raw", contents())
        try stamp(name)
    }

    private func replace(_ name: String) throws {
        log.append("replace \(name)")
        try source.write("new", contents())
        time += 1
        let times = [timespec](repeating: timespec(tv_sec: time, tv_nsec: 5), count: 2)
        utimensat(AT_FDCWD, source.path + "/new", times, 0)
        rename(source.path + "/new", path(name))
    }

    private func overwrite(_ name: String, _ bytes: [UInt8], _ flags: Int32) throws {
        let descriptor = try FileCalls.open(path(name), O_WRONLY | flags)
        defer { close(descriptor) }
        try bytes.withUnsafeBytes { try FileCalls.write($0, to: descriptor, name) }
    }

    private func rewrite(_ name: String) throws {
        log.append("rewrite \(name)")
        try overwrite(name, contents(), O_TRUNC)
        try stamp(name)
    }

    private func touch(_ name: String) throws {
        log.append("touch \(name)")
        try stamp(name)
    }

    private func grow(_ name: String) throws {
        log.append("grow \(name)")
        // TIME_HIGH and an event behind all others.
        let words: [UInt32] = [8 << 28 | UInt32(6_000 + pick(6_000)), 1 << 28 | 3 << 11 | 2]
        try overwrite(name, words.flatMap { word in withUnsafeBytes(of: word.littleEndian) { Array($0) } }, O_APPEND)
        try stamp(name)
    }

    private func move(_ name: String, _ target: String) throws {
        log.append("rename \(name) to \(target)")
        rename(path(name), path(target))
    }

    private func swap(_ name: String, _ other: String) throws {
        log.append("swap \(name) and \(other)")
        rename(path(name), source.path + "/aside")
        rename(path(other), path(name))
        rename(source.path + "/aside", path(other))
    }

    private func copy(_ name: String, _ target: String, keepsTime: Bool) throws {
        log.append("copy \(name) to \(target)\(keepsTime ? " with its time" : "")")
        let bytes = try seen(name)
        try source.write("copy", bytes.bytes)
        rename(source.path + "/copy", path(target))
        guard keepsTime else { return try stamp(target) }
        let modified = timespec(
            tv_sec: Int(bytes.modified / 1_000_000_000), tv_nsec: Int(bytes.modified % 1_000_000_000))
        utimensat(AT_FDCWD, path(target), [modified, modified], 0)
    }

    private func delete(_ name: String) throws {
        log.append("delete \(name)")
        unlink(path(name))
    }

    // MARK: What users do

    private func anyMount() -> VirtualFileSystem { mounts[pick(mounts.count)] }

    private func tail(_ tree: VirtualFileSystem, _ handle: Handle, size: Int64) throws -> [UInt8] {
        let start = max(0, size - 512)
        let read = try tree.read(handle, offset: start, size: Int(size - start))
        let bytes = read.pieces.flatMap { Array($0.bytes) }
        var marks: [UInt8] = []
        while true {
            let mark = bytes.dropLast(marks.count).suffix(8)
            guard mark.count == 8, mark.starts(with: Array("MARK".utf8)) else { return marks }
            marks = Array(mark) + marks
        }
    }

    private func file(_ name: String) -> String { "histo/50ms/\(name).h5" }

    /// Opens the file and compares what it shows.
    private func look(_ name: String) throws {
        let index = pick(mounts.count)
        log.append("look at \(name) in mount \(index)")
        let tree = mounts[index]
        let inode = try tree.walk(file(name)).attributes.inode
        let opened = try tree.open(inode, flags: O_RDONLY)
        defer { tree.release(opened.handle) }
        let size = try tree.attributes(inode, of: opened.handle, by: { 0 }).attributes.size
        try check(name, shown: tail(tree, opened.handle, size: size))
    }

    private func check(_ name: String, shown: [UInt8]) throws {
        let expected = model.expected(name)
        guard model.looked(name, try seen(name), shown: shown, isThere) else {
            throw failure(
                "\(name) shows \(shown.count / 8) additions, not \((expected ?? []).count / 8) or those that moved")
        }
    }

    /// stat(2) alone: it looks as well, and says how large the file is when it is opened.
    private func ask(_ name: String) throws {
        log.append("stat \(name)")
        let tree = mounts[0]
        let entry = try tree.walk(file(name))
        let opened = try tree.open(entry.attributes.inode, flags: O_RDONLY)
        defer { tree.release(opened.handle) }
        let size = try tree.attributes(entry.attributes.inode, of: opened.handle, by: { 0 }).attributes.size
        guard size == entry.attributes.size else { throw failure("stat says \(entry.attributes.size), open \(size)") }
        try check(name, shown: tail(tree, opened.handle, size: size))
    }

    /// A session. The recording may change while it goes on.
    private func add(_ name: String) throws {
        let index = pick(mounts.count)
        log.append("add to \(name) in mount \(index)")
        let tree = mounts[index]
        let inode = try tree.walk(file(name)).attributes.inode
        let handle = try tree.open(inode, flags: O_RDWR, by: 7).handle
        var size = try tree.attributes(inode, of: handle, by: { 0 }).attributes.size
        let before = try tail(tree, handle, size: size)
        try check(name, shown: before)
        let seen = try seen(name)
        switch pick(8) {
        case 0: try touch(name)
        case 1: try replace(name)
        case 2: if let free = ChangedRecordings.names.first(where: { !isThere($0) }) { try move(name, free) }
        default: break
        }
        var mark = Array("MARK".utf8)
        mark.append(contentsOf: withUnsafeBytes(of: UInt32(truncatingIfNeeded: random.next())) { Array($0) })
        try mark.withUnsafeBytes { try tree.write(handle, offset: size, $0) }
        size += 8
        try withUnsafeBytes(of: size.littleEndian) { try tree.write(handle, offset: 40, $0) }
        do { try tree.closing(handle, .regular, by: 7) } catch { throw failure("\(error)") }
        tree.release(handle)
        model.added(mark, to: name, seen, before: before)
    }

    /// os.remove.
    private func reset(_ name: String) throws {
        log.append("reset \(name)")
        // A look first: what it finds is what is removed.
        try look(name)
        let tree = anyMount()
        let parts = file(name).split(separator: "/")
        let folder = try tree.walk(parts.dropLast().joined(separator: "/")).attributes.inode
        try tree.remove(folder, String(parts.last!))
        model.removed(name)
    }
}

@Suite struct ChangedRecordingsTests {
    @Test func additionsFollowTheirRecordings() throws {
        let environment = ProcessInfo.processInfo.environment
        let count = environment["EVH5_MODEL_SEQUENCES"].flatMap { Int($0) } ?? 200
        let first = environment["EVH5_MODEL_SEED"].flatMap { UInt64($0) } ?? 1
        var done = 0
        for seed in first..<first + UInt64(count) {
            do { try ChangedRecordings(seed: seed).run(steps: 30) } catch {
                Issue.record("sequence \(seed): \(error)")
                if done == 0 || seed > first + 5 { break }
            }
            done += 1
        }
        print("changed recordings: \(done) sequences of 30 steps agree with the model")
    }
}
