// A mount of the tree in memory for one test, and child processes that look at it.

import ChildFixture
import FUSEAdapter
import FUSEFixture
import Foundation
import Logging
import Synchronization
import Testing

/// Whether this machine can mount, and why not.
enum Machine {
    static let canMount: Bool = (try? Mounts.checkDevice()) != nil
    static let isRoot = geteuid() == 0
    static let hasPython = run(["python3", "-c", "import mmap"]).status == 0
    static let comment: Comment = "needs /dev/fuse and permission to mount"
}

/// A new empty directory under /tmp.
func temporaryDirectory() throws -> String {
    var template = Array("/tmp/evh5-fuse-test.XXXXXX".utf8CString)
    let path = try #require(mkdtemp(&template).map { String(cString: $0) })
    return path
}

/// Runs a program from PATH to its end.
@discardableResult
func run(_ words: [String], directory: String = "/") -> Finished {
    do { return try Child.run(words, directory: directory) } catch {
        return Finished(status: -1, output: "", errors: "\(error)")
    }
}

/// Log lines in memory.
final class LogBook: Sendable {
    let lines = Mutex<[(level: Logger.Level, text: String)]>([])

    var logger: Logger {
        var logger = Logger(label: "test", factory: { _ in Handler(book: self) })
        logger.logLevel = .trace
        return logger
    }

    func count(_ level: Logger.Level, containing text: String) -> Int {
        lines.withLock { $0.count { $0.level == level && $0.text.contains(text) } }
    }

    struct Handler: LogHandler {
        let book: LogBook
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            book.lines.withLock { $0.append((event.level, "\(event.message)")) }
        }
    }
}

/// The tree, mounted in this process.
final class MountedTree: Sendable {
    let path: String
    let tree = MemoryTree()
    let log = LogBook()
    let session: MountSession
    private let result = Mutex<Result<Void, MountError>?>(nil)
    private let ended = DispatchSemaphore(value: 0)

    init(_ change: (inout MountOptions) -> Void = { _ in }) throws {
        path = try temporaryDirectory()
        var options = MountOptions(mountPoint: path, source: "/test, source")
        change(&options)
        session = try MountSession(fileSystem: tree, options: options, logger: log.logger)
        let ready = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [self] in
            let outcome: Result<Void, MountError>
            do throws(MountError) {
                try session.run { ready.signal() }
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
            result.withLock { $0 = outcome }
            ended.signal()
        }
        try #require(ready.wait(timeout: .now() + 10) == .success, "the mount did not answer")
    }

    /// Waits for the end of `run`; false when it does not come.
    func waitForEnd() throws -> Bool {
        guard ended.wait(timeout: .now() + 10) == .success else { return false }
        try result.withLock { $0 }?.get()
        return true
    }

    /// Stops the mount and checks that it ends cleanly; with `idle`, that all that was opened has been released before.
    /// (The kernel sends releases some time after close.)
    func end(idle: Bool = true, sourceLocation: SourceLocation = #_sourceLocation) throws {
        for _ in 0..<250 where idle && tree.openCount > 0 { usleep(20_000) }
        #expect(!idle || tree.openCount == 0, sourceLocation: sourceLocation)
        session.stop()
        #expect(try waitForEnd(), "run does not end", sourceLocation: sourceLocation)
        #expect(!Mounts.list().contains { $0.mountPoint == path }, sourceLocation: sourceLocation)
        #expect(rmdir(path) == 0, sourceLocation: sourceLocation)
    }
}
