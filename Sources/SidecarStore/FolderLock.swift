// The lock of a sidecar's folder: one process at a time changes it. The kernel frees it when its holder dies.

import Files
import Foundation

/// The lock of a folder, held until the last reference goes.
final class FolderLock: Sendable {
    /// What a lock is taken for.
    enum Purpose: String, Codable, Sendable {
        /// A file is open for writing, for as long as its user likes.
        case writing
        /// The store sees to something, and is done soon.
        case maintenance
    }

    /// Who holds a lock, for the messages of others. What tells whether it is held is flock, not this.
    struct Holder: Codable, Sendable, CustomStringConvertible {
        var host: String
        var process: Int32
        var since: String
        var purpose: Purpose

        var description: String { "process \(process) on \(host), since \(since)" }

        static func read(_ path: String, _ calls: any StorageCalls) -> Holder? {
            guard let bytes = try? calls.bytes(path) else { return nil }
            return try? JSONText.decode(Holder.self, bytes, path)
        }
    }

    /// The lock itself.
    private final class Held: Sendable {
        let file: StorageFile

        init(_ file: StorageFile) { self.file = file }

        /// Closing alone would not do: a child that is being started has a copy of the descriptor until it runs its
        /// program.
        deinit { flock(file.descriptor, LOCK_UN) }
    }

    let folder: String
    private let held: Held

    private init(_ folder: String, _ held: Held) {
        self.folder = folder
        self.held = held
    }

    /// The same lock after the folder was renamed.
    func moved(to folder: String) -> FolderLock { FolderLock(folder, held) }

    /// Takes the lock of the folder, which is there.
    ///
    /// - Parameter patience: seconds to wait for somebody who holds it for maintenance.
    /// - Throws: `.notFound` when the folder is not there, `.busy`, `.io`.
    static func take(
        _ folder: String, for purpose: Purpose, what: String, patience: Double = 120, _ calls: any StorageCalls
    ) throws(SidecarError) -> FolderLock {
        let path = SidecarPaths(folder: folder).lock
        let deadline = StoreTime.now() + Int64(patience * 1e9)
        // Who only looks whether somebody has the lock, or just left, has it for a moment.
        var looks = 5
        while true {
            let file: StorageFile
            do throws(SidecarError) { file = try StorageFile(path, O_RDWR | O_CREAT, calls) } catch {
                guard error.errno == ENOENT else { throw error }
                throw SidecarError(.notFound, "'\(folder)' is not there", cause: error)
            }
            if try file.lock() {
                // The file may have been removed, or have moved along with its folder, before the lock was taken.
                let held = Held(file)
                let status = try file.status()
                guard let here = try calls.statusIfThere(path), here.inode == status.inode,
                    here.device == status.device
                else { continue }
                let lock = FolderLock(folder, held)
                lock.sign(purpose)
                return lock
            }
            let holder = Holder.read(path, calls)
            looks -= 1
            guard looks > 0 || (holder?.purpose == .maintenance && StoreTime.now() < deadline) else {
                throw busy(what, holder)
            }
            usleep(looks > 0 ? 2000 : 20_000)
        }
    }

    static func busy(_ what: String, _ holder: Holder?) -> SidecarError {
        let who = holder.map { " by \($0)" } ?? ""
        return SidecarError(
            .busy, "\(what) is open for writing\(who): one at a time can write, try again when it was closed")
    }

    /// Writes down who has the lock; that fails without harm.
    private func sign(_ purpose: Purpose) {
        let holder = Holder(
            host: FolderLock.host, process: getpid(), since: StoreTime.text(StoreTime.now()), purpose: purpose)
        do throws(SidecarError) {
            let bytes = Array((try JSONText.encode(holder, pretty: false) + "\n").utf8)
            try held.file.truncate(to: 0)
            try held.file.write(bytes)
        } catch { return }
    }

    static let host: String = {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "this host" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }()

    /// Who holds the lock of a folder now; nil when nobody does, or it cannot be found out.
    static func holder(_ folder: String, _ calls: any StorageCalls) -> Holder? {
        let path = SidecarPaths(folder: folder).lock
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK else { return nil }
        return Holder.read(path, calls)
    }
}
