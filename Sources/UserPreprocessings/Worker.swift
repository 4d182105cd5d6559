// A process that computes frames by a user's code, and how it is talked to, listened to, and ended.

import CPreprocessing
import Foundation
import Logging
import Synchronization

/// How worker processes of one preprocessing are started.
struct WorkerLaunch: Sendable {
    /// Looked for in PATH.
    let program: String
    let arguments: [String]
    /// What the worker finds as descriptor 6: its script or its library.
    let file: SealedFile
    /// Whether SIGUSR1 has it say where it hangs.
    let tellsWhereItHangs: Bool
    /// The longest time that a frame may take.
    let timeout: Duration

    /// Loading may take longer: modules are large.
    func patience(_ kind: WorkerMessage.Kind) -> Duration {
        kind == .frame ? timeout : max(timeout, UserPreprocessingDeclaration.defaultTimeout)
    }
}

/// Bytes in memory that no process can change.
final class SealedFile: Sendable {
    let descriptor: Int32

    init(_ name: String, _ bytes: [UInt8]) throws(WorkerFailure) {
        descriptor = bytes.withUnsafeBytes { evh5_memory_copy(name, $0.baseAddress, $0.count) }
        guard descriptor >= 0 else {
            throw WorkerFailure(.kept, "no memory for \(name): \(String(cString: strerror(errno)))")
        }
    }

    deinit { close(descriptor) }
}

/// One worker. One thread at a time uses it; once it failed with `.lost` its process has ended.
final class Worker: @unchecked Sendable {
    let memory: SharedMemory
    private let launch: WorkerLaunch
    private let log: WorkerLog
    private let process: pid_t
    private var control: Int32 = -1
    private var output: Int32 = -1
    /// Never written to: the worker is killed when this process ends and with it this end.
    private var lifeline: Int32 = -1
    /// Whether the process is gone, and its number perhaps another's.
    private let hasEnded = Mutex(false)

