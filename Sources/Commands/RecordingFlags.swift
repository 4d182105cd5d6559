// The flags that commands on recordings share, and how they find and open recordings.

import ArgumentParser
import Datasets
import FUSEAdapter
import Files
import Foundation
import Recordings
import VirtualTree

/// Where time indexes are, and what geometry and encoding recordings have whose header says nothing.
struct RecordingFlags: ParsableArguments {
    @Option(Settings.cache, valueName: "dir")
    var cache: String?
    @Option(Settings.geometry, valueName: "WxH")
    var geometry: String?
    @Option(Settings.encoding, valueName: "name")
    var encoding: String?
    @Option(
        name: .customLong("config-file"),
        help:
            "A mount's config file: its cache, its geometries and encodings by glob and (for generate) its preprocessings are used here too. (EVH5_CONFIG_FILE)"
    )
    var configFile: String?

    /// - Parameter warns: whether stderr is told what is odd about recordings, as a mount's log is.
    func access(warns: Bool = true) throws(CommandError) -> RecordingAccess {
        try RecordingAccess(layers(), warns: warns)
    }

    /// All settings of a mount, as these flags, the environment and the config file give them; `others` are flags of
    /// the command besides these.
    func layers(_ others: [String: RawSetting] = [:]) throws(CommandError) -> SettingLayers {
        var flags = others
        if let cache { flags[Settings.cache.name] = .text(cache) }
        if let geometry { flags[Settings.geometry.name] = .text(geometry) }
        if let encoding { flags[Settings.encoding.name] = .text(encoding) }
        return try .standard(flags: flags, configFile: configFile)
    }
}

/// Opens recordings as a mount would.
struct RecordingAccess {
    let store: IndexStore
    let rules: RecordingRules
    /// The folder that globs are relative to, without symbolic links; nil when no config file names one.
    let source: String?

    /// - Parameter warns: whether stderr is told what is odd about recordings.
    init(_ layers: SettingLayers, warns: Bool = true) throws(CommandError) {
        store = IndexStore(
            directory: try layers.value(Settings.cache),
            onIndex: { recording, index in
                guard warns else { return }
                for note in recording.notes { Output.problem("evh5: \(escaped(recording.path)): \(note)") }
                if let warning = index.warning {
                    Output.problem("evh5: \(escaped(recording.path)) is suspicious: \(warning)")
                }
            })
        rules = try layers.recordingRules()
        source = try layers.value(Settings.source).flatMap(realPath)
    }

    func open(_ path: String) throws(RecordingError) -> Recording {
        do throws(RecordingError) { return try Recording(path: path, hints: hints(of: path)) } catch {
            guard error.code == .notARecording, PreviewSource.isHDF5(path) else { throw error }
            throw RecordingError(
                .notARecording,
                "it is an HDF5 file, no recording; h5dump and `evh5 preview` show what is in it", cause: error)
        }
    }

    /// What the rules give; paths outside the source are matched as they are written.
    private func hints(of path: String) -> RecordingHints {
        guard !rules.isEmpty else { return RecordingHints() }
        var below = path
        if let source, let real = realPath(path), real.hasPrefix(source + "/") {
            below = String(real.dropFirst(source.count + 1))
        }
        return rules.hints(for: below)
    }
}

/// The recordings in files and folders.
enum RecordingFiles {
    /// Every path that is a file, and every `.raw` and `.dat` below those that are folders, sorted; links are followed,
    /// each folder once. Mounts of evh5 are left out: they show every recording many times over. Hidden files count, as
    /// in a mount.
    static func find(_ paths: [String]) -> (files: [String], unreadable: [(path: String, reason: String)]) {
        var files: [String] = []
        var unreadable: [(path: String, reason: String)] = []
        var visited: Set<[UInt64]> = []
        let all = Mounts.list()
        let mounts = Set(all.map(\.mountPoint))
        func visit(_ path: String, named: Bool) {
            do {
                let status = try FileStatus(path: path)
                if status.kind == .directory {
                    guard visited.insert([status.device, status.inode]).inserted else { return }
                    if !named && !mounts.isEmpty, let real = realPath(path), mounts.contains(real) { return }
                    let names = try FileManager.default.contentsOfDirectory(atPath: path)
                    for name in names.sorted() {
                        visit(path.hasSuffix("/") ? path + name : path + "/" + name, named: false)
                    }
                } else if named || (status.kind == .regular && RecordingName.isRecording(path)) {
                    files.append(path)
                }
            } catch {
                // A dangling link in a folder is nobody's request.
                let isMissing = (error as? FileError)?.errno == ENOENT
                if named && isMissing { return unreadable.append((path, "there is no such file or folder")) }
                if !isMissing { unreadable.append((path, "\(error)")) }
            }
        }
        for path in paths {
            if let reason = reason(path, in: all) {
                unreadable.append((path, reason))
            } else {
                visit(path, named: true)
            }
        }
        return (files, unreadable)
    }

    /// Why what lies in a mount of evh5 is no recording; nil for everything else.
    private static func reason(_ path: String, in mounts: [Mount]) -> String? {
        guard !mounts.isEmpty, let real = realPath(path) else { return nil }
        guard let mount = mounts.last(where: { real == $0.mountPoint || real.hasPrefix($0.mountPoint + "/") }) else {
            return nil
        }
        let isTensor = real.hasSuffix(".h5")
        return
            "it is \(isTensor ? "an HDF5 tensor" : "a place") in the mount '\(mount.mountPoint)', which shows recordings as "
            + "HDF5 tensors; the recordings themselves are in '\(mount.source)'"
    }
}

/// `path` without symbolic links; nil when it does not exist.
func realPath(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
}
