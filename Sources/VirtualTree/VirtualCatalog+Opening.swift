// Files as one opening gives them.

import Files
import Foundation
import SidecarStore

/// A file's content: a snapshot of what the file was when it was opened.
enum Snapshot: Sendable {
    case recording(RecordingFile, ReadAhead, SidecarSnapshot?)
    case file(File)
    case bytes(HeldBytes)
}

extension VirtualCatalog {
    /// The content of a file, and which one it is; nil for what is different each time.
    ///
    /// - Throws: `FileSystemError` with EISDIR for a folder, EFBIG for a tensor of which memory cannot hold a frame.
    func open(_ location: Location) throws(FileSystemError) -> (content: Snapshot, version: ContentVersion?) {
        switch location.place {
        case .recording(let folder, let name, let part):
            let recording = try recording(location, folder, name, part)
            let added = try sidecars.opened(recording)
            return (
                .recording(recording, recording.readAhead(depth: cores), added),
                ContentVersion(recording.recording.status, recording.list, added)
            )
        case .companion(let path):
            let opened = try source.open(path)
            return (.file(opened), (try? opened.status()).map { ContentVersion($0) })
        case .labels(let path, let times):
            let cut = try labels.cut(path, times, source)
            return (.bytes(HeldBytes(cut.bytes)), ContentVersion(cut.status))
        case .rvt(.file(let sequence, let name)):
            let made = try rvtSequences.bytes(sequence, name)
            return (.bytes(HeldBytes(made.bytes)), ContentVersion(made.status))
        case .status: return (.bytes(HeldBytes(statusText())), nil)
        default: throw FileSystemError(EISDIR, "'\(location.key)' is a folder", level: .debug)
        }
    }

    /// A recording's file, of which at least one frame fits into memory.
    func recording(
        _ location: Location, _ folder: SpecFolder, _ name: String, _ part: Int?
    ) throws(FileSystemError) -> RecordingFile {
        let recording = try slow.timing("open", location.key) { () throws(FileSystemError) in
            try library.open(location.key, folder.spec, path: join(folder.path, name), part: part)
        }
        try recording.checkFits(frames, memoryTarget: options.memoryTarget)
        return recording
    }

    /// The `size` bytes from `offset` on, fewer only at the end.
    func read(_ content: Snapshot, offset: Int64, size: Int) throws(FileSystemError) -> ReadResult {
        guard offset >= 0, size > 0, !offset.addingReportingOverflow(Int64(size)).overflow else {
            return ReadResult(pieces: [])
        }
        switch content {
        case .recording(let recording, let readAhead, let added):
            return try read(recording, offset..<offset + Int64(size), readAhead, added)
        case .file(let file):
            do {
                let held = try HeldBytes(capacity: size) { try file.read(into: $0, at: offset) }
                return ReadResult(pieces: [held.piece(0..<size)])
            } catch { throw FileLibrary.explain(error, file.path) }
        case .bytes(let bytes):
            let start = Int(min(offset, Int64(bytes.count)))
            return ReadResult(pieces: [bytes.piece(start..<start + size)])
        }
    }

    func read(
        _ recording: RecordingFile, _ range: Range<Int64>, _ readAhead: ReadAhead, _ added: (any AddedBytes)?
    ) throws(FileSystemError) -> ReadResult {
        do {
            return try slow.timing(
                "read", "\(recording.spec.text)/\(recording.path)"
            ) {
                ReadResult(pieces: try recording.read(range, from: frames, readAhead, added))
            }
        } catch {
            throw FileLibrary.explain(error, recording.path)
        }
    }
}
