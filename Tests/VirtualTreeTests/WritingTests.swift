// Writing sessions on the tree itself: who sees what when, and what is refused.

import Foundation
import SidecarStore
import Synchronization
import TensorFile
import Tensors
import Testing
import VirtualTree

/// Takes every session whose superblock is right for a good one, or none: what libhdf5 thinks is tested elsewhere.
private struct Judge: SidecarHelper {
    var accepts = true

    func verify(folder: String) throws(SidecarError) {
        guard accepts else { throw SidecarError(.invalidResult, "this judge takes nothing") }
    }

    func verify(folder: String, commit: Int) throws(SidecarError) { try verify(folder: folder) }

    func carryOver(folder: String) throws(SidecarError) -> String { throw SidecarError(.invalidResult, "not here") }

    func contents(folder: String, commit: Int) throws(SidecarError) -> [AddedObject] {
        try InProcessSidecarHelper().contents(folder: folder, commit: commit)
    }

    func series(
        folder: String, commit: Int, dataset: String, points: Int
    ) throws(SidecarError) -> AddedSeries {
        try InProcessSidecarHelper().series(folder: folder, commit: commit, dataset: dataset, points: points)
    }
}

@Suite struct WritingTests {
    private let path = "histo/50ms/a.h5"
    private let text = Array("a label".utf8)

    private func source() throws -> Source {
        let source = try Source()
        try source.write("a.raw", evt2(line(500, step: 2_000)))
        try source.write("notes.txt", text)
        return source
    }

    private func tree(
        _ source: Source, accepts: Bool = true, _ change: (inout VirtualFileSystem.Options) -> Void = { _ in }
    ) throws -> VirtualFileSystem {
        try source.tree {
            $0.sidecarDirectory = source.path + "-sidecars"
            $0.sidecarHelper = Judge(accepts: accepts)
            $0.fileMode = 0o644
            change(&$0)
        }
    }

    private func write(_ tree: VirtualFileSystem, _ handle: Handle, _ bytes: [UInt8], at offset: Int64) throws {
        try bytes.withUnsafeBytes { buffer in try tree.write(handle, offset: offset, buffer) }
    }

    /// Appends `text` as HDF5 does: the bytes, then the superblock's end of file.
    private func append(_ tree: VirtualFileSystem, _ handle: Handle, from size: Int64, _ bytes: [UInt8]) throws {
        try write(tree, handle, bytes, at: size)
        let end = UInt64(size) + UInt64(bytes.count)
        try write(tree, handle, withUnsafeBytes(of: end.littleEndian) { Array($0) }, at: 40)
    }

    private func errno(_ body: () throws -> Void) -> Int32 {
        do {
            try body()
            return 0
        } catch { return (error as? FileSystemError)?.errno ?? -1 }
    }

    @Test func aDocumentHasWhatWasAddedAndThenAnotherVersion() throws {
        let tree = try tree(source())
        let before = try tree.catalog.file(at: path)
        let writer = try tree.open(tree.walk(path).attributes.inode, flags: O_RDWR, by: 7)
        try append(tree, writer.handle, from: before.size, text)
        #expect(try tree.catalog.file(at: path).version == before.version)
        try tree.closing(writer.handle, .regular, by: 7)
        tree.release(writer.handle)
        let after = try tree.catalog.file(at: path)
        #expect(after.version != before.version)
        #expect(after.size == before.size + Int64(text.count))
        #expect(try after.read(before.size..<after.size).pieces.flatMap { Array($0.bytes) } == text)
        #expect(try before.read(0..<Int64.max).count == Int(before.size))
    }

