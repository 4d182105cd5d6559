// Where things are in a store.
//
// <store>/README
// <store>/recordings/<file name>-<16 hex of the path's XXH3>/<preprocessing>+<window>[+part]/
//     current  manifest.json  commits/<n>  data/<n>  session/  torn/<time>/  lock
// <store>/changes
// <store>/removed/<time>-<names as above>/

import Foundation

struct StorePaths: Sendable, Hashable {
    let store: String

    /// Names longer than this are cut: file systems take 255 bytes, and names get additions.
    static let longestName = 200

    var readme: String { store + "/README" }
    var recordings: String { store + "/recordings" }
    var removed: String { store + "/removed" }
    var changes: String { store + "/changes" }

    /// The folder of all sidecars of a recording.
    func recording(_ key: SidecarKey) -> String { recordings + "/" + StorePaths.recordingName(key) }

    /// The folder of a sidecar.
    func sidecar(_ key: SidecarKey) -> String { recording(key) + "/" + StorePaths.sidecarName(key) }

    static func recordingName(_ key: SidecarKey) -> String {
        let name = key.recordingPath.split(separator: "/").last.map(String.init) ?? "recording"
        return cut(name, to: longestName - 17) + "-" + Checksum.hex(Checksum.of(key.recordingPath))
    }

    static func sidecarName(_ key: SidecarKey) -> String {
        let texts = key.window.isEmpty ? [key.preprocessing] : [key.preprocessing, key.window]
        let name = (texts + (key.part.map { [String($0)] } ?? [])).joined(separator: "+")
        let plain = name.replacing("/", with: "_").replacing("\0", with: "_")
        guard plain != name || plain.utf8.count > longestName else { return plain }
        return cut(plain, to: longestName - 17) + "-" + Checksum.hex(Checksum.of(name))
    }

    /// The name of a removed sidecar's folder.
    static func removedName(_ folder: String, at time: Int64) -> String {
        let parts = folder.split(separator: "/").suffix(2)
        let name = "\(StoreTime.name(time))-\(parts.joined(separator: "-"))"
        guard name.utf8.count > longestName else { return name }
        return cut(name, to: longestName - 17) + "-" + Checksum.hex(Checksum.of(name))
    }

    /// The first characters of `name` that have at most `bytes` bytes.
    private static func cut(_ name: String, to bytes: Int) -> String {
        var name = name
        while name.utf8.count > bytes { name.removeLast() }
        return name
    }
}

/// Where things are in a sidecar's folder.
struct SidecarPaths: Sendable, Hashable {
    let folder: String

    var current: String { folder + "/current" }
    var newCurrent: String { folder + "/current.new" }
    var manifest: String { folder + "/manifest.json" }
    var commits: String { folder + "/commits" }
    var data: String { folder + "/data" }
    var session: String { folder + "/session" }
    var torn: String { folder + "/torn" }
    var lock: String { folder + "/lock" }
    /// Why a removed sidecar was removed.
    var reason: String { folder + "/reason.txt" }

    func commit(_ number: Int) -> String { "\(commits)/\(number)" }
    func data(_ number: Int64) -> String { "\(data)/\(number)" }
}

extension SidecarPaths {
    /// Whether a folder without `current` had one: the first commit may have been interrupted before it counted, but
    /// once one counted there is a manifest.
    func wasCommitted(_ calls: any StorageCalls) throws(SidecarError) -> Bool {
        if try calls.isThere(manifest) { return true }
        return try calls.numbers(commits).count > 1
    }

    /// The last of the kept states.
    func lastCommit(_ calls: any StorageCalls) -> Int? { ((try? calls.numbers(commits)) ?? []).last }
}

/// Where things are in the folder of a session, open or torn.
struct SessionPaths: Sendable, Hashable {
    let folder: String

    var data: String { folder + "/data" }
    var map: String { folder + "/map" }
    var header: String { folder + "/base.json" }
    var reason: String { folder + "/reason.txt" }
}
