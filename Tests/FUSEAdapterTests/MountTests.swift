// How mounts begin and end, in this process and in others.

import ChildFixture
import FUSEAdapter
import FUSEFixture
import Foundation
import Testing

@Suite(.serialized, .enabled(if: Machine.canMount, Machine.comment))
struct MountTests {
    /// The program of the fixture, beside the tests' own.
    private static let fixture =
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path + "/fuse-fixture"

    private func mounted(_ path: String) -> Bool { Mounts.list().contains { $0.mountPoint == path } }

    private func waitUntil(_ condition: () -> Bool) -> Bool {
        for _ in 0..<250 {
            if condition() { return true }
            usleep(20_000)
        }
        return condition()
    }

    /// The process that serves `directory`.
    private func daemon(_ directory: String, _ program: String = fixture) -> pid_t? {
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { pid_t($0) } ?? []
        return numbers.first { number in
            let words = FileManager.default.contents(atPath: "/proc/\(number)/cmdline") ?? Data()
            return String(decoding: words, as: UTF8.self).hasPrefix("\(program)\0\(directory)\0")
        }
    }

    private func code(_ body: () throws -> Void) -> MountError.Code? {
        do { try body() } catch { return (error as? MountError)?.code }
        return nil
    }

    @Test func listed() throws {
        let mount = try MountedTree()
        let found = try #require(Mounts.list().first { $0.mountPoint == mount.path })
        #expect(found.source == "/test, source")
        let line = run(["findmnt", "-n", "-o", "FSTYPE,SOURCE", mount.path]).output
        #expect(line.hasPrefix("fuse.evh5 /test, source"))
        try mount.end()
    }

    @Test func mountinfoIsUnescaped() {
        let text = """
            22 28 0:21 / /proc rw,nosuid - proc proc rw
            90 28 0:48 / /mnt/a\\040b\\134c rw,nosuid shared:5 master:1 - fuse.evh5 /data/x\\011y rw,user_id=0
            91 28 0:49 / /mnt/\\303\\244 ro - fuse.evh5 src ro
            92 28 0:50 / /mnt/other rw - fuse.sshfs host: rw
            93 28 broken
            """
        let mounts = Mounts.parse(text)
        #expect(mounts.map(\.mountPoint) == ["/mnt/a b\\c", "/mnt/ä"])
        #expect(mounts.map(\.source) == ["/data/x\ty", "src"])
        #expect(mounts.map(\.options) == ["rw,nosuid", "ro"])
    }

    @Test func whoMountedIsInMountinfo() {
        let text = """
            90 28 0:48 / /mnt/a\\040b rw,nosuid shared:5 - fuse.evh5 /data/x rw,user_id=0,group_id=0
            91 28 0:49 / /mnt/jane rw - fuse.evh5 src rw,user_id=1000,group_id=1000
            92 28 0:50 / /mnt/other rw - fuse.sshfs host: rw,user_id=7
            """
        #expect(Mounts.owners(text) == ["/mnt/a b": 0, "/mnt/jane": 1000])
    }

    @Test func unmountEndsRun() throws {
        let mount = try MountedTree()
        #expect(run(["ls", mount.path]).status == 0)
        // Another spelling of the same directory.
        try Mounts.unmount("/tmp/../\(mount.path)/./")
        #expect(try mount.waitForEnd())
        #expect(!mounted(mount.path))
        #expect(code { try Mounts.unmount(mount.path) } == .notMounted)
        #expect(rmdir(mount.path) == 0)
    }

    @Test func busyMounts() throws {
        let mount = try MountedTree()
        let user = try Child(["sh", "-c", "exec sleep 60 < small.txt"], directory: mount.path, output: .nowhere)
        #expect(waitUntil { mount.tree.openCount == 1 })
        #expect(code { try Mounts.unmount(mount.path) } == .busy)
        #expect(mounted(mount.path))
        try Mounts.unmount(mount.path, lazy: true)
        #expect(!mounted(mount.path))
        user.kill(SIGKILL)
        user.wait()
        // The last user is gone, and so the mount.
        #expect(try mount.waitForEnd())
        #expect(rmdir(mount.path) == 0)
    }

