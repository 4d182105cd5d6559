// Mounts the tree in memory: fuse-fixture MOUNTPOINT [background] [pagecache] [allowother] [fail] [die] [unmount]
// [option=O]...

import FUSEAdapter
import FUSEFixture
import Foundation
import Logging

func say(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }

let words = Array(CommandLine.arguments.dropFirst())
guard let mountPoint = words.first else {
    say("usage: fuse-fixture MOUNTPOINT [word]...")
    exit(64)
}
LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
var logger = Logger(label: "fixture")
logger.logLevel = words.contains("verbose") ? .debug : .notice

do {
    if words.contains("background") {
        let result = try Daemon.startInBackground(arguments: words.filter { $0 != "background" })
        if let reason = result.reason { say("fuse-fixture: \(reason)") }
        exit(result.exitCode)
    }
    if words.contains("unmount") {
        try Mounts.unmount(mountPoint)
        exit(0)
    }
    let pipe = ReadinessPipe.fromEnvironment()
    if words.contains("fail") {
        pipe?.fail(code: 42, message: "failing\nas asked")
        exit(42)
    }
    if words.contains("die") { kill(getpid(), SIGKILL) }
    do {
        try Mounts.recoverDeadMount(mountPoint)
        var options = MountOptions(mountPoint: Mounts.absolute(mountPoint), source: "/some, source")
        options.pageCache = words.contains("pagecache")
        options.allowOther = words.contains("allowother")
        options.extra = words.filter { $0.hasPrefix("option=") }.map { String($0.dropFirst(7)) }
        let session = try MountSession(fileSystem: MemoryTree(), options: options, logger: logger)
        try session.run {
            print("ready \(session.allowsSharedMaps)")
            fflush(nil)
            if let pipe, !pipe.ready() { session.stop() }
        }
        print("ended")
    } catch {
        guard let pipe else { throw error }
        // The process that started this one says it.
        pipe.fail(code: 3, message: "\(error)")
        exit(3)
    }
} catch {
    say("fuse-fixture: \(error)")
    exit(3)
}
