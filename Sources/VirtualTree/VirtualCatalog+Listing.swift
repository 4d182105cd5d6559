// Listings: a folder's names are fixed when it is listed.

import Datasets
import EventFiles
import Files
import Foundation
import Recordings
import Tensors

/// A name of a listed folder.
struct Listed: Sendable {
    let name: String
    let key: String
    let kind: Attributes.Kind
    /// What the name is, where that was found out already.
    let place: Place?
}

/// A listed folder: its names, which stay the same as long as it is held. A folder of the source may have a million;
/// theirs are made when they are read.
struct Listing: Sendable {
    fileprivate let catalog: VirtualCatalog
    fileprivate let names: [Listed]
    /// After these.
    fileprivate let source: SourceListing?

    var count: Int { names.count + (source?.entries.count ?? 0) }

    /// The name number `i`; nil when it is not there any more.
    subscript(_ i: Int) -> Listed? {
        i < names.count ? names[i] : source.flatMap { catalog.listedItem(i - names.count, $0) }
    }
}

/// The names of a folder of the source under a specification.
struct SourceListing: Sendable {
    struct Entry: Sendable {
        enum Kind: UInt8, Sendable { case recording, link, labels, file, folder, ownFile, ownFolder }
        /// Of the recording, file or folder in the view.
        let number: Int32
        /// The part's, with max_duration.
        var part: Int32 = -1
        let kind: Kind
    }

    let location: Location
    let folder: SpecFolder
    let view: FolderView
    let recordings: ListedRecordings
    let entries: [Entry]
}

extension VirtualCatalog {
    /// What a folder shows now.
    ///
    /// - Throws: `FileSystemError` with ENOTDIR for what is no folder.
    func list(_ location: Location) throws(FileSystemError) -> Listing {
        library.dropOutdated()
        if case .folder(let folder) = location.place {
            return Listing(catalog: self, names: [], source: try list(folder, location))
        }
        return Listing(catalog: self, names: try names(in: location), source: nil)
    }

    private func names(in location: Location) throws(FileSystemError) -> [Listed] {
        func folders(_ names: some Sequence<String>) -> [Listed] {
            names.map { name in
                let place = try? place(of: name, in: location)
                return Listed(name: name, key: join(location.key, name), kind: .directory, place: place)
            }
        }
        switch location.place {
        case .root:
            let used = used.withLock { $0.preprocessings }
            let own = registry.names + [EventsSpec.head]
            return folders(own + used.subtracting(own).sorted() + options.folders.map(\.name))
        case .rvt(let place):
            return try names(in: place).map { name, kind in
                Listed(
                    name: name, key: join(location.key, name), kind: kind,
                    place: try? self.place(of: name, in: location))
            }
        case .preprocessing(let preprocessing):
            let configured = options.windows.compactMap {
                try? TensorSpec(preprocessing: preprocessing, window: $0, registry: registry).windowText
            }
            let used = used.withLock { $0.windows[preprocessing] ?? [] }
            return folders(configured + used.subtracting(configured).sorted())
        case .control:
            return [
                Listed(
                    name: VirtualCatalog.statusName, key: join(location.key, VirtualCatalog.statusName),
                    kind: .regular, place: .status)
            ]
        default: throw FileSystemError(ENOTDIR, "'\(location.key)' is not a folder", level: .debug)
        }
    }

