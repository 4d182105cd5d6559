// One mount, from the mount system call to the unmount.

import CFUSE
import Foundation
import Logging
import Synchronization
import VirtualTree

/// A filesystem mounted at a mount point. The mount exists from `init` on and is answered while `run` runs.
public final class MountSession: Sendable {
    /// libfuse guards it: it is used by its threads, by `KernelNotices` and by the watcher, all documented as
    /// thread-safe.
    private nonisolated(unsafe) let session: OpaquePointer
    private let handler: RequestHandler
    private let options: MountOptions
    private let logger: Logger
    /// Shared maps of the mount's files work although reads bypass the page cache.
    public let allowsSharedMaps: Bool
    private let state = Mutex(State.mounted)

    private enum State {
        case mounted
        /// `stop` writes to this descriptor.
        case running(stop: Int32)
        case stopping
        case ended
    }

    /// Mounts. Fails with one line of reason; nothing is left mounted then.
    public init(fileSystem: any FileSystem, options: MountOptions, logger: Logger) throws(MountError) {
        if let descriptor = options.passedDescriptor {
            try Mounts.checkPassed(descriptor)
        } else {
            try Mounts.checkDevice()
            if options.allowOther || options.extra.contains("allow_other") { try Mounts.checkAllowOther() }
            try Mounts.checkMountPoint(options.mountPoint, allowNonEmpty: options.allowsNonEmpty)
        }
        signal(SIGPIPE, SIG_IGN)
        LibraryLog.begin(logger)
        let handler = RequestHandler(fileSystem: fileSystem, logger: logger, options: options)
        session = try Self.makeSession(options, handler)
        self.handler = handler
        let notices = KernelNotices(session: session)
        handler.notices.withLock { $0 = notices }
        self.options = options
        self.logger = logger
        guard fuse_session_mount(session, options.mountPoint) == 0 else {
            fuse_session_destroy(session)
            throw MountError(.mountRefused, "cannot mount at '\(options.mountPoint)': \(Self.reason)")
        }
        // Below Linux 6.6 nothing changes; above, np.memmap and the like work.
        let result = evh5_fuse_init(session)
        allowsSharedMaps = result == EVH5_FUSE_INIT_MMAP
        if result == EVH5_FUSE_INIT_FAILED {
            // All is initialized, so deinit unmounts.
            throw MountError(.sessionFailed, "the kernel broke off the handshake of '\(options.mountPoint)'; try again")
        }
    }

    deinit {
        handler.notices.withLock { notices in
            notices?.finish()
            notices = nil
        }
        // Without effect after `run`, which unmounts too.
        fuse_session_unmount(session)
        fuse_session_destroy(session)
    }

    private static var reason: String {
        LibraryLog.complaint ?? "see the message of fusermount3; the options may be wrong or not permitted"
    }

    private static func makeSession(
        _ options: MountOptions, _ handler: RequestHandler
    ) throws(MountError) -> OpaquePointer {
        var ops = fuseOperations()
        var words: [UnsafeMutablePointer<CChar>?] = options.arguments.map { strdup($0) }
        defer { for word in words { free(word) } }
        let session = words.withUnsafeMutableBufferPointer { words in
            var arguments = fuse_args(argc: Int32(words.count), argv: words.baseAddress, allocated: 0)
            defer { fuse_opt_free_args(&arguments) }
            // The handler outlives the session, which this class destroys before it lets go of the handler.
            return fuse_session_new(
                &arguments, &ops, MemoryLayout<fuse_lowlevel_ops>.size,
                Unmanaged.passUnretained(handler).toOpaque())
        }
        guard let session else { throw MountError(.mountRefused, "cannot prepare the mount: \(reason)") }
        return session
    }

    /// Answers requests until the mount is unmounted, `stop` is called or SIGTERM, SIGINT or SIGHUP arrives; then
    /// unmounts and returns, after requests under way have been answered. To be called once. `onReady` is called on
    /// another thread, when the mount has answered a first request (a mount made by others, when it can); `onStopping`
    /// on yet another, when `stop` was called or a signal arrived: it may hurry those requests. With `onHangup` SIGHUP
    /// ends nothing, and that is called instead.
    public func run(
        onReady: @escaping @Sendable () -> Void, onStopping: @escaping @Sendable () -> Void = {},
        onHangup: (@Sendable () -> Void)? = nil
    ) throws(MountError) {
        var ends: [Int32] = [-1, -1]
        guard evh5_pipe(&ends, 1) == 0 else {
            throw MountError(.sessionFailed, "cannot make a pipe: \(String(cString: strerror(errno)))")
        }
        defer { for end in ends { close(end) } }
        let write = ends[1]
        let early = state.withLock { state -> Bool in
            defer { state = .running(stop: write) }
            if case .mounted = state { return false }
            return true
        }
        if early { tell(write, .stop) }
        evh5_fuse_signals_add(write, onHangup == nil ? 0 : 1)
        let watcher = Watcher(session: session, commands: ends[0], onStopping: onStopping, onHangup: onHangup)
        // Where others mounted it cannot be known from here.
        let question = options.passedDescriptor == nil ? options.mountPoint : "/"
        let prober = Prober(mountPoint: question, watcher: watcher, onReady: onReady) { [self] in stop() }

        let result = loop()

        evh5_fuse_signals_remove(write)
        tell(write, .finish)
        watcher.join()
        fuse_session_unmount(session)
        state.withLock { $0 = .ended }
        // It got an answer or, at the latest now, an error.
        let problem = prober.join()
        if result < 0 {
            let why = String(cString: strerror(-result))
            throw MountError(.sessionFailed, "the connection of '\(options.mountPoint)' to the kernel broke: \(why)")
        }
        if let problem {
            throw MountError(.sessionFailed, "the mount at '\(options.mountPoint)' does not answer: \(problem)")
        }
    }

