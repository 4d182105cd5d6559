// What a store holds, as `evh5 sidecar list` shows it.

import Foundation

/// A sidecar in a store: in use, or removed. Times are ISO 8601 in UTC, bytes those on the disk unless said otherwise.
public struct SidecarEntry: Codable, Sendable, Hashable {
    /// A committed state that is kept.
    public struct Commit: Codable, Sendable, Hashable {
        public var commit: Int
        public var time: String
        /// Bytes of the virtual file.
        public var size: Int64
        /// Bytes that this state needs; states share files.
        public var heldBytes: Int64
        public var evh5Version: String
        public var note: String?
    }

    /// A session that was not committed.
    public struct Torn: Codable, Sendable, Hashable {
        /// The name to select it by: when it was put aside.
        public var name: String
        /// When it began.
        public var began: String?
        public var heldBytes: Int64
        public var reason: String
        /// The state it was to change; nil when it was the first.
        public var base: Int?
    }

    /// A sidecar that was removed, or set aside because it no longer fits its recording.
    public struct Removed: Codable, Sendable, Hashable {
        public var time: String
        public var reason: String
    }

    /// `<recording>/<preprocessing>+<window>` below the store's `recordings`, or a name below `removed`.
    public var name: String
    /// The folder's absolute path.
    public var folder: String
    /// Where the recording was when it was last written to; nil when that cannot be read.
    public var recording: String?
    public var preprocessing: String?
    public var window: String?
    public var part: Int?
    /// Bytes of the virtual file; nil when nothing is committed.
    public var size: Int64?
    /// Bytes of the whole folder.
    public var heldBytes: Int64
    /// The state that is shown.
    public var current: Int?
    /// Oldest first.
    public var commits: [Commit]
    /// Oldest first.
    public var torn: [Torn]
    public var removed: Removed?
    /// Who is writing to it now.
    public var inUse: String?
    /// Why it cannot be read.
    public var problem: String?

    public var key: SidecarKey? {
        guard let recording, let preprocessing, let window else { return nil }
        return SidecarKey(recordingPath: recording, preprocessing: preprocessing, window: window, part: part)
    }

    /// A state of a sidecar.
    public enum State: Sendable, Hashable, CustomStringConvertible {
        case current
        case commit(Int)
        /// A session that was not committed, over the state it was to change.
        case torn(String)

        public var description: String {
            switch self {
            case .current: "the current state"
            case .commit(let number): "state \(number)"
            case .torn(let name): "the torn session \(name)"
            }
        }
    }
}

extension SidecarEntry {
    /// Reads what is in the sidecar's folder; what cannot be read is left out, with the problem.
    init(_ folder: String, name: String, isRemoved: Bool, _ calls: any StorageCalls) {
        let paths = SidecarPaths(folder: folder)
        self.name = name
        self.folder = folder
        heldBytes = calls.heldBytes(folder)
        commits = []
        torn = []
        inUse = FolderLock.holder(folder, calls)?.description
        var info: CommitInfo?
        do throws(SidecarError) {
            if let head = try CommittedState.readHead(paths.current, calls) {
                info = head.info
                size = head.size
                current = head.number
            }
        } catch { problem = error.message }
        if current == nil, problem == nil, (try? paths.wasCommitted(calls)) == true, let last = paths.lastCommit(calls)
        {
            problem = "'\(paths.current)' is missing: `evh5 sidecar restore --state \(last)` brings it back"
        }
        if current != nil || problem != nil {
            for number in (try? calls.numbers(paths.commits)) ?? [] where number <= current ?? number {
                do throws(SidecarError) {
                    guard let head = try CommittedState.readHead(paths.commit(number), calls) else { continue }
                    info = info ?? head.info
                    commits.append(Commit(head))
                } catch { problem = problem ?? error.message }
            }
        }
        for name in (try? calls.names(paths.torn)) ?? [] {
            let session = SessionPaths(folder: paths.torn + "/" + name)
            let header = try? SessionHeader.read(session.header, calls)
            info = info ?? header?.info
            torn.append(Torn(name, session, header, calls))
        }
        if info == nil { info = (try? SessionHeader.read(SessionPaths(folder: paths.session).header, calls))?.info }
        if let key = info?.key {
            recording = key.recordingPath
            preprocessing = key.preprocessing
            window = key.window
            part = key.part
        }
        if isRemoved {
            removed = Removed(
                time: SidecarEntry.time(inName: name),
                reason: SidecarEntry.text(paths.reason, calls) ?? "it was removed")
        }
    }

    /// The time that a folder's name begins with, as it is shown.
    private static func time(inName name: String) -> String {
        let start = (name as NSString).lastPathComponent.prefix(20)
        return start.hasSuffix("Z") ? String(start).replacing(".", with: ":") : ""
    }

    fileprivate static func text(_ path: String, _ calls: any StorageCalls) -> String? {
        guard let bytes = try? calls.bytes(path) else { return nil }
        return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

extension SidecarEntry.Commit {
    init(_ head: CommitHead) {
        self.init(
            commit: head.number, time: StoreTime.text(head.info.committedAt), size: head.size,
            heldBytes: head.heldBytes, evh5Version: head.info.programVersion, note: head.info.note)
    }
}

extension SidecarEntry.Torn {
    fileprivate init(_ name: String, _ session: SessionPaths, _ header: SessionHeader?, _ calls: any StorageCalls) {
        self.init(
            name: name, began: header.map { StoreTime.text($0.startedAt) }, heldBytes: calls.heldBytes(session.folder),
            reason: SidecarEntry.text(session.reason, calls) ?? "unknown", base: header?.base)
    }
}
