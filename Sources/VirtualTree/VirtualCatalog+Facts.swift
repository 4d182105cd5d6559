// What `stat` shows of names.

import Files
import Foundation
import SidecarStore

/// What `stat` shows of a name, but for numbers, owners and permissions.
struct NameFacts: Sendable {
    var kind: Attributes.Kind = .regular
    /// Bytes.
    var size: Int64 = 0
    /// Bytes really held.
    var held: Int64 = 0
    /// Nanoseconds since 1970.
    var modified: Int64
    /// Whether something can be added.
    var isWritable = false
    /// Seconds for which the facts, and the name, may be believed.
    var validity: Double
    /// Which content they are of; nil where there is none, or another one each time.
    var version: ContentVersion?
}

extension VirtualCatalog {
    /// The facts of a name as its source is now.
    func facts(_ location: Location) throws(FileSystemError) -> NameFacts {
        // What depends on the name alone never changes; the rest follows the source.
        let forever = 86400.0
        switch location.place {
        case .root, .preprocessing, .control:
            return NameFacts(kind: .directory, modified: started, validity: forever)
        case .link(let target):
            // A link between files depends on the recording, one between folders on its name alone.
            return NameFacts(
                kind: .symbolicLink, size: Int64(target.utf8.count), modified: started,
                validity: target.contains("/") ? options.validity : forever)
        case .folder(let folder):
            let status = try source.status(folder.path)
            guard status.kind == .directory else {
                throw FileSystemError(ENOENT, "'\(folder.path)' is not a folder any more", level: .info)
            }
            return folderFacts(status)
        case .recording(let folder, let file, let part):
            let path = join(folder.path, file)
            if catalog.knownSummary(path) == nil, let view = try? views.view(folder.path, for: file) {
                scanAhead.willScan(file, in: folder.path, view)
            }
            let facts = try slow.timing("stat", location.key) { () throws(FileSystemError) in
                try library.facts(location.key, folder.spec, path: path, part: part)
            }
            switch try peek(facts, folder.spec, path, part) {
            case .none: return fileFacts(facts, nil)
            case .fits(let added): return fileFacts(facts, added)
            case .needsWork:
                return fileFacts(
                    facts, try sidecars.snapshot(library.open(location.key, folder.spec, path: path, part: part)))
            }
        case .companion(let path):
            let status = try source.status(path)
            return companionFacts(size: status.size, held: status.size, status)
        case .labels(let path, let times):
            let (size, status) = try labels.size(location.key, path, times, source)
            return companionFacts(size: size, held: 0, status)
        case .rvt(let place): return try facts(place)
        case .status:
            return NameFacts(size: Int64(statusText().count), modified: started, validity: 0)
        }
    }

    private func facts(_ place: RVTPlace) throws(FileSystemError) -> NameFacts {
        switch place {
        case .dataset(let folder): return folderFacts(try source.status(folder.path))
        case .split(let folder, let split): return folderFacts(try source.status(join(folder.path, split)))
        case .sequence(let sequence), .labels(let sequence), .representations(let sequence),
            .representation(let sequence, _):
            return folderFacts(try rvtSequences.facts(sequence).status)
        case .file(let sequence, let file):
            let facts = try rvtSequences.facts(sequence)
            return companionFacts(size: facts.sizes[file] ?? 0, held: 0, facts.status)
        }
    }

    /// What is known of a name without a scan, for listings, which must not read recordings; nil when that is nothing.
    func factsWithoutWork(_ location: Location) -> NameFacts? {
        switch location.place {
        case .recording(let folder, let file, let part):
            let path = join(folder.path, file)
            guard let facts = library.knownFacts(location.key, folder.spec, path: path, part: part),
                let added = try? peek(facts, folder.spec, path, part)
            else { return nil }
            switch added {
            case .none: return fileFacts(facts, nil)
            case .fits(let added): return fileFacts(facts, added)
            case .needsWork: return nil
            }
        case .labels: return nil
        default: return try? facts(location)
        }
    }

    /// What is known to have been added to a file, found without work.
    private func peek(
        _ facts: FileLibrary.Facts, _ spec: FileSpec, _ path: String, _ part: Int?
    ) throws(FileSystemError) -> SidecarLookup {
        guard sidecars.mayHaveAny else { return .none }
        return sidecars.peek(try library.sidecarKey(spec, path: path, part: part), facts.sidecarState)
    }

    private func fileFacts(_ facts: FileLibrary.Facts, _ added: SidecarSnapshot?) -> NameFacts {
        NameFacts(
            size: added?.size ?? facts.size,
            held: library.heldBytes(facts).saturating(adding: added?.heldBytes ?? 0),
            modified: max(facts.status.modified, facts.list?.status.modified ?? .min, added?.committedAt ?? .min),
            isWritable: true, validity: options.validity, version: ContentVersion(facts.status, facts.list, added))
    }

    private func folderFacts(_ status: FileStatus) -> NameFacts {
        NameFacts(kind: .directory, modified: status.modified, validity: options.validity)
    }

    /// Of a file that nobody may write.
    private func companionFacts(size: Int64, held: Int64, _ status: FileStatus) -> NameFacts {
        NameFacts(
            size: size, held: held, modified: status.modified, validity: options.validity,
            version: ContentVersion(status))
    }
}

extension ContentVersion {
    init(_ status: FileStatus, _ list: TimesList? = nil, _ added: SidecarSnapshot? = nil) {
        self.init(
            source: status, list: list?.times.digest, commit: added?.commit ?? 0, committedAt: added?.committedAt ?? 0)
    }
}
