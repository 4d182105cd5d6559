// From declarations to preprocessings: code is found, read, loaded into a first worker, and named by its contents.

import CXXHash
import Foundation
import Logging
import Synchronization
import Tensors

/// The preprocessings of users in this process, and their workers.
public final class UserPreprocessings: Sendable {
    private let python: String
    private let program: String
    private let workers: Int
    private let logger: Logger
    private let pools = Mutex<[WorkerPool]>([])

    /// - Parameters:
    ///   - python: the interpreter: a path, or a name that is looked for in PATH.
    ///   - program: this program, which loads libraries when it is called with `preprocessing-worker`.
    ///   - workers: processes for each preprocessing.
    ///   - logger: gets what functions print and what is wrong with them.
    public init(python: String, program: String, workers: Int, logger: Logger) {
        self.python = python
        self.program = program
        self.workers = workers
        self.logger = logger
    }

    /// Loads what a declaration names, in a worker. What its code is now it stays, for this object's life.
    ///
    /// - Throws: `.preprocessingFailed` when it cannot be loaded (a trace, if there is one, is logged),
    ///   `.invalidParameter` when it does
    ///   not go with what a library says of itself.
    public func definition(_ declaration: UserPreprocessingDeclaration) throws(TensorError) -> PreprocessingDefinition {
        do throws(WorkerFailure) {
            switch declaration.code {
            case .python(let module, let function, let folder):
                return try pythonDefinition(declaration, module, function, folder)
            case .native(let path, let symbol):
                return try nativeDefinition(declaration, path, symbol)
            }
        } catch {
            for line in error.trace { logger.error("preprocessing '\(declaration.name)': \(line)") }
            throw TensorError(
                .preprocessingFailed, "the preprocessing '\(declaration.name)' cannot be used: \(error.message)",
                cause: error)
        }
    }

    /// The processes of each preprocessing that has any: those that wait, those at work, and all that were started.
    public var workerFigures: [(name: String, idle: Int, busy: Int, started: Int)] {
        pools.withLock { $0 }.map { pool in
            let figures = pool.figures
            return (pool.name, figures.idle, figures.busy, figures.started)
        }
    }

    /// Ends all workers.
    public func stop() {
        for pool in pools.withLock({ $0 }) { pool.stop() }
    }

    // MARK: Python

    /// What worker.py is told.
    private struct PythonRequest: Codable {
        var module: String
        var folder: String?
        var file: String?
        var source: String?
        var function: String?
        var dtype: String?
        /// JSON itself, which keeps the types of numbers.
        var kwargs: String?
    }

    private func pythonDefinition(
        _ declaration: UserPreprocessingDeclaration, _ module: String, _ function: String, _ folder: String?
    ) throws(WorkerFailure) -> PreprocessingDefinition {
        let script = try SealedFile("evh5 worker.py", PackageResources.worker_py)
        let start = "import os; exec(compile(os.pread(6, 1 << 24, 0), 'evh5 preprocessing worker', 'exec'))"
        let launch = WorkerLaunch(
            program: python, arguments: ["-u", "-c", start], file: script, tellsWhereItHangs: true,
            timeout: declaration.timeout)
        let worker = try Worker(launch, WorkerLog(declaration.name, logger))
        var request = PythonRequest(module: module, folder: folder)
        if module.hasSuffix(".py") {
            request.file = module
            request.module = String((module as NSString).lastPathComponent.dropLast(3))
            request.folder = (module as NSString).deletingLastPathComponent
            guard UserPreprocessingDeclaration.isIdentifier(request.module) else {
                throw WorkerFailure(.kept, "'\(module)' is no name of a module")
            }
        }
        let file: String
        if let path = request.file {
            file = path
        } else {
            file = try worker.ask(WorkerMessage(kind: .find, payload: Self.json(request)))
        }
        let bytes = try Self.contents(file)
        guard let source = String(validating: bytes, as: UTF8.self) else {
            throw WorkerFailure(.kept, "'\(file)' is not UTF-8")
        }
        let type = declaration.elementType ?? .float32
        request.file = file
        request.source = source
        request.function = function
        request.dtype = type.rawValue
        let parameters = declaration.parameters
        request.kwargs = Self.kwargs(parameters, ParameterValues())
        let load = Self.json(request)
        _ = try worker.ask(WorkerMessage(kind: .load, payload: load))
        let pool = pool(declaration, launch, load, first: worker)
        return define(
            declaration, pool, channels: declaration.channels ?? 1, type, fractions: declaration.fractions, parameters,
            kernel: "python \(request.module):\(function)", version: Self.digest(bytes)
        ) { values in Array(Self.kwargs(parameters, values).utf8) }
    }

    // MARK: Libraries