    @Test func stopWhileInUse() throws {
        let mount = try MountedTree()
        let user = try Child(
            ["cat", "\(mount.path)/slow.txt", "\(mount.path)/big.bin"], output: .nowhere, errors: .nowhere)
        #expect(waitUntil { mount.tree.openCount == 1 })
        try mount.end(idle: false)
        user.kill(SIGKILL)
        user.wait()
    }

    @Test func badMountPoints() throws {
        let directory = try temporaryDirectory()
        let file = directory + "/file"
        try "x".write(toFile: file, atomically: true, encoding: .utf8)
        #expect(code { try Mounts.checkMountPoint("\(directory)/absent", allowNonEmpty: false) } == .mountPointUnusable)
        #expect(code { try Mounts.checkMountPoint(file, allowNonEmpty: true) } == .mountPointUnusable)
        #expect(code { try Mounts.checkMountPoint(directory, allowNonEmpty: false) } == .mountPointUnusable)
        #expect(code { try Mounts.checkMountPoint(directory, allowNonEmpty: true) } == nil)
        try FileManager.default.removeItem(atPath: directory)

        let mount = try MountedTree()
        #expect(code { try Mounts.checkMountPoint(mount.path, allowNonEmpty: true) } == .alreadyMounted)
        try mount.end()
    }

    @Test func optionsOfLibfuse() throws {
        let directory = try temporaryDirectory()
        var options = MountOptions(mountPoint: directory, source: "x")
        options.extra = ["nosuchoption=1"]
        do {
            _ = try MountSession(fileSystem: MemoryTree(), options: options, logger: LogBook().logger)
            Issue.record("an unknown option was taken")
        } catch {
            #expect(error.code == .mountRefused)
            #expect(error.message.contains("nosuchoption"))
        }
        try "x".write(toFile: directory + "/hidden", atomically: true, encoding: .utf8)
        options.extra = ["nonempty", "noatime"]
        options.debug = true
        let log = LogBook()
        var session: MountSession? = try MountSession(fileSystem: MemoryTree(), options: options, logger: log.logger)
        #expect(session != nil && mounted(directory))
        #expect(log.count(.debug, containing: "INIT") >= 1)
        // A session that was never run unmounts when it goes.
        session = nil
        #expect(!mounted(directory))
        try FileManager.default.removeItem(atPath: directory)
    }

    @Test func stopBeforeRun() throws {
        let directory = try temporaryDirectory()
        let session = try MountSession(
            fileSystem: MemoryTree(), options: MountOptions(mountPoint: directory, source: "x"),
            logger: LogBook().logger)
        session.stop()
        try session.run {}
        #expect(!mounted(directory))
        #expect(rmdir(directory) == 0)
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
    func signals(number: Int32) throws {
        let directory = try temporaryDirectory()
        let process = try Child([Self.fixture, directory])
        #expect(waitUntil { run(["cat", "\(directory)/small.txt"]).output == "hello\n" })
        process.kill(number)
        let ended = process.finish()
        #expect(ended.status == 0)
        #expect(ended.output.hasPrefix("ready ") && ended.output.hasSuffix("\nended\n"))
        #expect(!mounted(directory))
        #expect(rmdir(directory) == 0)
    }

    @Test func background() throws {
        let directory = try temporaryDirectory()
        // The output of the command ends although the daemon lives on; it answers as soon as the command returns.
        let outcome = run(["sh", "-c", "'\(Self.fixture)' \(directory) background && cat \(directory)/small.txt"])
        #expect(outcome.status == 0)
        #expect(outcome.output == "hello\n")
        let pid = try #require(daemon(directory))
        #expect(run(["readlink", "/proc/\(pid)/cwd"]).output == "/\n")
        #expect(run(["readlink", "/proc/\(pid)/fd/2"]).output == "/dev/null\n")
        // pid (name) state parent group session terminal
        let fields = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8).split(separator: " ")
        #expect(fields[5] == "\(pid)" && fields[6] == "0")

        let second = run([Self.fixture, directory, "background"])
        #expect(second.status == 3)
        #expect(
            second.errors == "fuse-fixture: evh5 is mounted at '\(directory)' already; `evh5 unmount` it first\n")

