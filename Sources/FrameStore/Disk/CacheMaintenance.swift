// What can be done with a cache's folder from outside, also while daemons use it.

import Files
import Foundation

/// The frames and time indexes kept in a cache's folder.
public struct CacheMaintenance: Sendable {
    /// What is in a cache. Bytes are those on disk, to whole blocks.
    public struct Contents: Codable, Sendable, Hashable {
        public var directory = ""
        public var frames = 0
        public var frameBytes: Int64 = 0
        /// Tensors that have frames there: a recording under a specification.
        public var tensors = 0
        public var indexes = 0
        /// Also of where frames of a count and a period end.
        public var indexBytes: Int64 = 0
        /// Folders of recordings whose summaries are there, with the indexes of short recordings.
        public var summaries = 0
        public var summaryBytes: Int64 = 0
        /// When the frame used least recently was last noted to be used, s since 1970.
        public var oldestUse: Double?
    }

    /// What became of checking or clearing a cache.
    public struct Outcome: Codable, Sendable, Hashable {
        /// Files that were looked at, and their bytes.
        public var checked = 0
        public var bytes: Int64 = 0
        /// Entries that are damaged or in a wrong place.
        public var corrupt = 0
        public var removed = 0
        public var removedBytes: Int64 = 0
        /// Why files could not be read or removed, the first few of them.
        public var problems: [String] = []

        mutating func note(_ error: FileError) { if problems.count < 10 { problems.append(error.message) } }
    }

    private let directory: String
    private var frames: String { CacheFolder.frames(directory) }

    public init(directory: String) { self.directory = directory }

    /// - Throws: `FileError` when the folder is there and cannot be read; one that is not there is empty.
    public func contents() throws(FileError) -> Contents {
        let listing = try list()
        let indexes = try files(endingIn: ".evh5index")
        let cuts = try files(endingIn: ".evh5cuts")
        let summaries = try files(endingIn: ".evh5summary")
        var contents = Contents()
        contents.directory = directory
        contents.frames = listing.entries.count
        contents.frameBytes = listing.bytes
        contents.tensors = Set(listing.entries.compactMap(\.key)).count
        contents.indexes = indexes.count
        contents.indexBytes = (indexes + cuts).reduce(0) { $0.saturating(adding: $1.bytes) }
        contents.summaries = summaries.count
        contents.summaryBytes = summaries.reduce(0) { $0.saturating(adding: $1.bytes) }
        contents.oldestUse = listing.entries.map(\.used).min().map { Double($0) / 1e9 }
        return contents
    }

    /// Removes all frames, time indexes and summaries, and what unfinished writers left behind.
    public func clear() throws(FileError) -> Outcome {
        let listing = try list()
        var outcome = Outcome()
        for path in listing.leftovers { unlink(path) }
        let kept = try files(endingIn: ".evh5index") + files(endingIn: ".evh5summary") + files(endingIn: ".evh5cuts")
        for file in listing.entries + kept {
            outcome.checked += 1
            outcome.bytes = outcome.bytes.saturating(adding: file.bytes)
            remove(file, &outcome)
        }
        return outcome
    }

    /// Reads every frame, and removes those that are damaged. `progress` is told the bytes done and the bytes of all.
    public func verify(progress: (Int64, Int64) -> Void) throws(FileError) -> Outcome {
        let listing = try list()
        let total = listing.bytes
        let memory = ScratchPool()
        var outcome = Outcome()
        for file in listing.entries {
            progress(outcome.bytes, total)
            outcome.checked += 1
            outcome.bytes = outcome.bytes.saturating(adding: file.bytes)
            do throws(FileError) {
                guard try !EntryFile.isWhole(file.path, in: frames, memory: memory) else { continue }
                outcome.corrupt += 1
                remove(file, &outcome)
            } catch  where error.errno == ENOENT {
                continue  // evicted meanwhile
            } catch { outcome.note(error) }
        }
        return outcome
    }

    private func remove(_ file: CachedFile, _ outcome: inout Outcome) {
        if unlink(file.path) == 0 {
            outcome.removed += 1
            outcome.removedBytes = outcome.removedBytes.saturating(adding: file.bytes)
        } else if errno != ENOENT {
            outcome.note(FileError.current("remove", file.path))
        }
    }

    private func list() throws(FileError) -> CacheListing {
        let listing = CacheFolder.list(frames)
        if let problem = listing.problem { throw problem }
        return listing
    }

    /// Files beside the frames.
    private func files(endingIn suffix: String) throws(FileError) -> [CachedFile] {
        var problem: FileError?
        let names = CacheFolder.names(directory, &problem)
        if let problem { throw problem }
        return names.filter { $0.hasSuffix(suffix) }.compactMap { name in
            let path = directory + "/" + name
            guard let status = try? FileStatus(path: path, followLink: false), status.kind == .regular else {
                return nil
            }
            return CachedFile(path: path, key: nil, bytes: CachedFile.cost(status.size), used: status.modified)
        }
    }
}
