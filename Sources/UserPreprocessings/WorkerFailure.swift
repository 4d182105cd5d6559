// What can go wrong with a worker process.

/// Why a worker gave no answer, or not a good one.
struct WorkerFailure: Error, Sendable, CustomStringConvertible {
    enum Code: Sendable {
        /// The worker is as good as before: the function raised, or nothing was asked of it.
        case kept
        /// The worker is gone, or must not be used again.
        case lost
    }

    let code: Code
    /// What went wrong, in a line.
    let message: String
    /// What Python or the library said of it, in lines.
    let trace: [String]

    init(_ code: Code, _ message: String, trace: [String] = []) {
        self.code = code
        self.message = message
        self.trace = trace
    }

    var description: String { message }
}
