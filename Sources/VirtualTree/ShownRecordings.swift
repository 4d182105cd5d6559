// Recordings as somebody sees them who looks through the source, before a preprocessing is chosen.

import Datasets
import Files
import Foundation
import Recordings

/// A recording that is shown, and what is known of it without a scan.
public struct ShownRecording: Sendable {
    /// Below the source.
    public let path: String
    /// Of its files below a folder of a specification, without suffix.
    public let shownPath: String
    public let geometry: Geometry
    /// Bytes.
    public let size: Int64
    /// What its header or a scan said; nil when it was not kept.
    public let summary: RecordingSummary?
}

/// A folder of the source.
public struct ShownFolder: Sendable {
    /// Names.
    public let folders: [String]
    public let recordings: [ShownRecording]
    /// Whether there are more.
    public let hasMore: Bool
    /// Files with names of recordings that are not shown, and why; of many the first few.
    public let notShown: [MountStatus.NotShownReason]
}

/// A recording with its index.
public struct ScannedRecording: Sendable {
    public let path: String
    /// See `ShownRecording`.
    public let shownPath: String
    public let recording: Recording
    public let index: TimeIndex
}

extension VirtualCatalog {
    /// What is in the folder `path` of the source; reads headers that are not known yet, and scans nothing.
    ///
    /// - Parameter limit: recordings at most.
    public func shown(in path: String, limit: Int) throws(FileSystemError) -> ShownFolder {
        _ = try VirtualCatalog.names(in: path)
        let view = try views.view(path)
        let listed = catalog.list(view.names, in: path)
        notShown.note(path, listed)
        var recordings: [ShownRecording] = []
        var hasMore = false
        for i in 0..<view.names.count where listed.isShown(i) {
            guard recordings.count < limit else {
                hasMore = true
                break
            }
            // What has gone since is not there.
            guard let known = catalog.known(join(path, view.names[i])) else { continue }
            recordings.append(
                ShownRecording(
                    path: join(path, view.names[i]),
                    shownPath: join(path, view.names.shownName(i, listed.isShown)),
                    geometry: ListedRecordings.geometry(listed.geometries[i]), size: known.status.size,
                    summary: known.summary))
        }
        return ShownFolder(
            folders: (0..<view.folders.count).map { view.folders[$0] }, recordings: recordings, hasMore: hasMore,
            notShown: listed.reasons)
    }

    /// Recordings whose paths have `text` in them, in any case.
    ///
    /// - Parameters:
    ///   - limit: recordings at most.
    ///   - patience: no folder is looked into after this time.
    /// - Returns: and whether there may be more.
    public func search(
        _ text: String, limit: Int, patience: Duration = .seconds(3)
    ) throws(FileSystemError) -> (recordings: [ShownRecording], hasMore: Bool) {
        let wanted = text.lowercased()
        let end = ContinuousClock.now + patience
        var found: [ShownRecording] = []
        // Links may lead in circles.
        var seen: Set<FolderIdentity> = []
        var waiting = [""]
        while let folder = waiting.popLast() {
            guard ContinuousClock.now < end else { return (found, true) }
            guard let status = try? source.status(folder), seen.insert(FolderIdentity(status)).inserted,
                let view = try? views.view(folder)
            else { continue }
            for i in 0..<view.names.count where join(folder, view.names[i]).lowercased().contains(wanted) {
                guard let recording = shown(i, in: folder, view) else { continue }
                guard found.count < limit else { return (found, true) }
                found.append(recording)
            }
            waiting += (0..<view.folders.count).reversed().map { join(folder, view.folders[$0]) }
        }
        return (found, false)
    }

    private struct FolderIdentity: Hashable {
        let device: UInt64
        let inode: UInt64

        init(_ status: FileStatus) { (device, inode) = (status.device, status.inode) }
    }

