// The process in which evh5 calls a preprocessing that is a shared library: `evh5 preprocessing-worker`. Not for
// people.

import CPreprocessing
import Foundation

/// Serves one library until evh5 closes the connection. The descriptors are those of worker.py; 6 is the library.
public struct NativeWorker {
    /// What it is told to load.
    struct Request: Codable {
        var symbol: String
        /// For messages.
        var path: String
    }

    /// What a library says of itself.
    struct Description: Codable {
        struct Parameter: Codable {
            var name: String
            var type: String
            var defaultValue: Double
        }

        var channels: Int
        var dtype: String
        var fractions: Bool
        var summary: String?
        var parameters: [Parameter]
    }

    private struct Refusal: Error {
        let message: String
    }

    private static let control: Int32 = 3
    private static let memory: Int32 = 4
    private static let lifeline: Int32 = 5
    private static let library: Int32 = 6

    private var description: UnsafePointer<evh5_preprocessing_description>?
    private var base: UnsafeMutableRawPointer?
    private var size = 0
    private var eventsOffset = 0

    public static func run() -> Never {
        guard evh5_die_with(lifeline) == 0 else {
            FileHandle.standardError.write(Data("preprocessing-worker is for evh5 itself\n".utf8))
            Foundation.exit(1)
        }
        for descriptor in [control, memory, lifeline, library] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        // A crash is an answer; nobody looks at its memory. And where memory runs out, this process ends, not evh5.
        try? Data("1000".utf8).write(to: URL(filePath: "/proc/self/oom_score_adj"))
        var none = rlimit()
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        var worker = NativeWorker()
        worker.serve()
        // A library that was fed nonsense need not be able to clean up.
        Foundation._exit(0)
    }

    private mutating func serve() {
        while let head = receive(WorkerMessage.headBytes), var message = WorkerMessage(head: head),
            let payload = receive(message.payload.count)
        {
            message.payload = payload
            let answer: WorkerAnswer
            do throws(Refusal) { answer = WorkerAnswer(isError: false, text: try work(message)) } catch {
                answer = WorkerAnswer(isError: true, text: error.message)
            }
            guard send(answer.bytes) else { return }
        }
    }

    private mutating func work(_ message: WorkerMessage) throws(Refusal) -> String {
        switch message.kind {
        case .find: throw Refusal(message: "libraries are not looked for")
        case .load: return try load(message.payload)
        case .frame:
            try render(message)
            return ""
        }
    }

    // MARK: Loading

    private mutating func load(_ payload: [UInt8]) throws(Refusal) -> String {
        guard let request = try? JSONDecoder().decode(Request.self, from: Data(payload)) else {
            throw Refusal(message: "nothing to load was named")
        }
        // What evh5 read when it was mounted, whatever the file is by now.
        guard let handle = dlopen("/proc/self/fd/\(NativeWorker.library)", RTLD_NOW | RTLD_LOCAL) else {
            let reason = dlerror().map { String(cString: $0) } ?? "no reason given"
            throw Refusal(
                message: "cannot load '\(request.path)': "
                    + reason.replacing("/proc/self/fd/\(NativeWorker.library): ", with: ""))
        }
        guard let symbol = dlsym(handle, request.symbol) else {
            throw Refusal(message: "'\(request.path)' has no symbol \(request.symbol); see evh5_preprocessing.h")
        }
        let found = UnsafePointer(symbol.assumingMemoryBound(to: evh5_preprocessing_description.self))
        let said = found.pointee
        guard said.abi == UInt32(EVH5_PREPROCESSING_ABI) else {
            throw Refusal(
                message: "'\(request.path)' is made for version \(said.abi) of evh5_preprocessing.h, this evh5 for "
                    + "\(EVH5_PREPROCESSING_ABI); compile it again with this one's")
        }
        guard (1...Int32(UserPreprocessingDeclaration.mostChannels)).contains(said.channels), said.render != nil,
            let type = NativeWorker.type(said.dtype), said.fractions == 0 || type == "float32",
            said.parameter_count <= 64
        else {
            throw Refusal(
                message:
                    "'\(request.path)' has \(said.channels) channels, dtype \(said.dtype), fractions \(said.fractions), "
                    + "\(said.parameter_count) parameters \(said.render == nil ? "and no render" : "") where evh5_preprocessing.h does not allow it"
            )
        }
        description = found
        let parameters = UnsafeBufferPointer(start: said.parameters, count: Int(said.parameter_count)).map {
            parameter in
            Description.Parameter(
                name: parameter.name.map { String(cString: $0) } ?? "",
                type: NativeWorker.parameterType(parameter.type),
                defaultValue: parameter.default_value)
        }
        let text = Description(
            channels: Int(said.channels), dtype: type, fractions: said.fractions != 0,
            summary: said.summary.map { String(cString: $0) }, parameters: parameters)
        guard let json = try? JSONEncoder().encode(text) else {
            throw Refusal(message: "'\(request.path)' has a parameter whose default is no number")
        }
        return String(decoding: json, as: UTF8.self)
    }

