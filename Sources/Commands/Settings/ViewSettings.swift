// All that `evh5 view` needs to know.

import FUSEAdapter
import Foundation
import HTTPAdapter
import Logging
import VirtualTree

/// What is shown by HTTP without a mount.
package struct ViewSettings {
    /// Absolute path of a folder, without links.
    package let source: String
    package let tree: VirtualCatalog.Options
    package let preprocessings: PreprocessingSettings
    package let http: HTTPSettings
    package let logLevel: Logger.Level
    package let logFormat: LogFormat
    package let logDirectory: String?

    init(_ flags: ViewFlags) throws(CommandError) { try self.init(flags.layers(), sources: flags.sources) }

    /// - Throws: exit code `usage`, `configuration`, or `sourceUnusable` for a source that is not there.
    package init(_ layers: SettingLayers, sources: [String]) throws(CommandError) {
        var sources = sources
        if sources.isEmpty, let source = try layers.value(Settings.source) { sources = [source] }
        guard !sources.isEmpty else {
            throw CommandError(.usage, "say what to show: evh5 view SOURCE (see evh5 view --help)")
        }
        var real: [String] = []
        for source in sources {
            guard let path = realPath(source) else {
                throw CommandError(.sourceUnusable, "cannot show '\(source)': \(String(cString: strerror(errno)))")
            }
            real.append(path)
        }
        let otherwise = ListenAddress(host: "127.0.0.1", port: 0)
        guard let http = try HTTPSettings(layers, otherwise: otherwise) else {
            throw CommandError(.usage, "there is no address to listen on")
        }
        self.http = http
        var tree = try VirtualCatalog.Options(layers, hasOtherReaders: true)
        tree.readOnly = true
        (source, tree.shown) = ViewSettings.common(real)
        self.tree = tree
        preprocessings = try PreprocessingSettings(layers)
        try preprocessings.checkFree(tree.folders)
        logLevel = try layers.value(Settings.logLevel)
        logFormat = try layers.value(Settings.logFormat)
        logDirectory = try layers.value(Settings.logDirectory).map(Mounts.absolute)
    }

    /// The folder that all of `paths` are in, and where they are in it; none for one folder, which is shown whole.
    package static func common(_ paths: [String]) -> (folder: String, shown: [String]) {
        func isFolder(_ path: String) -> Bool {
            var status = stat()
            return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        }
        if paths.count == 1, isFolder(paths[0]) { return (paths[0], []) }
        var common: [Substring]?
        for path in paths {
            var names = path.split(separator: "/")
            if !isFolder(path) { names.removeLast() }
            common = common.map { zip($0, names).prefix { $0 == $1 }.map(\.0) } ?? names
        }
        let depth = common?.count ?? 0
        let shown = paths.map { $0.split(separator: "/").dropFirst(depth).joined(separator: "/") }
        // One of the folders holds all others.
        return ("/" + (common ?? []).joined(separator: "/"), shown.contains("") ? [] : shown)
    }
}