    @Test func aSessionIsSeenByItsWriterAloneUntilItIsClosed() throws {
        let source = try source()
        let tree = try tree(source)
        let before = try tree.bytes(path)
        let inode = try tree.walk(path).attributes.inode
        let early = try tree.open(inode, flags: O_RDONLY)
        let writer = try tree.open(inode, flags: O_RDWR, by: 7)
        #expect(writer.writes && !early.writes)
        try append(tree, writer.handle, from: Int64(before.count), text)

        #expect(
            try tree.attributes(inode, of: writer.handle, by: { 0 }).attributes.size == Int64(before.count + text.count)
        )
        // fstat(2) asks without the handle, so it is the process that counts.
        #expect(
            try tree.attributes(inode, of: nil, by: { 7 }).attributes.size == Int64(before.count + text.count))
        #expect(try tree.attributes(inode, of: nil, by: { 8 }).attributes.size == Int64(before.count))
        #expect(try tree.bytes(writer.handle).suffix(text.count) == text[...])
        // Sizes differ from one to the other now: the kernel must ask each time.
        #expect(try tree.attributes(inode).validity == 0)
        #expect(try tree.attributes(inode).attributes.size == Int64(before.count))
        #expect(try tree.bytes(path) == before)

        try tree.closing(writer.handle, .regular, by: 7)
        // Committed when close(2) returns, although the kernel releases the file later.
        let after = try tree.bytes(path)
        #expect(after.count == before.count + text.count && after.suffix(text.count) == text[...])
        #expect(try tree.bytes(early.handle) == before)
        #expect(try tree.attributes(inode, of: early.handle, by: { 0 }).attributes.size == Int64(before.count))
        tree.release(writer.handle)
        tree.release(early.handle)

        let entry = try tree.walk(path)
        #expect(entry.attributes.size == Int64(after.count) && entry.validity > 0)
        #expect(entry.attributes.blocks * 512 >= Int64(text.count))
        // Another daemon, later; other preprocessings and windows are other files.
        let later = try self.tree(source)
        #expect(try later.bytes(path) == after)
        #expect(try later.bytes("diff/50ms/a.h5").count < after.count)
        #expect(try !later.bytes("histo/100ms/a.h5").suffix(text.count).elementsEqual(text))
        let readOnly = try self.tree(source) { $0.readOnly = true }
        #expect(try readOnly.bytes(path) == after)
        #expect(errno { _ = try readOnly.open(readOnly.walk(path).attributes.inode, flags: O_RDWR) } == EROFS)
    }

    @Test func whatIsNotClosedInOrderIsNotCommitted() throws {
        let source = try source()
        let before = try tree(source).bytes(path)
        let size = Int64(before.count)
        func session(_ accepts: Bool = true, _ body: (VirtualFileSystem, Handle) throws -> Void) throws {
            let tree = try tree(source, accepts: accepts)
            let handle = try tree.open(tree.walk(path).attributes.inode, flags: O_RDWR).handle
            try body(tree, handle)
            tree.release(handle)
            #expect(try tree.bytes(path) == before)
            #expect(try tree.walk(path).attributes.size == size)
        }
        // Killed.
        try session { tree, handle in
            try append(tree, handle, from: size, text)
            try tree.closing(handle, .killed, by: 0)
        }
        // No valid file: the superblock says that it ends elsewhere.
        try session { tree, handle in
            try write(tree, handle, text, at: size)
            #expect(errno { try tree.closing(handle, .regular, by: 0) } == EIO)
            #expect(errno { try tree.synchronize(handle) } == EIO)
        }
        // Refused by libhdf5.
        try session(false) { tree, handle in
            try append(tree, handle, from: size, text)
            #expect(errno { try tree.closing(handle, .regular, by: 0) } == EIO)
        }
        // Writing into the tensor, first and last byte.
        for offset in [4096, 4096 + 20 * 1024 - 1] {
            try session { tree, handle in
                try append(tree, handle, from: size, text)
                #expect(errno { try write(tree, handle, [1], at: Int64(offset)) } == EPERM)
                #expect(errno { try write(tree, handle, [1, 2, 3, 4], at: 4094) } == EPERM)
                #expect(errno { try tree.closing(handle, .regular, by: 0) } == EPERM)
            }
        }
    }

    @Test func oneProcessWrites() throws {
        let source = try source()
        let tree = try tree(source)
        let inode = try tree.walk(path).attributes.inode
        let size = try tree.walk(path).attributes.size
        let first = try tree.open(inode, flags: O_RDWR, by: 7)
        // HDF5 opens a file again to find that it has it, and closes it: that ends nothing.
        let again = try tree.open(inode, flags: O_RDWR, by: 7)
        try write(tree, first.handle, text, at: size)
        try tree.closing(again.handle, .regular, by: 7)
        tree.release(again.handle)
        #expect(errno { _ = try tree.open(inode, flags: O_RDWR, by: 8) } == EBUSY)
        #expect(errno { _ = try tree.open(inode, flags: O_WRONLY) } == EBUSY)
        let folder = try tree.walk("histo/50ms").attributes.inode
        #expect(errno { try tree.remove(folder, "a.h5") } == EBUSY)
        let other = try self.tree(source)
        #expect(errno { _ = try other.open(other.walk(path).attributes.inode, flags: O_RDWR) } == EBUSY)
        try append(tree, first.handle, from: size, text)
        try tree.closing(first.handle, .regular, by: 7)
        // The kernel releases a file some time after close(2) has returned: who comes meanwhile waits.
        let released = Thread {
            usleep(100_000)
            tree.release(first.handle)
        }
        released.start()
        let second = try tree.open(inode, flags: O_RDWR, by: 8)
        #expect(try tree.attributes(inode, of: second.handle, by: { 0 }).attributes.size == size + Int64(text.count))
        tree.release(second.handle)
    }

    @Test func threadsOfOneProcessShareTheSession() throws {
        let source = try source()
        let tree = try tree(source)
        let inode = try tree.walk(path).attributes.inode
        for _ in 0..<50 {
            let failures = Atomic(0)
            DispatchQueue.concurrentPerform(iterations: 4) { _ in
                do { tree.release(try tree.open(inode, flags: O_RDWR, by: 7).handle) } catch {
                    failures.add(1, ordering: .relaxed)
                }
            }
            #expect(failures.load(ordering: .relaxed) == 0)
        }
    }

    /// Reads work whatever is wrong with the store; opening for writing is EROFS.
    @Test func aStoreThatIsNoFolder() throws {
        let source = try source()
        let plain = try source.tree().bytes(path)
        try Data(text).write(to: URL(fileURLWithPath: source.path + "-sidecars"))
        defer { unlink(source.path + "-sidecars") }
        let tree = try tree(source)
        #expect(try tree.bytes(path) == plain)
        #expect(errno { _ = try tree.open(tree.walk(path).attributes.inode, flags: O_RDWR) } == EROFS)
        #expect(errno { try tree.remove(tree.walk("histo/50ms").attributes.inode, "a.h5") } != EIO)
        #expect(try tree.bytes(path) == plain)
        #expect(tree.catalog.status().sidecars?.problem?.contains(source.path + "-sidecars") == true)
    }

    @Test func whatChangesNothingBeginsNoSession() throws {
        let source = try source()
        let tree = try tree(source)
        let superblock = Array(try tree.bytes(path).prefix(96))
        let handle = try tree.open(tree.walk(path).attributes.inode, flags: O_RDWR).handle
        try write(tree, handle, superblock, at: 0)
        try tree.closing(handle, .regular, by: 0)
        tree.release(handle)
        #expect(tree.catalog.status().sidecars?.commits == 0)
    }

    /// A child that inherited the file ends in the middle of its parent's session.
    @Test func theEndOfAChildCommitsNothing() throws {
        let source = try source()
        let tree = try tree(source)
        let inode = try tree.walk(path).attributes.inode
        let before = try tree.bytes(path)
        let handle = try tree.open(inode, flags: O_RDWR, by: 7).handle
        try append(tree, handle, from: Int64(before.count), text)
        try tree.closing(handle, .regular, by: 8)
        try tree.closing(handle, .killed, by: 9)
        #expect(try tree.bytes(path) == before)
        try tree.closing(handle, .regular, by: 7)
        #expect(try tree.bytes(path).suffix(text.count) == text[...])
        tree.release(handle)
    }

    @Test func synchronizingCommitsAndGoesOn() throws {
        let source = try source()
        let tree = try tree(source)
        let inode = try tree.walk(path).attributes.inode
        let size = try tree.walk(path).attributes.size
        let handle = try tree.open(inode, flags: O_RDWR).handle
        try append(tree, handle, from: size, text)
        try tree.synchronize(handle)
        #expect(try tree.walk(path).attributes.size == size + Int64(text.count))
        try append(tree, handle, from: size + Int64(text.count), text)
        try tree.closing(handle, .killed, by: 0)
        tree.release(handle)
        #expect(try tree.bytes(path).suffix(text.count + 1).dropFirst() == text[...])
        #expect(try tree.walk(path).attributes.size == size + Int64(text.count))
    }

    @Test func removingResets() throws {
        let source = try source()
        let tree = try tree(source)
        let before = try tree.bytes(path)
        let handle = try tree.open(tree.walk(path).attributes.inode, flags: O_RDWR).handle
        try append(tree, handle, from: Int64(before.count), text)
        try tree.closing(handle, .regular, by: 0)
        tree.release(handle)
        let reader = try tree.open(tree.walk(path).attributes.inode, flags: O_RDONLY).handle
        let folder = try tree.walk("histo/50ms").attributes.inode
        try tree.remove(folder, "a.h5")
        #expect(try tree.bytes(path) == before)
        #expect(try tree.bytes(reader).count == before.count + text.count)
        tree.release(reader)
        // Nothing to take back any more: the file is there all the same.
        try tree.remove(folder, "a.h5")
        #expect(try tree.bytes(path) == before)
    }

    @Test func whatCannotBeChanged() throws {
        let source = try source()
        let tree = try tree(source)
        let folder = try tree.walk("histo/50ms").attributes.inode
        let file = try tree.walk(path).attributes.inode
        let companion = try tree.walk("histo/50ms/notes.txt")
        #expect(companion.attributes.permissions & 0o222 == 0)
        #expect(errno { _ = try tree.open(companion.attributes.inode, flags: O_RDWR) } == EPERM)
        #expect(errno { _ = try tree.open(file, flags: O_RDWR | O_TRUNC) } == EPERM)
        #expect(errno { _ = try tree.open(file, flags: O_RDONLY | O_TRUNC) } == EPERM)
        #expect(errno { try tree.remove(folder, "notes.txt") } == EPERM)
        #expect(errno { try tree.remove(folder, "nothing.h5") } == ENOENT)
        #expect(errno { _ = try tree.setSize(file, of: nil, to: 0) } == EPERM)
        #expect(tree.refusal("mkdir").errno == EPERM)
        let handle = try tree.open(file, flags: O_RDWR).handle
        defer { tree.release(handle) }
        #expect(errno { _ = try tree.setSize(file, of: handle, to: 8192) } == EPERM)
        #expect(errno { try tree.reserve(handle, 0..<5000) } == EPERM)
        #expect(errno { try tree.reserve(handle, 0..<4096) } == EOPNOTSUPP)
        #expect(errno { try write(tree, handle, [1], at: -1) } == EFBIG)
        #expect(errno { try write(tree, handle, [1], at: .max) } == EFBIG)
        let reader = try tree.open(file, flags: O_RDONLY).handle
        #expect(errno { try write(tree, reader, [1], at: 0) } == EBADF)
        tree.release(reader)
    }

    /// Pages that all readers share never show what is not committed.
    @Test func whatMayGetIntoSharedPages() throws {
        let source = try source()
        let tree = try tree(source)
        let inode = try tree.walk(path).attributes.inode
        let size = try tree.walk(path).attributes.size
        let reader = try tree.open(inode, flags: O_RDONLY).handle
        let writer = try tree.open(inode, flags: O_RDWR).handle
        #expect(tree.isCurrent(writer, 0..<4096))
        try append(tree, writer, from: size, text)
        #expect(!tree.isCurrent(writer, 0..<4096) && tree.isCurrent(writer, 4096..<8192))
        #expect(tree.isCurrent(reader, 0..<4096))
        try tree.closing(writer, .regular, by: 0)
        tree.release(writer)
        // The reader's snapshot is another content once somebody has opened the new one, but the tensor is the same.
        let next = try tree.open(inode, flags: O_RDONLY)
        #expect(next.contentChanged)
        #expect(!tree.isCurrent(reader, 0..<4096) && tree.isCurrent(reader, 4096..<8192))
        #expect(tree.isCurrent(next.handle, 0..<4096))
        tree.release(reader)
        tree.release(next.handle)
    }
}
