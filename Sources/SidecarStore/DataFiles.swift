// The data files of a sidecar that are open, shared between its states.

import Files
import Foundation
import Synchronization

/// Opens data files; one that a living state has open is not opened again.
final class DataFiles: Sendable {
    private struct Weak: Sendable {
        weak var file: StorageFile?
        let device: UInt64
        let inode: UInt64
    }

    let folder: String
    private let calls: any StorageCalls
    private let open = Mutex<[Int64: Weak]>([:])

    init(folder: String, _ calls: any StorageCalls) {
        self.folder = folder
        self.calls = calls
    }

    /// All data files of a state, by their numbers.
    ///
    /// - Throws: `.outdated` when the folder no longer has this state, `.damaged`, `.io`.
    func files(of head: CommitHead) throws(SidecarError) -> [Int64: StorageFile] {
        var files: [Int64: StorageFile] = [:]
        for record in head.files {
            do throws(SidecarError) {
                let file = try file(record.number)
                guard try file.size() >= record.length else {
                    throw SidecarFormat.damaged(file.path, "it is shorter than \(record.length) bytes")
                }
                files[record.number] = file
            } catch {
                guard error.saysMissing else { throw error }
                if try !isKept(head) { throw outdated(head) }
                throw SidecarFormat.damaged(SidecarPaths(folder: folder).data(record.number), "it is missing")
            }
        }
        // Another folder may have taken this one's place meanwhile, with files of the same names.
        guard try isKept(head) else { throw outdated(head) }
        return files
    }

    private func file(_ number: Int64) throws(SidecarError) -> StorageFile {
        let file = try StorageFile(SidecarPaths(folder: folder).data(number), O_RDONLY | O_NONBLOCK, calls)
        let status = try file.status()
        return open.withLock { open in
            if let known = open[number], known.device == status.device, known.inode == status.inode,
                let shared = known.file
            {
                return shared
            }
            open[number] = Weak(file: file, device: status.device, inode: status.inode)
            return file
        }
    }

    private func isKept(_ head: CommitHead) throws(SidecarError) -> Bool {
        try CommittedState.readHead(SidecarPaths(folder: folder).commit(head.number), calls)?.identity == head.identity
    }

    private func outdated(_ head: CommitHead) -> SidecarError {
        SidecarError(.outdated, "state \(head.number) in '\(folder)' is no longer kept: open the file again")
    }
}
