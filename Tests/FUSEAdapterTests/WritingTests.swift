// Changes as child processes make them through a real mount, and how the tree hears of them.

import ChildFixture
import FUSEAdapter
import FUSEFixture
import Foundation
import Testing

@Suite(.serialized, .enabled(if: Machine.canMount && Machine.hasPython, "needs a machine that can mount, and python3"))
struct WritingTests {
    /// Runs a program in the folder of a mount; returns what it printed and what the tree was asked.
    private func attempt(_ program: String, idle: Bool = true) throws -> (Finished, [String], LogBook) {
        let mount = try MountedTree()
        let outcome = run(["python3", "-c", "import os, sys, mmap, errno\n" + program], directory: mount.path)
        try mount.end(idle: idle)
        return (outcome, mount.tree.events, mount.log)
    }

    @Test func bytesArriveInOrderAndAreRead() throws {
        let (outcome, events, _) = try attempt(
            """
            fd = os.open("notes.bin", os.O_RDWR)
            assert os.pwrite(fd, b"abc", 2) == 3
            assert os.pread(fd, 100, 0) == b"01abc56789"
            assert os.pwrite(fd, bytes(range(256)) * 12288, 20) == 3 << 20
            assert os.fstat(fd).st_size == 20 + (3 << 20)
            os.ftruncate(fd, 12)
            assert os.fstat(fd).st_size == 12
            os.fsync(fd)
            os.close(fd)
            print(open("notes.bin", "rb").read())
            """)
        #expect(outcome.output == "b'01abc56789\\x00\\x00'\n", "\(outcome.errors)")

        #expect(events.first == "opened by another" && events.dropFirst().first == "write 2+3")
        #expect(events.suffix(3) == ["size 12", "sync", "closing regular"])
        // The kernel cuts long writes where it likes; they follow each other without gaps.
        var end = 20
        for words in events.dropFirst(2).dropLast(3).map({
            $0.dropFirst(6).split(separator: "+").compactMap { Int($0) }
        }) {
            try #require(words.count == 2 && words[0] == end && words[1] <= 1 << 20)
            end += words[1]
        }
        #expect(end == 20 + (3 << 20))
    }

    @Test func whatCloseReturns() throws {
        let (outcome, events, log) = try attempt(
            """
            fd = os.open("notes.bin", os.O_RDWR)
            os.pwrite(fd, b"X", 0)
            try: os.close(fd)
            except OSError as e: print(errno.errorcode[e.errno])
            fd = os.open("notes.bin", os.O_WRONLY)
            try: os.pwrite(fd, b"x", 1 << 30)
            except OSError as e: print(errno.errorcode[e.errno])
            """)
        #expect(outcome.output == "EDQUOT\nENOSPC\n", "\(outcome.errors)")
        #expect(events.filter { $0.hasPrefix("closing") } == ["closing regular", "closing regular"])
        #expect(log.count(.warning, containing: "close: X marks the spot") == 2)
    }

    /// A reader costs no request when it closes.
    @Test func readersCloseWithoutAWord() throws {
        let (outcome, events, _) = try attempt("print(open('notes.bin', 'rb').read())")
        #expect(outcome.output == "b'0123456789'\n")
        #expect(events.isEmpty)
    }

    /// Who was killed has not closed its file, whatever the kernel does for it; who just ended has.
    @Test(arguments: [
        ("os.kill(os.getpid(), 9)", "closing killed"), ("os.abort()", "closing killed"),
        ("import signal; signal.pthread_sigmask(signal.SIG_SETMASK, []); os.kill(os.getpid(), 15)", "closing killed"),
        ("os._exit(0)", "closing regular"),
        (
            "import threading, time; threading.Thread(target=lambda: os.kill(os.getpid(), 9)).start(); time.sleep(9)",
            "closing killed"
        ),
        ("1 / 0", "closing regular"),
    ])
    func howAWriterEnded(_ end: String, _ expected: String) throws {
        let (_, events, _) = try attempt(
            """
            fd = os.open("notes.bin", os.O_RDWR)
            os.pwrite(fd, b"a", 0)
            \(end)
            """)
        #expect(events.last == expected)
    }

    @Test func threadFlags() {
        #expect(CallingThread.flags("7 (a) b) c) R 1 2 3 4 5 1028 0") == 1028)
        #expect(CallingThread.flags("7 (cut") == nil)
        #expect(CallingThread.flags("7 (a) R 1") == nil)
        #expect(CallingThread.closing(getpid()) == .regular)
        #expect(CallingThread.closing(0) == .unseen && CallingThread.closing(-1) == .unseen)
        #expect(CallingThread.process(of: getpid()) == getpid() && CallingThread.process(of: 0) == 0)
    }

    /// A writable shared map belongs to no session: what is written there is refused, and nobody is shown it for long.
    @Test func writableMapsChangeNothing() throws {
        let (outcome, events, log) = try attempt(
            """
            import time
            fd = os.open("notes.bin", os.O_RDWR)
            try: m = mmap.mmap(fd, 10)
            except OSError as e:
                print("no maps"); sys.exit()
            m[3] = 88
            try: m.flush(); print("flushed")
            except OSError as e: print(errno.errorcode[e.errno])
            for i in range(100):
                if mmap.mmap(os.open("notes.bin", os.O_RDONLY), 10, prot=mmap.PROT_READ)[:] == b"0123456789": break
                time.sleep(0.05)
            else: print("still shown")
            print(os.pread(fd, 10, 0))
            """)
        guard outcome.output != "no maps\n" else { return }
        #expect(
            ["EIO", "EPERM"].contains { outcome.output == "\($0)\nb'0123456789'\n" },
            "\(outcome.output) \(outcome.errors)")
        #expect(!events.contains { $0.hasPrefix("write") })
        #expect(log.count(.warning, containing: "write: writing through a shared map is refused") >= 1)
    }

    @Test func removingAndReserving() throws {
        let (outcome, events, _) = try attempt(
            """
            os.remove("notes.bin")
            print(open("notes.bin", "rb").read())
            fd = os.open("notes.bin", os.O_RDWR)
            import ctypes
            libc = ctypes.CDLL(None, use_errno=True)
            assert libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(100)) == -1
            print(errno.errorcode[ctypes.get_errno()], os.statvfs(".").f_bavail * os.statvfs(".").f_frsize)
            """)
        #expect(outcome.output == "b'0123456789'\nENOTSUP 268435456\n", "\(outcome.errors)")
        #expect(events.first == "removed")
    }
}
