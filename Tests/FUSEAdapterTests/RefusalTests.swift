// Errors and refused writes: the errno that system calls see, and the one log line that says why.

import FUSEAdapter
import FUSEFixture
import Foundation
import Testing

@Suite(.serialized, .enabled(if: Machine.canMount, Machine.comment))
struct RefusalTests {
    @Test func errorsBecomeErrnos() throws {
        let mount = try MountedTree()
        for (name, reason, line) in [
            ("broken", "Input/output error", "open: opening fails as it should"),
            ("stale", "Stale file handle", "read: reading fails as it should"),
            ("greedy", "Input/output error", "read: the filesystem returned"),
        ] {
            let outcome = run(["cat", name], directory: mount.path)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains(reason), "\(name): \(outcome.errors)")
            #expect(mount.log.count(.error, containing: line) == 1)
        }
        // An error that carries no errno must not hang the caller.
        #expect(run(["cat", "odd"], directory: mount.path).errors.contains("Input/output error"))
        // A name that does not exist is no error of the mount.
        #expect(run(["cat", "absent"], directory: mount.path).errors.contains("No such file"))
        #expect(mount.log.count(.error, containing: "absent") == 0)
        #expect(mount.log.count(.debug, containing: "lookup: 'absent' does not exist") >= 1)
        try mount.end()
    }

    private static let writes = """
        import errno, os
        os.chdir(os.sys.argv[1])
        def attempt(name, call):
            try: call(); print(name, "done")
            except OSError as e: print(name, errno.errorcode[e.errno])
        attempt("create", lambda: os.open("new", os.O_CREAT | os.O_WRONLY))
        attempt("open", lambda: os.open("small.txt", os.O_RDWR))
        attempt("truncating", lambda: os.open("small.txt", os.O_WRONLY | os.O_TRUNC))
        attempt("truncate", lambda: os.truncate("small.txt", 0))
        attempt("chmod", lambda: os.chmod("small.txt", 0o600))
        attempt("utime", lambda: os.utime("small.txt"))
        attempt("mkdir", lambda: os.mkdir("d"))
        attempt("rmdir", lambda: os.rmdir("many"))
        attempt("unlink", lambda: os.unlink("small.txt"))
        attempt("rename", lambda: os.rename("small.txt", "other"))
        attempt("symlink", lambda: os.symlink("a", "b"))
        attempt("link", lambda: os.link("small.txt", "b"))
        attempt("mkfifo", lambda: os.mkfifo("f"))
        attempt("setxattr", lambda: os.setxattr("small.txt", "user.a", b"1"))
        attempt("getxattr", lambda: os.getxattr("small.txt", "user.a"))
        attempt("listxattr", lambda: os.listxattr("small.txt"))
        """

    private static let names = [
        "create", "open", "truncating", "truncate", "chmod", "utime", "mkdir", "rmdir", "unlink", "rename", "symlink",
        "link", "mkfifo", "setxattr",
    ]

    // Root, or the directory permissions would refuse first.
    @Test(.enabled(if: Machine.isRoot && Machine.hasPython, "needs root and python3"), arguments: [false, true])
    func writesAreRefused(readOnly: Bool) throws {
        let mount = try MountedTree { $0.readOnly = readOnly }
        let outcome = run(["python3", "-c", Self.writes, mount.path])
        let lines = outcome.output.split(separator: "\n").map(String.init)
        #expect(
            lines == Self.names.map { "\($0) EROFS" } + ["getxattr ENOTSUP", "listxattr ENOTSUP"], "\(outcome.errors)")
        if !readOnly {
            for operation in [
                "create 'new'", "mkdir 'd'", "unlink 'small.txt'", "chmod", "setting a file's times", "truncate",
                "symlink 'b'", "mknod 'f'",
            ] {
                #expect(mount.log.count(.notice, containing: "\(operation) refused") >= 1, "\(operation)")
            }
            #expect(mount.log.count(.notice, containing: "open: this tree is read-only") == 2)
        }
        #expect(run(["cat", "\(mount.path)/small.txt"]).output == "hello\n")
        try mount.end()
    }

    /// Locks are the kernel's: they work between processes although the tree knows nothing of them.
    @Test func locks() throws {
        let mount = try MountedTree()
        let script = """
            exec 9< small.txt; flock -x 9
            flock -n -x small.txt true && echo both || echo refused
            exec 9<&-
            flock -n -x small.txt echo free
            """
        #expect(run(["bash", "-c", script], directory: mount.path).output == "refused\nfree\n")
        try mount.end()
    }

    /// A reader that is killed while its request is under way leaves nothing behind.
    @Test func killedReader() throws {
        let mount = try MountedTree()
        let outcome = run(["timeout", "-s", "KILL", "0.2", "cat", "slow.txt"], directory: mount.path)
        #expect(outcome.status != 0)
        #expect(run(["cat", "slow.txt"], directory: mount.path).output == "slow\n")
        try mount.end()
    }
}
