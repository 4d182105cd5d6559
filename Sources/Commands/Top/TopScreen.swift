// How `evh5 top` looks, and the terminal that it is shown in.

import Foundation
import VirtualTree

extension TopReport {
    /// The lines of a report, none wider than `width` columns.
    func lines(width: Int, rows: Int) -> [String] {
        let megabytes = Quantity.decimal(bytesPerSecond / 1e6, digits: 1)
        var lines = [
            "\(escaped(mountPoint)): \(Quantity.decimal(framesPerSecond, digits: 0)) frames/s, \(megabytes) MB/s, "
                + "\(Quantity.decimal(requestsPerSecond, digits: 0)) requests/s, \(refusals) refused",
            "frames: \(frames.memory) from memory, \(frames.disk) from disk, \(frames.computed) computed, "
                + "\(computingNow) being computed; \(Quantity.text(bytes: memoryBytes)) of "
                + "\(Quantity.text(bytes: memoryTarget)) held; \(openFiles) files open",
            "",
            TopReport.row("PID", "PROGRAM", "FRAMES/S", "MB/S", "MS", "MEM", "DISK", "COMP", "WAIT", "FILE"),
        ]
        for reader in readers.prefix(max(0, rows - lines.count)) {
            lines.append(
                TopReport.row(
                    reader.pid == 0 ? "-" : "\(reader.pid)", reader.program.isEmpty ? "-" : escaped(reader.program),
                    Quantity.decimal(reader.framesPerSecond, digits: 0),
                    Quantity.decimal(reader.bytesPerSecond / 1e6, digits: 1),
                    reader.milliseconds.map { Quantity.decimal($0, digits: 2) } ?? "-",
                    TopReport.share(reader.frames.memory, reader.frames),
                    TopReport.share(reader.frames.disk, reader.frames),
                    TopReport.share(reader.frames.computed, reader.frames),
                    reader.waiting == 0 ? "" : "\(reader.waiting)", escaped(reader.path)))
        }
        if readers.isEmpty { lines.append("nobody reads") }
        return lines.map { String($0.prefix(width)) }
    }

    private static func share(_ part: Int, _ all: FrameOrigins) -> String {
        let sum = all.memory + all.disk + all.computed
        return sum == 0 ? "-" : "\(Int((Double(part) / Double(sum) * 100).rounded()))%"
    }

    private static func row(_ columns: String...) -> String {
        let widths = [8, -16, 9, 9, 8, 5, 5, 5, 5]
        var line = ""
        for (column, width) in zip(columns, widths) {
            let gap = String(repeating: " ", count: max(0, abs(width) - column.count))
            line += (width < 0 ? column + gap : gap + column) + " "
        }
        return line + (columns.last ?? "")
    }
}

/// The terminal as a full screen; as it was again when this is over.
final class TopScreen {
    private var saved = termios()
    private let hasKeys: Bool

    init() {
        hasKeys = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &saved) == 0
        if hasKeys {
            var raw = saved
            raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
            tcsetattr(STDIN_FILENO, TCSANOW, &raw)
        }
        // The other screen, without a cursor.
        Output.write("\u{1B}[?1049h\u{1B}[?25l", to: STDOUT_FILENO)
    }

    func end() {
        Output.write("\u{1B}[?25h\u{1B}[?1049l", to: STDOUT_FILENO)
        if hasKeys { tcsetattr(STDIN_FILENO, TCSANOW, &saved) }
    }

    /// Columns and rows.
    static var size: (width: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (120, 40) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    func show(_ lines: [String]) {
        // Each line to its end, then what is left of the last picture.
        Output.write(
            "\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J", to: STDOUT_FILENO)
    }

    /// Waits; false when somebody pressed q.
    func wait(milliseconds: Int32) -> Bool {
        guard hasKeys else {
            usleep(UInt32(milliseconds) * 1000)
            return true
        }
        var descriptor = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        let end = ContinuousClock.now + .milliseconds(Int64(milliseconds))
        while true {
            let left = (end - ContinuousClock.now) / .milliseconds(1)
            guard left > 0, poll(&descriptor, 1, Int32(left.rounded(.up))) > 0 else { return true }
            var key: UInt8 = 0
            guard read(STDIN_FILENO, &key, 1) == 1 else { return true }
            if key == UInt8(ascii: "q") || key == UInt8(ascii: "Q") { return false }
        }
    }
}
