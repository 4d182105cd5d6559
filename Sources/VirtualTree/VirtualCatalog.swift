// The tree of virtual files over a directory of recordings, asked by path: the core that a mount and a server are on
// top of.

import Files
import Foundation
import FrameStore
import Logging
import Recordings
import SidecarStore
import Synchronization
import Tensors

/// Shows every recording of a source folder as an HDF5 file per preprocessing and window:
/// `/<preprocessing>[,key=value]/<window>[,key=value]/<path below the source>/<name>.h5`.
///
/// It knows names and contents and neither numbers nor handles. All calls may come from many threads at once and may
/// block on a scan or a computation.
public final class VirtualCatalog: Sendable {
    struct UsedNames {
        var preprocessings: Set<String> = []
        var windows: [String: Set<String>] = [:]
    }

    /// What a mount on top of this has open; the status tells it.
    struct Openings: Sendable {
        var files = 0
        /// Paths of files that are open for writing.
        var writing: [String] = []
    }

    static let controlName = ".evh5"
    static let statusName = "status.json"

    let source: SourceTree
    let options: Options
    let logger: Logger
    let registry: PreprocessingRegistry
    let indexes: IndexStore
    let catalog: RecordingCatalog
    let views: FolderViews
    let frames: FrameStore
    let library: FileLibrary
    let sidecars: Sidecars
    let labels = LabelSizes()
    let rvtSequences: RVTSequences
    let notShown: NotShown
    let scanAhead: ScanAhead
    let slow: SlowWork
    let used = Mutex(UsedNames())
    let openings = Mutex<(@Sendable () -> Openings)?>(nil)
    /// Documents that somebody holds.
    let documents = Atomic(0)
    let cores = ProcessInfo.processInfo.activeProcessorCount
    /// When it began, ns since 1970; also the time stamp of folders that exist only here.
    let started = FileTime.now()

    /// - Throws: `FileSystemError` when `path` is no readable directory.
    public init(
        source path: String, options: Options, registry: PreprocessingRegistry = .standard, logger: Logger
    ) throws(FileSystemError) {
        do throws(FileError) {
            source = try SourceTree(
                path: path, mayLeave: options.linksMayLeaveSource, mountPoint: options.mountPoint,
                shown: options.shown)
        } catch {
            throw FileSystemError(error.errno, error.message, cause: error)
        }
        self.options = options
        self.logger = logger
        self.registry = registry
        notShown = NotShown(logger)
        views = FolderViews(source: source) { path, count in
            let names = count == 1 ? "a name in folder '\(path)' is" : "\(count) names in folder '\(path)' are"
            logger.warning("\(names) not UTF-8 and not shown; rename \(count == 1 ? "it" : "them")")
        }
        sidecars = Sidecars(options, logger)
        rvtSequences = RVTSequences(source: source, logger: logger)
        slow = SlowWork(logger)
        frames = FrameStore(
            memoryTarget: options.memoryTarget, disk: VirtualCatalog.diskCache(options, logger))
        let complaints = RareComplaints(logger)
        let notices = RecordingNotices(logger)
        indexes = IndexStore(
            directory: options.cacheDirectory, onProblem: { complaints.say("cache: \($0)") },
            onIndex: { notices.look(at: $0, $1) })
        catalog = RecordingCatalog(source: source, rules: options.recordingRules, indexes: indexes)
        scanAhead = ScanAhead(catalog, source)
        library = FileLibrary(
            source: source, catalog: catalog, indexes: indexes, frames: frames, programVersion: options.programVersion,
            logger: logger)
    }

    private static func diskCache(_ options: Options, _ logger: Logger) -> DiskCache? {
        guard let directory = options.cacheDirectory, options.maxCacheSize > 0 else { return nil }
        var disk = DiskCache.Options(directory: directory, limit: options.maxCacheSize)
        // Frames that wait longer may be pushed out of memory by others.
        disk.mostWaiting = options.memoryTarget / 2
        // Packing one takes as much memory again, which nothing else accounts for.
        disk.largestFrame = min(disk.largestFrame, options.memoryTarget / 8)
        return DiskCache(disk) { logger.warning("\($0)") }
    }

    /// Gives frames that wait to be stored on disk a little time; to be called when nobody reads any more.
    public func finish(seconds: Double = 5) {
        indexes.summaries.flush()
        if frames.disk?.flush(seconds: seconds) == false {
            logger.notice("not all frames could be stored in the cache within \(Int(seconds)) s")
        }
    }

    // MARK: Paths

    /// The location at a path and whether links led there: names separated by one slash each, none at the ends; "" is
    /// the root.
    ///
    /// - Throws: `FileSystemError` with ENOENT and the reason.
    func locate(_ path: String) throws(FileSystemError) -> Location {
        var location = Location.root
        var names = try VirtualCatalog.names(in: path)[...]
        var links = 0
        while let name = names.popFirst() {
            let found = try place(of: name, in: location)
            guard case .link(let target) = found else {
                location = Location(key: join(location.key, name), place: found)
                continue
            }
            links += 1
            guard links <= 8 else { throw FileSystemError(ELOOP, "'\(path)' leads through too many links") }
            // Links of the tree are relative and stay in it; the way begins again at the root.
            var way = location.key.split(separator: "/").map(String.init)
            for step in target.split(separator: "/") {
                if step == ".." { _ = way.popLast() } else { way.append(String(step)) }
            }
            names = (way + names)[...]
            location = .root
        }
        return location
    }

    /// A path's names, none of which can lead anywhere but down.
    static func names(in path: String) throws(FileSystemError) -> [String] {
        guard !path.isEmpty else { return [] }
        let names = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        for name in names where name.isEmpty || name == "." || name == ".." || name.utf8.contains(0) {
            throw FileSystemError(ENOENT, "'\(path)' is no path of names separated by single slashes", level: .info)
        }
        return names
    }
}
