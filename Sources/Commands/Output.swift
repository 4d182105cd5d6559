// What commands print: results to stdout, reasons and progress to stderr.

import Files
import Foundation
import Synchronization

enum Output {
    /// Writes a line to stdout.
    static func line(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    /// Writes a line to stderr.
    static func problem(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    /// Prints a value as JSON, with sorted keys.
    static func json(_ value: some Encodable) throws(CommandError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do { line(String(decoding: try encoder.encode(value), as: UTF8.self)) } catch {
            throw CommandError(.failed, "cannot write JSON: \(error)", cause: error)
        }
    }

    /// Prints `name  value` lines with the values in one column.
    static func table(_ rows: [(name: String, value: String)], indent: String = "") {
        let width = rows.map(\.name.count).max() ?? 0
        for (name, value) in rows {
            line(indent + name + String(repeating: " ", count: width - name.count + 2) + escaped(value))
        }
    }

    static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            // It fails when nobody reads any more.
            try? FileCalls.write(UnsafeRawBufferPointer(bytes), to: descriptor, "output")
        }
    }
}

/// `text` without raw control characters, so that a file's name can neither forge a log line nor drive a terminal.
public func escaped(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case _ where isControl(scalar): result += "\\u{" + String(scalar.value, radix: 16) + "}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

/// C0, DEL, C1, and the line and paragraph separators and direction marks that change how a line is shown.
private func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7f..<0xa0, 0x2028...0x202e, 0x2066...0x2069: true
    default: false
    }
}

/// When a line of progress is due where nothing can be rewritten in place, such as in a batch job's output.
struct ProgressLines {
    /// `EVH5_PROGRESS_SECONDS` is for tests.
    static let interval: Duration = .seconds(
        Double(ProcessInfo.processInfo.environment["EVH5_PROGRESS_SECONDS"] ?? "") ?? 10)

    private var last = ContinuousClock.now

    mutating func isDue() -> Bool {
        let now = ContinuousClock.now
        guard now - last >= ProgressLines.interval else { return false }
        last = now
        return true
    }
}

/// A line of progress on a terminal, rewritten in place; elsewhere a line every ten seconds.
final class Progress {
    private let label: String
    private let total: Int64
    private let isTerminal: Bool
    private let enabled: Bool
    private var lastPercent: Int64 = -1
    private var lines = ProgressLines()

    /// - Parameter total: what `update` counts up to.
    init(_ label: String, total: Int64, enabled: Bool = true) {
        self.label = label
        self.total = max(1, total)
        self.enabled = enabled
        isTerminal = isatty(STDERR_FILENO) == 1
    }

    func update(_ done: Int64) {
        guard enabled else { return }
        let percent = min(100, Int64(Double(done) * 100 / Double(total)))
        guard isTerminal else {
            if lines.isDue() { Output.problem("evh5: \(percent)% \(escaped(label))") }
            return
        }
        guard percent != lastPercent else { return }
        lastPercent = percent
        let filled = Int(percent) * 30 / 100
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
        Output.write("\r\u{1b}[K[\(bar)] \(percent)% \(escaped(label))", to: STDERR_FILENO)
    }

    /// Wipes the line.
    func end() {
        if isTerminal && lastPercent >= 0 { Output.write("\r\u{1b}[K", to: STDERR_FILENO) }
    }
}

/// As `Progress`, with bytes per second and the time that is left; many threads may tell it.
final class RateProgress: Sendable {
    private let label: String
    private let total: Int64
    private let isTerminal: Bool
    private let started = ContinuousClock.now
    private let lines = Mutex(ProgressLines())
    /// When the line was last drawn.
    private let drawn = Mutex<ContinuousClock.Instant?>(nil)

    /// - Parameter total: bytes.
    init(_ label: String, total: Int64) {
        self.label = label
        self.total = max(1, total)
        isTerminal = isatty(STDERR_FILENO) == 1
    }

    func update(_ done: Int64) {
        guard isTerminal else {
            if lines.withLock({ $0.isDue() }) { Output.problem("evh5: \(text(done))") }
            return
        }
        drawn.withLock { drawn in
            let now = ContinuousClock.now
            if let drawn, now - drawn < .milliseconds(200) { return }
            drawn = now
            let filled = Int(share(done) * 30)
            let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
            Output.write("\r\u{1b}[K[\(bar)] \(text(done))", to: STDERR_FILENO)
        }
    }

    private func share(_ done: Int64) -> Double { min(1, Double(done) / Double(total)) }

    /// `35% 120M/s, 1:20 left generating`.
    private func text(_ done: Int64) -> String {
        let seconds = max(0.001, (ContinuousClock.now - started) / .seconds(1))
        let share = share(done)
        let rate = Quantity.text(bytes: Int(Double(done) / seconds)) + "/s"
        let left = share > 0.001 ? Int(min(1e9, (seconds / share - seconds).rounded(.up))) : 0
        let time = share > 0.001 ? ", \(left / 60):\(left % 60 < 10 ? "0" : "")\(left % 60) left" : ""
        return "\(Int(share * 100))% \(rate)\(time) \(label)"
    }

    /// Wipes the line.
    func end() {
        drawn.withLock { if $0 != nil { Output.write("\r\u{1b}[K", to: STDERR_FILENO) } }
    }
}