    private static func type(_ number: Int32) -> String? {
        switch Int(number) {
        case EVH5_FLOAT32: "float32"
        case EVH5_UINT8: "uint8"
        case EVH5_INT8: "int8"
        case EVH5_UINT16: "uint16"
        default: nil
        }
    }

    private static func parameterType(_ number: Int32) -> String {
        switch Int(number) {
        case EVH5_INTEGER: "integer"
        case EVH5_BOOLEAN: "boolean"
        default: "number"
        }
    }

    // MARK: Frames

    private mutating func render(_ message: WorkerMessage) throws(Refusal) {
        guard let description, let render = description.pointee.render else {
            throw Refusal(message: "no library is loaded")
        }
        let base = try map(message)
        let parameters = message.payload.withUnsafeBytes { raw in
            (0..<raw.count / 8).map { raw.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self) }
        }
        var error = [CChar](repeating: 0, count: 1024)
        let status = parameters.withUnsafeBufferPointer { parameters in
            error.withUnsafeMutableBufferPointer { error in
                var frame = evh5_frame(
                    events: UnsafePointer((base + message.eventsOffset).assumingMemoryBound(to: evh5_event.self)),
                    event_count: message.eventCount, tensor: base + message.tensorOffset,
                    channels: Int32(message.channels), height: Int32(message.height), width: Int32(message.width),
                    shift: Int32(message.shift), duration: message.duration, parameters: parameters.baseAddress,
                    error: error.baseAddress, error_size: error.count - 1)
                return render(&frame)
            }
        }
        guard status == 0 else {
            let text = String(decoding: error.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw Refusal(message: text.isEmpty ? "it returned \(status) without a reason" : text)
        }
    }

    /// The shared memory as it is laid out for this frame, with its fences.
    private mutating func map(_ message: WorkerMessage) throws(Refusal) -> UnsafeMutableRawPointer {
        if let base, size == message.memorySize, eventsOffset == message.eventsOffset { return base }
        if let base { munmap(base, size) }
        base = nil
        let mapped = mmap(nil, message.memorySize, PROT_READ | PROT_WRITE, MAP_SHARED, NativeWorker.memory, 0)
        guard mapped != MAP_FAILED, let mapped else {
            throw Refusal(message: "cannot map shared memory: \(String(cString: strerror(errno)))")
        }
        mprotect(mapped, SharedMemory.page, PROT_NONE)
        mprotect(mapped + message.eventsOffset - SharedMemory.page, SharedMemory.page, PROT_NONE)
        base = mapped
        size = message.memorySize
        eventsOffset = message.eventsOffset
        return mapped
    }

    // MARK: Connection

    private func receive(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let n = bytes.withUnsafeMutableBytes { recv(NativeWorker.control, $0.baseAddress! + done, count - done, 0) }
            if n < 0, errno == EINTR { continue }
            guard n > 0 else { return nil }
            done += n
        }
        return bytes
    }

    private func send(_ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeBytes {
                Glibc.send(NativeWorker.control, $0.baseAddress! + done, bytes.count - done, Int32(MSG_NOSIGNAL))
            }
            if n < 0, errno == EINTR { continue }
            guard n > 0 else { return false }
            done += n
        }
        return true
    }
}