    private func shown(_ i: Int, in folder: String, _ view: FolderView) -> ShownRecording? {
        let path = join(folder, view.names[i])
        guard let geometry = try? catalog.geometry(path), let known = catalog.known(path) else { return nil }
        return ShownRecording(
            path: path, shownPath: shownPath(i, in: folder, view), geometry: geometry, size: known.status.size,
            summary: known.summary)
    }

    private func shownPath(_ i: Int, in folder: String, _ view: FolderView) -> String {
        join(folder, view.names.shownName(i) { isRecording(join(folder, view.names[$0])) })
    }

    /// The recording at `path` of the source with its index; scans it if it is new.
    ///
    /// - Throws: `FileSystemError` with ENOENT when there is none.
    public func scanned(_ path: String) throws(FileSystemError) -> ScannedRecording {
        let (folder, i, view) = try place(ofRecording: path)
        let recording = try catalog.open(path)
        let index: TimeIndex
        do throws(RecordingError) { index = try indexes.index(of: recording) } catch {
            throw FileLibrary.explain(error, path)
        }
        recording.letGo()
        return ScannedRecording(
            path: path, shownPath: shownPath(i, in: folder, view), recording: recording, index: index)
    }

    private func place(ofRecording path: String) throws(FileSystemError) -> (String, Int, FolderView) {
        guard !(try VirtualCatalog.names(in: path)).isEmpty else {
            throw FileSystemError(ENOENT, "give path=, a recording below the source", level: .info)
        }
        let (folder, name) = split(path)
        let view = try views.view(folder, for: name)
        guard let i = view.names.index(of: name) else {
            throw FileSystemError(ENOENT, "there is no recording '\(path)'", level: .info)
        }
        return (folder, i, view)
    }

    // MARK: Companions

    /// Bytes of a small file.
    public struct ShownFile: Sendable {
        /// Below the source.
        public let path: String
        /// Another one for other contents.
        public let version: String
        public let bytes: [UInt8]
    }

    /// The label file of the recording at `path` of the source, as it is there; nil without one.
    ///
    /// - Parameters:
    ///   - limit: a file of more bytes is refused with EFBIG.
    ///   - known: the version that the caller has; its bytes are not read again and left out then.
    public func labels(
        of path: String, limit: Int64, known: String? = nil
    ) throws(FileSystemError) -> ShownFile? {
        let (folder, i, view) = try place(ofRecording: path)
        let base = split(shownPath(i, in: folder, view)).name
        guard let name = view.labels(of: base) else { return nil }
        return try file(join(folder, name), limit: limit, known: known)
    }

    /// The file called `name` in the folder of the source that the recording at `path` is in, or in the nearest above.
    ///
    /// - Throws: as `labels(of:limit:known:)`.
    public func nearest(
        _ name: String, to path: String, limit: Int64, known: String? = nil
    ) throws(FileSystemError) -> ShownFile? {
        var folder = try place(ofRecording: path).0
        while true {
            if let view = try? views.view(folder, for: name), view.files.contains(name) {
                return try file(join(folder, name), limit: limit, known: known)
            }
            guard !folder.isEmpty else { return nil }
            folder = split(folder).folder
        }
    }

    private func file(_ path: String, limit: Int64, known: String?) throws(FileSystemError) -> ShownFile {
        let file = try source.open(path)
        do throws(FileError) {
            let status = try file.status()
            let version = "\(path) \(status.device) \(status.inode) \(status.size) \(status.modified)"
            if version == known { return ShownFile(path: path, version: version, bytes: []) }
            guard status.kind == .regular, status.size <= limit else {
                throw FileError(errno: EFBIG, message: "'\(path)' has more than \(limit) bytes")
            }
            return ShownFile(path: path, version: version, bytes: try file.bytes(in: 0..<status.size))
        } catch { throw FileSystemError(error.errno, error.message, level: .info, cause: error) }
    }
}

extension RecordingCatalog {
    /// What is known of the recording at `path` without opening it; nil when there is no such file.
    func known(_ path: String) -> (status: FileStatus, summary: RecordingSummary?)? {
        guard let status = try? source.status(path) else { return nil }
        return (status, find(path, status))
    }
}
