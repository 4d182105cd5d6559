// What a worker process prints: lines of the log, and what is left of it when the process dies.

import Foundation
import Logging

/// Collects the output of one worker.
final class WorkerLog {
    /// A function that prints for every event must not fill the disk: lines of one frame.
    private static let most = 200
    private static let longestLine = 2000

    private let name: String
    private let logger: Logger
    private var partial: [UInt8] = []
    private var lines = 0
    private var trace: [String]?
    /// Whether the worker still holds the other end.
    private(set) var isOpen = true

    init(_ name: String, _ logger: Logger) {
        self.name = name
        self.logger = logger
    }

    /// The next frame has its lines again.
    func beginFrame() {
        if lines > WorkerLog.most {
            logger.warning("preprocessing '\(name)': \(lines - WorkerLog.most) more lines of output are not shown")
        }
        lines = 0
    }

    /// From now on what comes is kept, not logged.
    func beginTrace() { trace = [] }

    /// Reads what there is.
    func read(_ output: Int32) {
        var part = [UInt8](repeating: 0, count: 1 << 14)
        while isOpen {
            let n = Foundation.read(output, &part, part.count)
            if n < 0, errno == EINTR { continue }
            if n == 0 { isOpen = false }
            guard n > 0 else { return }
            for byte in part[..<n] {
                if byte == UInt8(ascii: "\n") {
                    emit()
                } else if partial.count < WorkerLog.longestLine {
                    partial.append(byte)
                }
            }
            // A function that prints without end is read again after its frame, or never.
            if lines > 100 * WorkerLog.most { return }
        }
    }

    /// All that came since `beginTrace`, or else since now, of a process that has ended.
    func rest(_ output: Int32) -> [String] {
        if trace == nil { trace = [] }
        read(output)
        if !partial.isEmpty { emit() }
        return trace ?? []
    }

    private func emit() {
        let line = String(decoding: partial, as: UTF8.self)
        partial.removeAll(keepingCapacity: true)
        lines += 1
        guard lines <= WorkerLog.most else { return }
        if trace != nil { trace?.append(line) } else { logger.info("preprocessing '\(name)' says: \(line)") }
    }
}
