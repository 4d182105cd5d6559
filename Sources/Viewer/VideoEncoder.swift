// Films by ffmpeg, where it is installed: a process that takes pictures and leaves a file.

import CLinux
import Foundation
import Preview
import Synchronization

/// Hands pictures to ffmpeg and takes its file.
///
/// The process ends with `finish` or `stop`, one of which must be called; it may take so much and no more.
final class VideoEncoder {
    enum Format: String { case gif, mp4 }

    private let process: pid_t
    private let input: Int32
    private let output: Int32
    private let errors: Int32
    private let end: ContinuousClock.Instant
    private var isOver = false

    /// Nobody waits longer.
    private static let patience: Duration = .seconds(600)
    private static let processorSeconds: UInt = 1800
    private static let memory: UInt = 8 << 30
    /// Bytes of a film.
    private static let largestFile = 512 << 20

    /// Where ffmpeg is; nil when it is not installed.
    static var program: String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return (path.split(separator: ":").map(String.init) + ["/usr/bin", "/usr/local/bin"])
            .map { $0 + "/ffmpeg" }.first { access($0, X_OK) == 0 }
    }

    /// - Throws: `.missing` when ffmpeg is not installed, `.failed`.
    init(_ format: Format, width: Int, height: Int, fps: Int) throws(ViewerError) {
        guard let program = Self.program else {
            throw ViewerError(
                .missing,
                "\(format.rawValue) is made by ffmpeg, which is not installed here (`apt-get install ffmpeg`); png works without"
            )
        }
        let way: [String] =
            switch format {
            // Most players want even sides and colours at half their size.
            case .mp4:
                [
                    "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-c:v", "libx264", "-preset", "veryfast", "-crf", "18",
                    "-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4",
                ]
            // A table of colours for each picture, so that none waits for all the others.
            case .gif:
                [
                    "-filter_complex",
                    "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1:dither=none", "-f", "gif",
                ]
            }
        let arguments =
            [
                program, "-hide_banner", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "bgr0", "-s",
                "\(width)x\(height)", "-r", "\(fps)", "-i", "pipe:0", "-threads", "2",
            ] + way + ["-y", "/proc/self/fd/1"]
        // A socket, not a pipe: who writes to it when nobody reads any more gets an error and no signal.
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw Self.failure("make a pipe", errno)
        }
        let (theirs, ours) = (ends[0], ends[1])
        defer { close(theirs) }
        do throws(ViewerError) {
            output = try Self.unnamedFile()
            do throws(ViewerError) { errors = try Self.unnamedFile() } catch {
                close(output)
                throw error
            }
        } catch {
            close(ours)
            throw error
        }
        var timeout = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(ours, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var started: Int32 = 0
        let result = evh5_start(
            program, &words, theirs, output, errors, Self.processorSeconds, Self.memory, &started)
        guard result == 0 else {
            for descriptor in [ours, output, errors] { close(descriptor) }
            throw Self.failure("start ffmpeg", result)
        }
        (process, input, end) = (started, ours, ContinuousClock.now + Self.patience)
    }

    deinit {
        stop()
        for descriptor in [output, errors] { close(descriptor) }
    }

    /// Adds a picture; all are of the same size.
    func add(_ image: PixelImage) throws(ViewerError) {
        var problem: Int32?
        image.pixels.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty, problem == nil {
                guard ContinuousClock.now < end else {
                    problem = ETIMEDOUT
                    return
                }
                let sent = UnsafeRawBufferPointer(rebasing: rest)
                let count = send(input, sent.baseAddress, sent.count, Int32(MSG_NOSIGNAL))
                if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { problem = errno }
            }
        }
        guard let problem else { return }
        stop()
        throw Self.failure("hand pictures to ffmpeg", problem, said: said)
    }

    /// Waits for the film.
    func finish() throws(ViewerError) -> [UInt8] {
        close(input)
        isOver = true
        let status = wait(until: end)
        var size = stat()
        guard status == 0, fstat(output, &size) == 0 else {
            throw ViewerError(.failed, "ffmpeg made no film: \(said.isEmpty ? "it ended with \(status)" : said)")
        }
        guard size.st_size <= Self.largestFile else {
            throw ViewerError(.tooLarge, "the film has \(size.st_size) bytes; take fewer frames")
        }
        return Self.bytes(output, Int(size.st_size))
    }

    /// Ends the process; to be called when there will be no film.
    func stop() {
        guard !isOver else { return }
        isOver = true
        close(input)
        kill(process, SIGKILL)
        _ = wait(until: .now + .seconds(5))
    }

    /// Its exit code, or 128 and the signal that ended it; it is ended at `end`.
    private func wait(until end: ContinuousClock.Instant) -> Int32 {
        var (status, isKilled): (Int32, Bool) = (0, false)
        while true {
            switch waitpid(process, &status, isKilled ? 0 : WNOHANG) {
            case process:
                let signal = status & 0x7F
                return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
            case 0:
                if ContinuousClock.now >= end {
                    kill(process, SIGKILL)
                    isKilled = true
                } else {
                    usleep(10_000)
                }
            default: if errno != EINTR { return -1 }
            }
        }
    }

    /// What it complained of.
    private var said: String {
        var size = stat()
        guard fstat(errors, &size) == 0 else { return "" }
        let text = String(decoding: Self.bytes(errors, min(2000, Int(size.st_size))), as: UTF8.self)
        return text.split(separator: "\n").prefix(3).joined(separator: "; ")
    }

    private static func bytes(_ descriptor: Int32, _ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: max(1, count)) { target, done in
            while done < count {
                let read = pread(descriptor, target.baseAddress.map { $0 + done }, count - done, off_t(done))
                if read > 0 { done += read } else if read == 0 || errno != EINTR { return }
            }
        }
    }

    /// A file that goes when nobody has it open any more.
    private static func unnamedFile() throws(ViewerError) -> Int32 {
        var template = Array((NSTemporaryDirectory() + "/evh5-film.XXXXXX").utf8CString)
        let descriptor = evh5_temporary_file(&template)
        guard descriptor >= 0 else { throw failure("make a temporary file", errno) }
        unlink(template)
        return descriptor
    }

    private static func failure(_ what: String, _ number: Int32, said: String = "") -> ViewerError {
        ViewerError(.failed, "cannot \(what): " + (said.isEmpty ? String(cString: strerror(number)) : said))
    }
}
