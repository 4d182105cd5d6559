// `evh5 sidecar export`: an ordinary HDF5 file of what was added, without a mount.

import ArgumentParser
import Files
import Foundation
import SidecarStore
import TensorFile

struct SidecarExport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Make an ordinary HDF5 file of what was added to a file.",
        discussion: """
            $ evh5 sidecar export histo/50ms/a.h5 -o additions.h5
            $ evh5 sidecar export histo/50ms/a.h5 -o whole.h5 --with-tensor
            $ evh5 sidecar export histo/50ms/a.h5 -o rescued.h5 --torn last

            Without the tensor, its dataset is there with its attributes and no elements. With --with-tensor it is computed from the
            recording, and the file is what a mount shows, byte for byte.
            Exit codes: 11 (sidecar-unusable) when there is no such sidecar or state or libhdf5 cannot read it, 3
            (recording-unusable) when the tensor cannot be computed, 10 (output-unwritable).
            """)

    @Argument(help: "To which file it was added, or the name that `list` shows.")
    var file: String
    @Option(name: .shortAndLong, help: "The file to make.")
    var output: String
    @Option(help: "The number of an earlier state.")
    var state: Int?
    @Option(help: "A session that did not commit, as `list` names it; `last` is the latest.")
    var torn: String?
    @Flag(help: "With the tensor, computed from the recording.")
    var withTensor = false
    @Flag(help: "The bytes as they are, zeros in place of the tensor, also when they are no valid HDF5 file.")
    var raw = false
    @Flag(help: "Replace the output if it is there.")
    var force = false
    @OptionGroup var place: SidecarPlace
    @Option(Settings.cache, valueName: "dir")
    var cache: String?
    @Option(Settings.geometry, valueName: "WxH")
    var geometry: String?
    @Option(Settings.encoding, valueName: "name")
    var encoding: String?

    func validate() throws {
        if state != nil && torn != nil { throw ValidationError("--state and --torn exclude each other") }
        if withTensor && raw { throw ValidationError("--with-tensor and --raw exclude each other") }
    }

    func run() throws {
        let store = try place.maintenance()
        let entry = try place.entry(file, in: store) { torn == nil ? $0.current != nil : !$0.torn.isEmpty }
        let state = try state(of: entry)
        let source = try Sidecar.attempt { () throws(SidecarError) in try store.open(entry, state) }
        let target = try NewFile(output, force: force)
        if withTensor || raw {
            let tensor = withTensor ? try tensor(entry, source) : nil
            try WholeFile(source, tensor).write(to: target.temporary)
        } else {
            do throws(TensorFileError) {
                let report = try AddedContents.export(from: source, source.layout, toNewFile: target.temporary)
                for path in report.leftOut { Output.problem("evh5: left out: \(escaped(path))") }
            } catch {
                target.discard()
                throw CommandError(
                    .sidecarUnusable,
                    "\(state) of '\(entry.name)' cannot be exported: \(error.message); --raw gives the bytes as they are",
                    cause: error)
            }
        }
        try target.finish()
        Output.line("\(escaped(output)): \(state) of \(escaped(entry.key.map { "\($0)" } ?? entry.name))")
    }

    private func state(of entry: SidecarEntry) throws(CommandError) -> SidecarEntry.State {
        if let state { return .commit(state) }
        guard let torn else { return .current }
        guard torn == "last" else { return .torn(torn) }
        guard let last = entry.torn.last else {
            throw CommandError(.sidecarUnusable, "every session of '\(entry.name)' was committed")
        }
        return .torn(last.name)
    }

    /// The tensor, from the recording as it is now.
    private func tensor(_ entry: SidecarEntry, _ source: SidecarFile) throws(CommandError) -> ExportedContent {
        guard let key = entry.key else {
            throw CommandError(.sidecarUnusable, "'\(entry.name)' does not say which recording it belongs to")
        }
        var flags: [String: RawSetting] = [:]
        if let cache { flags[Settings.cache.name] = .text(cache) }
        if let geometry { flags[Settings.geometry.name] = .text(geometry) }
        if let encoding { flags[Settings.encoding.name] = .text(encoding) }
        let layers = try place.layers(flags)
        let preprocessings = try PreprocessingSettings(layers).loaded(CommandLog.standardError(level: .error))
        return try ExportedContent(
            key, source, access: RecordingAccess(layers), registry: preprocessings.registry)
    }
}

/// A file that appears under its name when it is complete.
struct NewFile {
    let path: String
    let temporary: String

    init(_ path: String, force: Bool) throws(CommandError) {
        self.path = path
        temporary = temporaryPath(for: path, suffix: ".\(getpid()).tmp")
        guard access(path, F_OK) != 0 || force else {
            throw CommandError(.outputUnwritable, "'\(path)' is there already; --force replaces it")
        }
        do throws(FileError) { try checkNameLength(path) } catch {
            throw CommandError(.outputUnwritable, error.message, cause: error)
        }
        let folder = (path as NSString).deletingLastPathComponent
        guard access(folder.isEmpty ? "." : folder, W_OK | X_OK) == 0 else {
            throw CommandError(.outputUnwritable, "'\(path)' cannot be made: \(String(cString: strerror(errno)))")
        }
    }

    func discard() { unlink(temporary) }

    /// Gives the file its name. Bytes and name are on the disk when this returns.
    func finish() throws(CommandError) {
        do throws(FileError) {
            let descriptor = try FileCalls.open(temporary, O_RDONLY)
            defer { close(descriptor) }
            try FileCalls.publish(descriptor, temporary, as: path)
        } catch {
            discard()
            throw CommandError(
                .outputUnwritable, "'\(path)' cannot be made: \(String(cString: strerror(error.errno)))", cause: error)
        }
    }
}