        try Mounts.unmount(directory)
        #expect(waitUntil { daemon(directory) == nil }, "the daemon outlives its mount")
        #expect(rmdir(directory) == 0)
    }

    @Test func backgroundFailures() throws {
        let failed = run([Self.fixture, "/nowhere", "fail", "background"])
        #expect(failed.status == 42)
        #expect(failed.errors == "fuse-fixture: failing; as asked\n")
        let died = run([Self.fixture, "/nowhere", "die", "background"])
        #expect(died.status == 128 + SIGKILL)
        #expect(died.errors.contains("killed by signal 9 before the mount answered"))
        let unusable = run([Self.fixture, "/nowhere", "background"])
        #expect(unusable.status == 3)
        #expect(unusable.errors.contains("cannot use mount point '/nowhere'"))
    }

    @Test func deadMountsAreRecovered() throws {
        let directory = try temporaryDirectory()
        #expect(try !Mounts.recoverDeadMount(directory))
        #expect(run([Self.fixture, directory, "background"]).status == 0)
        // A living mount is left alone.
        #expect(try !Mounts.recoverDeadMount(directory))
        #expect(mounted(directory))

        let pid = try #require(daemon(directory))
        kill(pid, SIGKILL)
        #expect(waitUntil { run(["stat", directory]).errors.contains("not connected") })
        #expect(mounted(directory))
        #expect(code { try Mounts.checkMountPoint(directory, allowNonEmpty: false) } == .mountPointUnusable)
        #expect(try Mounts.recoverDeadMount(directory))
        #expect(!mounted(directory))

        #expect(run([Self.fixture, directory, "background"]).status == 0)
        #expect(run(["cat", "\(directory)/small.txt"]).output == "hello\n")
        try Mounts.unmount(directory)
        #expect(waitUntil { rmdir(directory) == 0 })
    }

    /// As `nobody`, through fusermount3; needs root to become nobody, and a /dev/fuse that everybody may open.
    @Test(.enabled(if: Machine.isRoot, "needs root"))
    func ordinaryUser() throws {
        guard access("/etc/mtab", R_OK) == 0 else {
            try Test.cancel("fusermount3 needs /etc/mtab, which a bare root directory lacks")
        }
        var status = stat()
        try #require(stat("/dev/fuse", &status) == 0)
        let mode = status.st_mode & 0o7777
        if mode != 0o666 { chmod("/dev/fuse", 0o666) }
        defer { chmod("/dev/fuse", mode) }

        let directory = try temporaryDirectory()
        let program = directory + "/fuse-fixture"
        let point = directory + "/mount point"
        try FileManager.default.copyItem(atPath: Self.fixture, toPath: program)
        mkdir(point, 0o755)
        chmod(directory, 0o755)
        chown(point, 65534, 65534)
        let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        guard run(nobody + [program]).status == 64 else {
            try FileManager.default.removeItem(atPath: directory)
            try Test.cancel("the Swift runtime or /tmp is not readable for nobody")
        }
        if !((try? String(contentsOfFile: "/etc/fuse.conf", encoding: .utf8)) ?? "").contains("\nuser_allow_other") {
            let outcome = run(nobody + [program, point, "allowother", "background"])
            #expect(outcome.status == 3)
            #expect(outcome.errors.hasPrefix("fuse-fixture: allow_other needs the line `user_allow_other`"))
        }
        let mounting = run(nobody + [program, point, "background"])
        #expect(mounting.status == 0, "\(mounting.errors)")
        #expect(Mounts.list().contains { $0.mountPoint == point && $0.source == "/some, source" })
        #expect(run(nobody + ["cat", "\(point)/small.txt"]).output == "hello\n")
        // Not allow_other: not even root may look in.
        #expect(run(["cat", "\(point)/small.txt"]).errors.contains("Permission denied"))
        #expect(
            run(nobody + ["dd", "if=\(point)/big.bin", "of=/dev/null", "bs=8M", "count=4", "status=none"]).status == 0)
        // A signal ends it through fusermount3, too.
        let pid = try #require(daemon(point, program))
        kill(pid, SIGTERM)
        #expect(waitUntil { daemon(point, program) == nil })
        #expect(!mounted(point))
        #expect(run(nobody + [program, point, "background"]).status == 0)
        let unmounting = run(nobody + [program, point, "unmount"])
        #expect(unmounting.status == 0, "\(unmounting.errors)")
        #expect(!mounted(point))
        let again = run(nobody + [program, point, "unmount"])
        #expect(again.status == 3 && again.errors.contains("nothing of evh5 is mounted"))
        try FileManager.default.removeItem(atPath: directory)
    }
}