    private func loop() -> Int32 {
        guard let configuration = fuse_loop_cfg_create() else { return -ENOMEM }
        defer { fuse_loop_cfg_destroy(configuration) }
        // Threads that wait for a scan or another process are many at times; those of them that are not needed any more
        // end.
        let working = max(1, options.maxThreads)
        fuse_loop_cfg_set_max_threads(configuration, UInt32(clamping: working + RequestTurns.waiting))
        fuse_loop_cfg_set_idle_threads(configuration, UInt32(clamping: working))
        fuse_loop_cfg_set_clone_fd(configuration, 0)
        unblockSignals([evh5_fuse_wake_signal()])
        return fuse_session_loop_mt(session, configuration)
    }

    /// Ends `run`, from any thread; also one that has not begun.
    public func stop() {
        state.withLock { state in
            switch state {
            case .mounted: state = .stopping
            case .running(let descriptor): tell(descriptor, .stop)
            case .stopping, .ended: break
            }
        }
    }
}

/// What is said to the watcher; a signal's number means `stop` as well, but for SIGHUP where that is a word.
private enum Command: UInt8 {
    case stop = 200
    case finish = 201
}

private func tell(_ descriptor: Int32, _ command: Command) {
    var byte = command.rawValue
    while write(descriptor, &byte, 1) < 0 && errno == EINTR {}
}

/// Lets signals reach the calling thread: threads that descend from libdispatch's have all of them blocked.
private func unblockSignals(_ numbers: [Int32]) {
    var set = sigset_t()
    sigemptyset(&set)
    for number in numbers { sigaddset(&set, number) }
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
}

/// A pointer handed to one other thread.
private struct Handed<Value>: @unchecked Sendable {
    let value: Value
}

/// The thread that ends the loop: libfuse waits in a call that only a signal interrupts.
private final class Watcher: Sendable {
    private let thread: JoinableThread
    private let stop = Flag()

    private final class Flag: Sendable {
        let isSet = Atomic(false)
    }

    /// Somebody asked for the end.
    var isStopping: Bool { stop.isSet.load(ordering: .acquiring) }

    init(
        session: OpaquePointer, commands: Int32, onStopping: @escaping @Sendable () -> Void,
        onHangup: (@Sendable () -> Void)?
    ) {
        let session = Handed(value: session)
        let loopThread = pthread_self()
        let stop = stop
        thread = JoinableThread {
            var stopping = false
            // So that there is a thread to take them.
            unblockSignals([SIGTERM, SIGINT, SIGHUP])
            let wake = evh5_fuse_wake_signal()
            while true {
                var ready = pollfd(fd: commands, events: Int16(POLLIN), revents: 0)
                // A signal that comes just before libfuse begins to wait is lost, therefore again and again.
                _ = poll(&ready, 1, stopping ? 10 : -1)
                var byte: UInt8 = 0
                while read(commands, &byte, 1) == 1 {
                    if byte == Command.finish.rawValue { return }
                    if byte == UInt8(SIGHUP), let onHangup {
                        onHangup()
                        continue
                    }
                    if !stopping { onStopping() }
                    stopping = true
                    stop.isSet.store(true, ordering: .releasing)
                }
                if stopping {
                    fuse_session_exit(session.value)
                    pthread_kill(loopThread, wake)
                }
            }
        }
    }

    func join() { thread.join() }
}

/// The thread that asks the mount a first question.
private final class Prober: Sendable {
    private let thread: JoinableThread
    private let problem = Box()

    private final class Box: Sendable {
        let message = Mutex<String?>(nil)
    }

    init(
        mountPoint: String, watcher: Watcher, onReady: @escaping @Sendable () -> Void,
        failed: @escaping @Sendable () -> Void
    ) {
        let problem = problem
        thread = JoinableThread {
            var status = stat()
            let answered = stat(mountPoint, &status) == 0
            let message = String(cString: strerror(errno))
            if watcher.isStopping { return }
            if answered {
                onReady()
            } else {
                problem.message.withLock { $0 = message }
                failed()
            }
        }
    }

    /// Waits for the answer; returns what was wrong with it.
    func join() -> String? {
        thread.join()
        return problem.message.withLock { $0 }
    }
}
