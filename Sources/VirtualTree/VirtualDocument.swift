// Files and folders of the tree as who asks by path gets them.

import CXXHash
import Files
import Foundation
import Synchronization

/// What a path names.
public struct VirtualName: Sendable, Hashable {
    public enum Kind: String, Sendable { case folder, file, link }
    /// The canonical path, without links: "histo/50ms/train/a.h5"; "" is the root.
    public let path: String
    public let kind: Kind
}

/// One name of a folder.
public struct VirtualEntry: Sendable, Hashable {
    public let name: String
    public let kind: VirtualName.Kind
    /// Bytes; nil for what is no file, and where that is not known without a scan.
    public let size: Int64?
    /// Nanoseconds since 1970; nil where that is not known without a scan.
    public let modified: Int64?
}

/// A folder as it was when it was asked for. It may have a million names; what an entry says is made when it is asked.
public struct VirtualFolder: Sendable {
    /// Canonical.
    public let path: String
    /// Nanoseconds since 1970.
    public let modified: Int64
    private let listing: Listing
    private let catalog: VirtualCatalog

    init(_ path: String, modified: Int64, _ listing: Listing, _ catalog: VirtualCatalog) {
        (self.path, self.modified, self.listing, self.catalog) = (path, modified, listing, catalog)
    }

    /// How many names there were.
    public var count: Int { listing.count }

    /// The entry number `i`; nil when it has gone since.
    public func entry(_ i: Int) -> VirtualEntry? {
        guard let item = listing[i] else { return nil }
        let facts = item.place.flatMap { catalog.factsWithoutWork(Location(key: item.key, place: $0)) }
        let kind = VirtualName.Kind(item.kind)
        return VirtualEntry(
            name: item.name, kind: kind, size: kind == .file ? facts?.size : nil, modified: facts?.modified)
    }

    public var entries: some Sequence<VirtualEntry> { (0..<count).lazy.compactMap { entry($0) } }
}

/// A file as it was when it was asked for, whatever becomes of it.
public final class VirtualDocument: Sendable {
    /// Canonical.
    public let path: String
    /// Bytes.
    public let size: Int64
    /// Nanoseconds since 1970.
    public let modified: Int64
    /// Equal only for equal bytes of one path: another one when the recording, the list that windows are at, what was
    /// added, or the program is another. Printable ASCII without quotes.
    public let version: String
    let content: Snapshot
    private let catalog: VirtualCatalog

    init(
        _ path: String, size: Int64, modified: Int64, version: String, _ content: Snapshot, _ catalog: VirtualCatalog
    ) {
        (self.path, self.size, self.modified, self.version) = (path, size, modified, version)
        (self.content, self.catalog) = (content, catalog)
        catalog.documents.add(1, ordering: .relaxed)
    }

    deinit { catalog.documents.subtract(1, ordering: .relaxed) }

    /// The bytes in `range`, cut at the end. May block on a computation.
    ///
    /// Reads that go forward have what comes next computed meanwhile, so a document should be one reader's.
    public func read(_ range: Range<Int64>) throws(FileSystemError) -> ReadResult {
        let range = range.clamped(to: 0..<size)
        return try catalog.read(content, offset: range.lowerBound, size: range.count)
    }
}

extension VirtualCatalog {
    /// What `path` names, links followed. Costs no scan.
    ///
    /// - Throws: `FileSystemError` with ENOENT and the reason.
    public func look(at path: String) throws(FileSystemError) -> VirtualName {
        let location = try locate(path)
        return VirtualName(path: location.key, kind: location.place.isFolder ? .folder : .file)
    }

    /// The file at `path`, links followed; scans the recording if it is new.
    ///
    /// - Throws: `FileSystemError` with ENOENT and the reason, EISDIR for a folder.
    public func file(at path: String) throws(FileSystemError) -> VirtualDocument {
        let location = try locate(path)
        let (content, version) = try open(location)
        noteUse(location.place)
        let size: Int64
        var modified = started
        switch content {
        case .recording(let file, _, let added):
            size = added?.size ?? file.layout.size
            modified = max(
                file.recording.status.modified, file.list?.status.modified ?? .min, added?.committedAt ?? .min)
        case .file(let file):
            do { size = try file.status().size } catch { throw FileLibrary.explain(error, file.path) }
        case .bytes(let bytes): size = Int64(bytes.count)
        }
        if case .recording = content {} else { modified = version?.source.modified ?? FileTime.now() }
        return VirtualDocument(
            location.key, size: size, modified: modified, version: text(version, size, content), content, self)
    }

    /// - Throws: `FileSystemError` with ENOENT and the reason, ENOTDIR for a file.
    public func folder(at path: String) throws(FileSystemError) -> VirtualFolder {
        let location = try locate(path)
        let facts = try facts(location)
        return VirtualFolder(location.key, modified: facts.modified, try list(location), self)
    }

    /// A version that is the same after a restart.
    private func text(_ version: ContentVersion?, _ size: Int64, _ content: Snapshot) -> String {
        guard let version else { return UUID().uuidString }
        let source = version.source
        var own = ""
        if case .recording(let file, _, _) = content { own = file.ownVersion ?? "" }
        let facts: [any CustomStringConvertible] = [
            source.device, source.inode, source.size, source.modified, version.list ?? 0, version.commit,
            version.committedAt, size, options.programVersion, own,
        ]
        let bytes = Array(facts.map(\.description).joined(separator: "|").utf8)
        let hash = bytes.withUnsafeBytes { XXH3_128bits($0.baseAddress, $0.count) }
        return String(hash.high64, radix: 36) + String(hash.low64, radix: 36)
    }
}

extension Place {
    var isFolder: Bool {
        switch self {
        case .root, .control, .preprocessing, .folder: true
        case .status, .link, .recording, .companion, .labels: false
        case .rvt(.file): false
        case .rvt: true
        }
    }
}

extension VirtualName.Kind {
    init(_ kind: Attributes.Kind) {
        self =
            switch kind {
            case .directory: .folder
            case .regular: .file
            case .symbolicLink: .link
            }
    }
}
