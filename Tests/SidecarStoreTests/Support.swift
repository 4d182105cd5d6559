// Helpers of the store's tests: folders of their own, a recording with a store beside it, and a copy of either.

import Files
import Foundation
import SidecarFixture
import SidecarStore
import Synchronization

/// A folder that is removed with its last holder.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        // In memory where that can be: thousands of sessions sync several times each. With links resolved, as the store
        // has its paths.
        let folder = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : NSTemporaryDirectory()
        let base = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
        path = base + "/evh5-sidecar-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

func write(_ bytes: [UInt8], to path: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

func contents(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

func names(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
}

/// All files and folders below a folder, with the files' bytes.
func tree(_ folder: String) -> [String: [UInt8]] {
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return Dictionary(uniqueKeysWithValues: names.map { ($0, (try? contents(folder + "/" + $0)) ?? []) })
}

/// A recording and a store, in a folder of their own.
final class Place: Sendable {
    let folder: TemporaryFolder
    let helper = FixtureHelper()
    let messages = Mutex<[SidecarMessage]>([])
    var path: String { folder.path }
    var recording: String { path + "/recordings/a.raw" }
    var directory: String { path + "/store" }

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: path + "/recordings", withIntermediateDirectories: true)
        try write(pattern(100_000, 7), to: recording)
    }

    func store(_ calls: any StorageCalls = SystemCalls(), readOnly: Bool = false) -> SidecarStore {
        SidecarStore(directory: directory, readOnly: readOnly, helper: helper, calls: calls) { [weak self] message in
            self?.messages.withLock { $0.append(message) }
        }
    }

    func base(frames: Int = 3, window: String = "50ms", note: String = "x") throws -> SidecarBase {
        try SidecarFixture.base(recording, frames: frames, window: window, note: note)
    }

    var maintenance: SidecarMaintenance { SidecarMaintenance(directory: directory, helper: helper) }

    /// The sidecar's folder.
    func sidecar() throws -> String {
        let entry = try maintenance.list().first { $0.removed == nil }
        return try entry.map { $0.folder } ?? { throw Missing() }()
    }

    func said(_ level: SidecarMessage.Level) -> [String] {
        messages.withLock { $0.filter { $0.level == level }.map(\.text) }
    }

    struct Missing: Error {}
}

extension SidecarStore {
    /// What is committed, as plain bytes; nil when nothing is.
    func model(_ base: SidecarBase) throws -> FileModel? { try snapshot(base).map { try FileModel($0) } }

    /// One session that is committed.
    @discardableResult
    func session(_ base: SidecarBase, _ edits: [Edit]) throws -> SidecarSnapshot? {
        let writer = try openForWriting(base)
        defer { writer.close() }
        try writer.apply(edits)
        return try writer.commit(final: true)
    }
}

/// The error of the store that `body` throws; nil when it throws none.
func failure(_ body: () throws -> Void) throws -> SidecarError? {
    do {
        try body()
        return nil
    } catch let error as SidecarError {
        return error
    }
}
