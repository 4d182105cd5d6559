// Names, attributes and bytes as child processes see them through a real mount.

import FUSEAdapter
import FUSEFixture
import Foundation
import Testing

@Suite(.serialized, .enabled(if: Machine.canMount, Machine.comment))
struct ReadingTests {
    @Test func namesAttributesAndLinks() throws {
        let mount = try MountedTree()
        let listed = run(["ls", "-1", mount.path])
        #expect(listed.status == 0)
        #expect(
            Set(listed.output.split(separator: "\n").map(String.init)) == [
                "big.bin", "small.txt", "pieces.bin", "slow.txt", "link", "broken", "stale", "greedy", "odd",
                "lazy.bin", "many", "notes.bin",
            ])
        let described = run(
            ["stat", "-c", "%n %F %a %s %h %i %b %.9Y", "big.bin", "link", "many", "lazy.bin"], directory: mount.path)
        let time = "1600000000.123456789"
        #expect(
            described.output.split(separator: "\n").map(String.init) == [
                "big.bin regular file 444 4294967296 1 3002 8 \(time)", "link symbolic link 777 9 1 3006 8 \(time)",
                "many directory 555 0 2 3012 8 \(time)", "lazy.bin regular file 444 12345 1 3011 8 \(time)",
            ])
        #expect(run(["readlink", "link"], directory: mount.path).output == "small.txt\n")
        #expect(run(["cat", "small.txt", "link"], directory: mount.path).output == "hello\nhello\n")
        #expect(run(["stat", "nothing"], directory: mount.path).errors.contains("No such file or directory"))
        #expect(run(["stat", "-f", "-c", "%l %S", "."], directory: mount.path).output == "255 4096\n")
        try mount.end()
    }

    @Test func directoriesLongerThanOneReply() throws {
        let mount = try MountedTree()
        let plain = run(["ls", "-1U", "\(mount.path)/many"]).output.split(separator: "\n")
        #expect(plain.map(String.init) == (0..<3000).map { "file\($0)" })
        // -l asks for the attributes of all, which readdirplus has delivered with the names.
        let long = run(["ls", "-lU", "\(mount.path)/many"]).output.split(separator: "\n")
        #expect(long.count == 3001)
        #expect(long.last?.hasSuffix("file2999") == true)
        try mount.end()
    }

    @Test func namesThatAreNoText() throws {
        let mount = try MountedTree()
        let outcome = run(["bash", "-c", "stat \(mount.path)/$'\\xff\\xfe'"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("No such file or directory"))
        #expect(run(["cat", "\(mount.path)/small.txt"]).output == "hello\n")
        try mount.end()
    }

    /// Bytes of `Pattern`, worked out anew in Python.
    private static let pattern = """
        import mmap, os, sys
        P = (1 << 20) + 1
        tile = bytes(((i * 2654435761) >> 13) & 255 for i in range(P))
        def want(start, count):
            start %= P
            return (tile[start:] + tile * (count // P + 1))[:count]
        """

    @Test(.enabled(if: Machine.hasPython, "needs python3"), arguments: [false, true])
    func bytesAtAnyOffset(pageCache: Bool) throws {
        let mount = try MountedTree { $0.pageCache = pageCache }
        let program =
            Self.pattern + """

                fd = os.open("big.bin", os.O_RDONLY)
                size = os.fstat(fd).st_size
                for at in (0, 1, 4095, 4096, P - 1, P, 3 << 30, size - 100000, size - 1, size, size + 5):
                    for count in (1, 4096, 100000, 3 << 20):
                        assert os.pread(fd, count, at) == want(at, max(0, min(count, size - at))), (at, count)
                assert open("pieces.bin", "rb").read() == want(0, 65536)
                print("same")
                """
        let outcome = run(["python3", "-c", program], directory: mount.path)
        #expect(outcome.output == "same\n", "\(outcome.errors)")
        try mount.end()
    }

    @Test(.enabled(if: Machine.hasPython, "needs python3"), arguments: [false, true])
    func maps(pageCache: Bool) throws {
        let mount = try MountedTree { $0.pageCache = pageCache }
        let program =
            Self.pattern + """

                fd = os.open("big.bin", os.O_RDONLY)
                kinds = [mmap.MAP_PRIVATE] + ([mmap.MAP_SHARED] if sys.argv[1] == "shared" else [])
                for kind in kinds:
                    m = mmap.mmap(fd, 0, kind, mmap.PROT_READ)
                    for at in (0, 4095, P - 5, 3 << 30, len(m) - 10):
                        assert m[at:at + 10] == want(at, 10), at
                    # another open while the map stands
                    assert os.pread(os.open("big.bin", os.O_RDONLY), 10, 5) == want(5, 10)
                    assert m[5:15] == want(5, 10)
                print("same")
                """
        let shared = pageCache || mount.session.allowsSharedMaps
        let outcome = run(["python3", "-c", program, shared ? "shared" : "private"], directory: mount.path)
        #expect(outcome.output == "same\n", "\(outcome.errors)")
        try mount.end()
    }

    /// The kernel says what it offers; on one that offers it, the handshake must have succeeded.
    @Test func sharedMapsOnNewKernels() throws {
        let mount = try MountedTree()
        let version = ProcessInfo.processInfo.operatingSystemVersion
        let offered = (version.majorVersion, version.minorVersion) >= (6, 6)
        #expect(mount.session.allowsSharedMaps == offered)
        try mount.end()
    }

    @Test func manyReadersAtOnce() throws {
        let mount = try MountedTree { $0.maxThreads = 8 }
        let script = """
            for i in $(seq 1 24); do
                dd if=big.bin bs=1M skip=$((i * 100)) count=8 status=none | cksum &
                dd if=big.bin bs=1M skip=$((i * 100)) count=8 status=none | cksum &
                stat -c %s many/file$i lazy.bin > /dev/null || echo bad &
            done
            wait
            """
        let outcome = run(["bash", "-c", script], directory: mount.path)
        let sums = outcome.output.split(separator: "\n")
        #expect(outcome.errors.isEmpty)
        #expect(sums.count == 48)
        // Every range was summed twice, and no two ranges are alike.
        let times = Dictionary(sums.map { ($0, 1) }, uniquingKeysWith: +)
        #expect(times.count == 24 && times.values.allSatisfy { $0 == 2 })
        try mount.end()
    }

    /// A lookup that takes long does not hold up others in the same directory.
    @Test func lookupsInOneDirectory() throws {
        let mount = try MountedTree()
        let script = "for i in 1 2 3 4 5 6; do stat wait$i 2> /dev/null & done; wait"
        #expect(run(["bash", "-c", script], directory: mount.path).status == 0)
        #expect(mount.tree.lookupsAtOnce > 1)
        try mount.end()
    }

    /// One thread is enough for everything, as requests do not wait for one another.
    @Test func oneThread() throws {
        let mount = try MountedTree { $0.maxThreads = 1 }
        #expect(run(["cat", "small.txt", "slow.txt"], directory: mount.path).output == "hello\nslow\n")
        try mount.end()
    }

    @Test func referencesAreGivenBack() throws {
        let mount = try MountedTree()
        #expect(run(["ls", "-lR", mount.path]).status == 0)
        #expect(mount.tree.referenceCount >= 3000)
        guard Machine.isRoot, FileManager.default.isWritableFile(atPath: "/proc/sys/vm/drop_caches") else {
            return try mount.end()
        }
        // The kernel forgets what nobody uses when it is told to drop names and inodes.
        #expect(run(["sh", "-c", "echo 2 > /proc/sys/vm/drop_caches"]).status == 0)
        for _ in 0..<50 where mount.tree.referenceCount > 0 { usleep(20_000) }
        #expect(mount.tree.referenceCount == 0)
        try mount.end()
    }
}