    private func list(_ folder: SpecFolder, _ location: Location) throws(FileSystemError) -> SourceListing {
        let spec = folder.spec
        let view = try views.view(folder.path)
        let recordings = catalog.list(view.names, in: folder.path)
        notShown.note(folder.path, recordings)
        var entries: [SourceListing.Entry] = []
        entries.reserveCapacity(view.names.count + view.files.count + view.folders.count)
        var kinds: [UInt32: SourceListing.Entry.Kind?] = [:]
        for i in 0..<view.names.count where recordings.isShown(i) {
            let packed = recordings.geometries[i]
            if kinds[packed] == nil { kinds[packed] = kind(spec, ListedRecordings.geometry(packed)) }
            guard let kind = kinds[packed] ?? nil, view.hasTimes(spec, view.names[i]) else { continue }
            guard spec.maxDuration != nil else {
                entries.append(SourceListing.Entry(number: Int32(i), kind: kind))
                continue
            }
            let base = view.names.shownName(i, recordings.isShown)
            let hasLabels = view.labels(of: base) != nil
            for part in 0..<((try? library.partCount(spec, path: join(folder.path, view.names[i]))) ?? 0) {
                entries.append(SourceListing.Entry(number: Int32(i), part: Int32(part), kind: kind))
                if hasLabels { entries.append(SourceListing.Entry(number: Int32(i), part: Int32(part), kind: .labels)) }
            }
        }
        var renamed: [(own: String, shown: String)] = []
        for i in 0..<view.files.count { addOther(view.files[i], Int32(i), folder, location, view, &entries, &renamed) }
        // A link that leads back shows its name here and ELOOP when it is followed.
        for i in 0..<view.folders.count {
            let name = view.folders[i]
            let isTaken = isRecordingFile(name, folder, location, view)
            if isTaken { renamed.append((name, shownOwnName(name, view))) }
            entries.append(SourceListing.Entry(number: Int32(i), kind: isTaken ? .ownFolder : .folder))
        }
        notShown.noteRenamed(folder.path, renamed)
        return SourceListing(location: location, folder: folder, view: view, recordings: recordings, entries: entries)
    }

    /// Whether files of recordings of this geometry are there or links to those of another specification; nil when
    /// there are none.
    private func kind(_ spec: FileSpec, _ geometry: Geometry) -> SourceListing.Entry.Kind? {
        guard let resolved = try? spec.resolved(for: geometry) else { return nil }
        return resolved == spec ? .recording : .link
    }

    /// Whether `name` is that of a recording as HDF5.
    private func isRecordingFile(_ name: String, _ folder: SpecFolder, _ location: Location, _ view: FolderView) -> Bool
    {
        guard name.hasSuffix(folder.spec.suffix), let place = try? place(of: name, in: folder, location, view) else {
            return false
        }
        switch place {
        case .recording, .link: return true
        default: return false
        }
    }

    private func addOther(
        _ name: String, _ number: Int32, _ folder: SpecFolder, _ location: Location, _ view: FolderView,
        _ entries: inout [SourceListing.Entry], _ renamed: inout [(own: String, shown: String)]
    ) {
        let isTaken = isRecordingFile(name, folder, location, view)
        let shown = isTaken ? shownOwnName(name, view) : name
        guard let place = try? place(of: shown, in: folder, location, view) else { return }
        switch place {
        case .companion: entries.append(SourceListing.Entry(number: number, kind: isTaken ? .ownFile : .file))
        // With max_duration, those of parts are beside the parts.
        case .labels where folder.spec.maxDuration == nil:
            entries.append(SourceListing.Entry(number: number, kind: .file))
        default: break
        }
        if isTaken { renamed.append((name, shown)) }
    }

    /// The name number `i` of a listing; nil when it is not there any more.
    fileprivate func listedItem(_ i: Int, _ listing: SourceListing) -> Listed? {
        let entry = listing.entries[i]
        let number = Int(entry.number)
        let view = listing.view
        func item(_ name: String, _ kind: Attributes.Kind, _ place: Place?) -> Listed {
            Listed(name: name, key: join(listing.location.key, name), kind: kind, place: place)
        }
        func found(_ name: String) -> Place? { try? place(of: name, in: listing.folder, listing.location, view) }
        var base: String {
            let base = view.names.shownName(number, listing.recordings.isShown)
            return entry.part < 0 ? base : "\(base)_\(entry.part)"
        }
        switch entry.kind {
        case .recording:
            let part = entry.part < 0 ? nil : Int(entry.part)
            return item(
                base + listing.folder.spec.suffix, .regular,
                .recording(listing.folder, file: view.names[number], part: part))
        case .link:
            let name = base + listing.folder.spec.suffix
            return found(name).map { item(name, .symbolicLink, $0) }
        case .labels:
            let name = base + RecordingName.labelSuffix
            return found(name).map { item(name, .regular, $0) }
        case .file, .ownFile:
            let own = view.files[number]
            let name = entry.kind == .file ? own : shownOwnName(own, view)
            return found(name).map { item(name, .regular, $0) }
        case .folder, .ownFolder:
            let own = view.folders[number]
            let name = entry.kind == .folder ? own : shownOwnName(own, view)
            return item(name, .directory, found(name))
        }
    }
}