    private func nativeDefinition(
        _ declaration: UserPreprocessingDeclaration, _ path: String, _ symbol: String
    ) throws(WorkerFailure) -> PreprocessingDefinition {
        let bytes = try Self.contents(path)
        let launch = WorkerLaunch(
            program: program, arguments: ["preprocessing-worker"],
            file: try SealedFile((path as NSString).lastPathComponent, bytes),
            tellsWhereItHangs: false, timeout: declaration.timeout)
        let worker = try Worker(launch, WorkerLog(declaration.name, logger))
        let load = Self.json(NativeWorker.Request(symbol: symbol, path: path))
        let text = try worker.ask(WorkerMessage(kind: .load, payload: load))
        guard let description = try? JSONDecoder().decode(NativeWorker.Description.self, from: Data(text.utf8)) else {
            throw WorkerFailure(.kept, "'\(path)' says nothing about itself")
        }
        let parameters = try Self.parameters(of: description, declaration)
        guard let type = ElementType(rawValue: description.dtype) else {
            throw WorkerFailure(.kept, "'\(path)' has the unknown type \(description.dtype)")
        }
        // What the worker looked at before is looked at here again: it runs code that may say anything.
        guard (1...UserPreprocessingDeclaration.mostChannels).contains(description.channels) else {
            throw WorkerFailure(
                .kept,
                "'\(path)' says that its tensor has \(description.channels) channels; there can be 1 to \(UserPreprocessingDeclaration.mostChannels)"
            )
        }
        let pool = pool(declaration, launch, load, first: worker)
        return define(
            declaration, pool, channels: description.channels, type, fractions: description.fractions, parameters,
            summary: description.summary, kernel: "native \((path as NSString).lastPathComponent):\(symbol)",
            version: Self.digest(bytes)
        ) { values in parameters.map { values[$0].number }.withUnsafeBytes { Array($0) } }
    }

    /// A library's parameters, with the declaration's values as defaults.
    private static func parameters(
        of description: NativeWorker.Description, _ declaration: UserPreprocessingDeclaration
    ) throws(WorkerFailure) -> [ParameterDefinition] {
        var given = declaration.parameters
        var list: [ParameterDefinition] = []
        for parameter in description.parameters {
            guard !UserPreprocessingDeclaration.reserved.contains(parameter.name),
                UserPreprocessingDeclaration.isIdentifier(parameter.name)
            else { throw WorkerFailure(.kept, "a parameter of the library cannot be called \"\(parameter.name)\"") }
            // Beyond, a double does not hold every integer.
            let integers = -(1 << 53)...(1 << 53)
            let integer = Int(exactly: parameter.defaultValue).flatMap { integers.contains($0) ? $0 : nil }
            guard parameter.defaultValue.isFinite, parameter.type != "integer" || integer != nil else {
                throw WorkerFailure(
                    .kept,
                    "the library's parameter \(parameter.name) has the default \(parameter.defaultValue), which is no \(parameter.type == "integer" ? "integer up to 2^53" : "number")"
                )
            }
            let (kind, value): (ParameterDefinition.Kind, ParameterValue) =
                switch parameter.type {
                case "integer": (.integer(integers), .integer(integer ?? 0))
                case "boolean": (.boolean, .boolean(parameter.defaultValue != 0))
                default: (.number, .number(parameter.defaultValue))
                }
            var definition = ParameterDefinition(parameter.name, kind, default: value, "")
            if let index = given.firstIndex(where: { $0.name == parameter.name }) {
                do throws(TensorError) {
                    let registered = try definition.parse(given.remove(at: index).defaultValue.text)
                    definition = ParameterDefinition(parameter.name, kind, default: registered, "")
                } catch { throw WorkerFailure(.kept, error.message) }
            }
            list.append(definition)
        }
        if let unknown = given.first {
            let names = description.parameters.map(\.name).joined(separator: ", ")
            throw WorkerFailure(
                .kept, "the library has no parameter \(unknown.name); it has \(names.isEmpty ? "none" : names)")
        }
        return list
    }

    // MARK: Both

    private func pool(
        _ declaration: UserPreprocessingDeclaration, _ launch: WorkerLaunch, _ load: [UInt8], first worker: Worker
    ) -> WorkerPool {
        let pool = WorkerPool(declaration.name, launch, load: load, limit: workers, logger: logger, first: worker)
        pools.withLock { $0.append(pool) }
        return pool
    }

    private func define(
        _ declaration: UserPreprocessingDeclaration, _ pool: WorkerPool, channels: Int, _ type: ElementType,
        fractions: Bool, _ parameters: [ParameterDefinition], summary: String? = nil, kernel: String, version: String,
        encoded: @escaping @Sendable (ParameterValues) -> [UInt8]
    ) -> PreprocessingDefinition {
        PreprocessingDefinition(
            name: declaration.name, kernel: "\(kernel) \(type.rawValue)",
            summary: declaration.summary ?? summary ?? "a preprocessing of the user's own", parameters: parameters
        ) { values in
            UserPreprocessing(
                channels: channels, type: type, fractions: fractions, version: version, parameters: encoded(values),
                pool: pool)
        }
    }

    private static func contents(_ path: String) throws(WorkerFailure) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw WorkerFailure(.kept, "cannot read '\(path)': \(String(cString: strerror(errno)))")
        }
        return [UInt8](data)
    }

    /// XXH3-128, in hexadecimal.
    private static func digest(_ bytes: [UInt8]) -> String {
        let hash = bytes.withUnsafeBytes { XXH3_128bits($0.baseAddress, $0.count) }
        return [hash.high64, hash.low64].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// The values as a JSON object; names and texts have no character that JSON would have to escape.
    private static func kwargs(_ parameters: [ParameterDefinition], _ values: ParameterValues) -> String {
        let items = parameters.map { parameter in
            let text =
                switch values[parameter] {
                case .number(let value): value.description
                case .integer(let value): "\(value)"
                case .boolean(let value): value ? "true" : "false"
                case .text(let value): "\"\(value)\""
                }
            return "\"\(parameter.name)\": \(text)"
        }
        return "{\(items.joined(separator: ", "))}"
    }

    private static func json(_ value: some Encodable) -> [UInt8] {
        (try? JSONEncoder().encode(value)).map { [UInt8]($0) } ?? []
    }
}
