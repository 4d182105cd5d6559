// `evh5 doctor`: one text file that says what a bug report needs.

import ArgumentParser
import FUSEAdapter
import Files
import Foundation
import VirtualTree

struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a report on this machine, the mounts and their logs, for a bug report.",
        discussion: """
            $ evh5 doctor
            $ evh5 doctor -o - | less

            It holds versions, the system, FUSE, settings, the status of your mounts, their last log lines, and what became of a small
            simulated recording that was mounted and read. Names of recordings and folders are left out, unless --names asks for them.
            Nothing is sent anywhere; read it before you do.
            Exit codes: 1 (failed) when the trial with the simulated recording failed, 10 (output-unwritable).
            """)

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The file to write, - for stdout. (default: evh5-doctor-<time>.txt in this folder)", valueName: "file"))
    var output: String?
    @Flag(help: "With the names of recordings and folders.")
    var names = false
    @Option(help: ArgumentHelp("Lines of each mount's log.", valueName: "n"))
    var lines = 50
    @Option(help: ArgumentHelp("The config file of the mount in question.", valueName: "file"))
    var configFile: String?

    func validate() throws {
        guard (0...100_000).contains(lines) else { throw ValidationError("--lines takes a number up to 100000") }
    }

    func run() throws {
        var report = Report(names: names)
        report.rows("evh5", MachineReport.program())
        report.rows("system", MachineReport.system())
        report.rows("FUSE", MachineReport.fuse())
        report.lines("settings that are not the defaults", settings())
        report.rows("disks", disks())
        let mounts = Mounts.list()
        if mounts.isEmpty { report.lines("mounts", ["none of evh5"]) }
        for mount in mounts { report.mount(mount, logLines: lines) }
        let steps = SelfTest.run()
        report.rows(
            "trial with a simulated recording",
            steps.map { step in
                let outcome = step.problem.map { names ? $0 : HiddenNames.hide($0) } ?? "ok"
                return (step.name, "\(outcome), \(Quantity.decimal(step.seconds, digits: 2)) s")
            })
        try write(report.text)
        guard let failed = steps.first(where: { $0.problem != nil }) else { return }
        throw CommandError(.failed, "the trial failed: \(failed.name): \(failed.problem ?? "")")
    }

    /// What environment and config file say.
    private func settings() -> [String] {
        let layers: SettingLayers
        do { layers = try .standard(flags: [:], configFile: configFile) } catch { return [error.message] }
        return Settings.all.flatMap { setting -> [String] in
            let variable = layers.environment[setting.variable].map { "\(setting.variable)=\($0)" }
            let key = layers.config?.values[setting.name].map { "\(setting.name): \($0.text ?? "...") (config file)" }
            return [variable, key].compactMap { $0 }
        }
    }

    /// The room where the defaults, or the settings, put things.
    private func disks() -> [MachineReport.Row] {
        guard let layers = try? SettingLayers.standard(flags: [:], configFile: configFile) else { return [] }
        let places = [("cache", try? layers.value(Settings.cache)), ("sidecars", try? layers.value(Settings.sidecars))]
        return places.map { name, path in
            guard let path, let volume = Volume(of: Mounts.absolute(path)) else { return (name, "not known") }
            return (
                name,
                "\(Quantity.text(bytes: Int(volume.available))) of \(Quantity.text(bytes: Int(volume.size))) free"
            )
        }
    }

    private func write(_ text: String) throws {
        guard output != "-" else { return Output.write(text, to: STDOUT_FILENO) }
        let time = Int(Date().timeIntervalSince1970)
        let path = output ?? "evh5-doctor-\(time).txt"
        do { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) } catch {
            throw CommandError(.outputUnwritable, "cannot write '\(path)'; name another file with -o", cause: error)
        }
        Output.line("wrote \(escaped(path)); read it before you send it")
    }
}

/// The text, section by section.
private struct Report {
    let names: Bool
    private(set) var text = ""

    init(names: Bool) { self.names = names }

    private func shown(_ text: String) -> String { names ? text : HiddenNames.hide(text) }

    mutating func lines(_ title: String, _ lines: [String]) {
        text += "\n\(title)\n" + lines.map { "  \(escaped(shown($0)))\n" }.joined()
    }

    /// What has no names in it.
    mutating func rows(_ title: String, _ rows: [MachineReport.Row]) {
        let width = rows.map(\.name.count).max() ?? 0
        text += "\n\(title)\n"
        for (name, value) in rows {
            let blanks = String(repeating: " ", count: width - name.count + 2)
            text += "  \(name)\(blanks)\(escaped(value))\n"
        }
    }

    /// What a daemon says of itself, and its log.
    mutating func mount(_ mount: FUSEAdapter.Mount, logLines: Int) {
        let title = "mount of \(names ? mount.mountPoint : "<name>"), \(mount.options)"
        do throws(CommandError) {
            let status = try MountStatus.read(mount)
            let encoder = JSONEncoder()
            guard let bytes = try? encoder.encode(status), var json = try? JSONSerialization.jsonObject(with: bytes)
            else { return lines(title, ["its status cannot be written"]) }
            if !names {
                json = HiddenNames.hide(json, names: ["source", "mountPoint", "path", "writing", "directory"])
            }
            let pretty = try? JSONSerialization.data(
                withJSONObject: json, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
            text += "\n\(title)\n" + String(decoding: pretty ?? Data(), as: UTF8.self) + "\n"
            lines("the last lines of its log", lastLines(of: status.log?.destination, logLines))
        } catch {
            lines(title, [error.message])
        }
    }

    private func lastLines(of path: String?, _ count: Int) -> [String] {
        guard let path, path.hasPrefix("/") else {
            return ["it goes to \(path ?? "a place not known"); `journalctl -t evh5` shows it where journald runs"]
        }
        guard let bytes = FileManager.default.contents(atPath: path) else { return ["cannot be read"] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").suffix(count).map(String.init)
    }
}