    init(_ launch: WorkerLaunch, _ log: WorkerLog) throws(WorkerFailure) {
        self.launch = launch
        self.log = log
        memory = try SharedMemory()
        var (theirControl, theirOutput, theirLifeline): (Int32, Int32, Int32) = (-1, -1, -1)
        let process: pid_t
        let result: Int32
        do throws(WorkerFailure) {
            (control, theirControl) = try Worker.pair(stream: true)
            (theirOutput, output) = try Worker.pair(stream: false)
            (theirLifeline, lifeline) = try Worker.pair(stream: false, reversed: true)
            _ = fcntl(output, F_SETFL, O_NONBLOCK)
            var limit = timeval(tv_sec: Int(launch.timeout.components.seconds) + 1, tv_usec: 0)
            setsockopt(control, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            // A crash is an answer; its stack as Swift prints it is nobody's concern and takes seconds.
            let environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
            let memoryCopy = Worker.aside(memory.descriptor, dup: true)
            let fileCopy = Worker.aside(launch.file.descriptor, dup: true)
            defer { for copy in [memoryCopy, fileCopy] where copy >= 0 { close(copy) } }
            let descriptors = [theirControl, memoryCopy, theirLifeline, fileCopy]
            (result, process) = Worker.spawn(launch, environment, output: theirOutput, descriptors)
        } catch {
            for end in [control, output, lifeline, theirControl, theirOutput, theirLifeline] where end >= 0 {
                close(end)
            }
            self.process = -1
            hasEnded.withLock { $0 = true }
            (control, output, lifeline) = (-1, -1, -1)
            throw error
        }
        for end in [theirControl, theirOutput, theirLifeline] { close(end) }
        self.process = process
        guard result == 0 else {
            hasEnded.withLock { $0 = true }
            throw WorkerFailure(.lost, "cannot start \(launch.program): \(String(cString: strerror(result)))")
        }
    }

    deinit {
        end()
        for end in [control, output, lifeline] where end >= 0 { close(end) }
    }

    /// 0 and the process, or an errno.
    private static func spawn(
        _ launch: WorkerLaunch, _ environment: [String: String], output: Int32, _ descriptors: [Int32]
    ) -> (result: Int32, process: pid_t) {
        Starter.shared.run(orElse: (ECHILD, 0)) {
            var words: [UnsafeMutablePointer<CChar>?] = ([launch.program] + launch.arguments).map { strdup($0) } + [nil]
            var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") } + [nil]
            defer { for word in words + variables { free(word) } }
            var process: pid_t = 0
            let result = evh5_worker_spawn(
                &process, launch.program, &words, &variables, output, descriptors, Int32(descriptors.count))
            return (result, process)
        }
    }

    /// A new frame's output is logged from the start.
    func beginFrame() { log.beginFrame() }

    /// Kills the process and all that it started; from any thread. The one that waits for an answer learns that there
    /// is none.
    func interrupt() {
        hasEnded.withLock { hasEnded in
            guard !hasEnded else { return }
            kill(-process, SIGKILL)
            kill(process, SIGKILL)
        }
    }

    /// The same, and waits until it is gone.
    func end() {
        interrupt()
        hasEnded.withLock { hasEnded in
            guard !hasEnded else { return }
            while waitpid(process, nil, 0) < 0, errno == EINTR {}
            hasEnded = true
        }
    }

    /// Sends a message and waits for its answer.
    ///
    /// - Throws: `.kept` when the answer is an error; `.lost` when there was none in time, and the worker is gone.
    func ask(_ message: WorkerMessage) throws(WorkerFailure) -> String {
        let clock = ContinuousClock()
        let patience = launch.patience(message.kind)
        let deadline = clock.now + patience
        guard send(message.bytes) else { throw lost("closed its connection") }
        var answer: [UInt8] = []
        while true {
            let left = (deadline - clock.now) / .milliseconds(1)
            guard left > 0 else { throw tooLate(patience) }
            var waiting = [
                pollfd(fd: control, events: Int16(POLLIN), revents: 0),
                // An end that nobody writes to any more would wake this thread again and again.
                pollfd(fd: log.isOpen ? output : -1, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&waiting, 2, Int32(min(left.rounded(.up), 1e9))) > 0 else { continue }
            if waiting[1].revents != 0 { log.read(output) }
            guard waiting[0].revents != 0 else { continue }
            guard receive(into: &answer) else { throw lost("closed its connection") }
            guard answer.count >= WorkerAnswer.headBytes else { continue }
            let (status, length) = answer.withUnsafeBytes {
                ($0.loadUnaligned(as: Int64.self), $0.loadUnaligned(fromByteOffset: 8, as: Int64.self))
            }
            guard (0...1).contains(status), (0...Int64(WorkerAnswer.longest)).contains(length),
                answer.count <= WorkerAnswer.headBytes + Int(length)
            else { throw lost("sent nonsense over evh5's own connection") }
            guard answer.count == WorkerAnswer.headBytes + Int(length) else { continue }
            if log.isOpen { log.read(output) }
            let text = String(decoding: answer[WorkerAnswer.headBytes...], as: UTF8.self)
            guard status == 0 else {
                let lines = text.split(whereSeparator: \.isNewline).map(String.init)
                throw WorkerFailure(.kept, lines.last ?? "failed without a reason", trace: lines)
            }
            return text
        }
    }

    // MARK: Ends

    /// The failure of a worker whose connection is closed: how it ended, and what it said then.
    private func lost(_ otherwise: String) -> WorkerFailure {
        // Closed by a process that lives, or by one that is just ending.
        var how: String?
        for _ in 0..<50 where how == nil {
            how = hasEnded.withLock { hasEnded in
                var status: Int32 = 0
                guard waitpid(process, &status, WNOHANG) == process else { return nil }
                // What it started goes with it.
                kill(-process, SIGKILL)
                hasEnded = true
                return Worker.how(status)
            }
            if how == nil { usleep(2000) }
        }
        end()
        let trace = log.rest(output)
        return WorkerFailure(.lost, "its process \(how ?? otherwise)", trace: trace)
    }

    private func tooLate(_ patience: Duration) -> WorkerFailure {
        if log.isOpen { log.read(output) }
        log.beginTrace()
        if launch.tellsWhereItHangs {
            kill(process, SIGUSR1)
            // It comes in many small pieces.
            let end = ContinuousClock.now + .seconds(1)
            while ContinuousClock.now < end {
                var waiting = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
                guard log.isOpen, poll(&waiting, 1, 100) > 0 else { break }
                log.read(output)
            }
        }
        end()
        let trace = log.rest(output)
        return WorkerFailure(
            .lost, "it did not finish within \(patience / .seconds(1)) s and was ended (timeout=)", trace: trace)
    }

    private static func how(_ status: Int32) -> String {
        let signal = status & 0x7F
        guard signal != 0 else { return "ended with exit code \(status >> 8 & 0xFF)" }
        return "was killed by signal \(signal) (\(String(cString: strsignal(signal))))"
    }

    // MARK: Connection

    private func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let n = rest.withUnsafeBytes { Glibc.send(control, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if n < 0, errno == EINTR { continue }
            guard n > 0 else { return false }
            rest = rest.dropFirst(n)
        }
        return true
    }

    /// What there is; false at the end of the connection.
    private func receive(into answer: inout [UInt8]) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 8) { part in
            while true {
                let n = recv(control, part.baseAddress, part.count, 0)
                if n < 0, errno == EINTR { continue }
                guard n > 0 else { return false }
                answer.append(contentsOf: part[..<n])
                return true
            }
        }
    }

    /// A connected pair of sockets, or the ends of a pipe (the one to write to first, unless reversed).
    private static func pair(stream: Bool, reversed: Bool = false) throws(WorkerFailure) -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        let result =
            stream
            ? socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends)
            : evh5_worker_pipe(&ends)
        guard result == 0 else {
            throw WorkerFailure(.kept, "cannot make a pipe: \(String(cString: strerror(errno)))")
        }
        let first = aside(ends[0], dup: false)
        let second = aside(ends[1], dup: false)
        guard first >= 0, second >= 0 else {
            throw WorkerFailure(.kept, "cannot make a pipe: \(String(cString: strerror(errno)))")
        }
        return stream || reversed ? (first, second) : (second, first)
    }

    /// The descriptor at a place that none of the worker's has.
    private static func aside(_ descriptor: Int32, dup: Bool) -> Int32 {
        if !dup, descriptor >= 16 { return descriptor }
        defer { if !dup { close(descriptor) } }
        return fcntl(descriptor, F_DUPFD_CLOEXEC, 16)
    }
}
