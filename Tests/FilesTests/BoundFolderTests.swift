// Files that are swapped for links while others open them: nothing outside of the folder is ever read.

import CLinux
import Files
import Foundation
import Synchronization
import Testing

@Suite struct BoundFolderTests {
    private struct Place {
        let path: String
        let outside: String

        init() throws {
            let base = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : NSTemporaryDirectory()
            let folder = base + "/evh5-bound-\(UUID().uuidString)"
            path = folder + "/source"
            outside = folder + "/outside"
            for folder in [path + "/sub", outside] {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            }
            try Data("inside".utf8).write(to: URL(fileURLWithPath: path + "/file"))
            try Data("inside".utf8).write(to: URL(fileURLWithPath: path + "/sub/file"))
            try Data("secret".utf8).write(to: URL(fileURLWithPath: outside + "/file"))
        }

        func remove() { try? FileManager.default.removeItem(atPath: (path as NSString).deletingLastPathComponent) }
    }

    private func errno(_ body: () throws -> Void) -> Int32 {
        do {
            try body()
            return 0
        } catch { return (error as? FileError)?.errno ?? -1 }
    }

    @Test(arguments: BoundFolder.Means.allCases)
    func linksAreNotFollowed(_ means: BoundFolder.Means) throws {
        let place = try Place()
        defer { place.remove() }
        if means == .kernel, try BoundFolder(place.path).means != .kernel { return }
        symlink(place.outside + "/file", place.path + "/link")
        symlink("file", place.path + "/inner")
        symlink(place.outside, place.path + "/folder")
        let folder = try BoundFolder(place.path, means: means)
        #expect(try folder.file("file").bytes(in: 0..<100) == Array("inside".utf8))
        #expect(try folder.file("sub/file").bytes(in: 0..<100) == Array("inside".utf8))
        for name in ["link", "inner", "folder/file"] { #expect(errno { _ = try folder.file(name) } == ELOOP) }
        for name in ["../outside/file", "sub/../../outside/file"] {
            #expect(errno { _ = try folder.file(name) } == EXDEV)
        }
        #expect(errno { _ = try folder.file("nothing") } == ENOENT)
        #expect(errno { _ = try folder.file("file/more") } == ENOTDIR)
        #expect(try folder.status("link").kind == .symbolicLink && folder.status("file").size == 6)
        #expect(errno { _ = try folder.status("folder/file") } == ELOOP)
        #expect(try folder.status("").kind == .directory)
        let listed = try folder.folder("sub")
        #expect(try listed.next()?.name == "file" && listed.next() == nil)
    }

    /// A file, and a folder on the way to one, change places with links that lead outside, a million times in all.
    @Test(arguments: BoundFolder.Means.allCases)
    func aMillionSwaps(_ means: BoundFolder.Means) throws {
        let place = try Place()
        defer { place.remove() }
        if means == .kernel, try BoundFolder(place.path).means != .kernel { return }
        symlink(place.outside + "/file", place.path + "/link")
        symlink(place.outside, place.path + "/folder")
        let folder = try BoundFolder(place.path, means: means)
        let swaps = 500_000
        let isOver = Atomic(false)
        let reads = Atomic(0)
        let refusals = Atomic(0)
        let secrets = Atomic(0)
        let done = DispatchGroup()
        // Threads of their own: a busy pool would run the readers when all is over.
        for _ in 0..<2 {
            done.enter()
            Thread.detachNewThread {
                while !isOver.load(ordering: .relaxed) {
                    for name in ["file", "sub/file"] {
                        guard let bytes = try? folder.file(name).bytes(in: 0..<100) else {
                            refusals.add(1, ordering: .relaxed)
                            continue
                        }
                        reads.add(1, ordering: .relaxed)
                        if bytes != Array("inside".utf8) { secrets.add(1, ordering: .relaxed) }
                    }
                }
                done.leave()
            }
        }
        for i in 0..<swaps {
            _ =
                i & 1 == 0
                ? evh5_exchange(place.path + "/file", place.path + "/link")
                : evh5_exchange(place.path + "/sub", place.path + "/folder")
        }
        isOver.store(true, ordering: .relaxed)
        done.wait()
        let (read, refused) = (reads.load(ordering: .relaxed), refusals.load(ordering: .relaxed))
        print(
            "\(means): \(swaps) swaps, \(read) reads, \(refused) refused, \(secrets.load(ordering: .relaxed)) from outside"
        )
        #expect(secrets.load(ordering: .relaxed) == 0)
        #expect(read > 0)
    }
}
