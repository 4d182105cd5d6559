// What a name in a folder of the mount means: the path grammar applied to the source as it is.

import Datasets
import EventFiles
import Files
import Foundation
import Logging
import Recordings
import Tensors

extension VirtualCatalog {
    /// - Throws: `FileSystemError` with ENOENT and the reason, as for a specification that does not exist.
    func place(of name: String, in parent: Location) throws(FileSystemError) -> Place {
        switch parent.place {
        case .root:
            if name == VirtualCatalog.controlName { return .control }
            if let folder = options.folders.first(where: { $0.name == name }) { return .rvt(.dataset(folder)) }
            do {
                if EventsSpec.isMeant(by: name) {
                    let spec = try EventsSpec(name)
                    return spec.text == name ? .folder(SpecFolder(.events(spec), "")) : .link(target: spec.text)
                }
                let text = try PreprocessingSpec(name, registry: registry).text
                return text == name ? .preprocessing(text) : .link(target: text)
            } catch { throw noSpecification(name, error) }
        case .control:
            if name == VirtualCatalog.statusName { return .status }
            throw missing(name, parent)
        case .preprocessing(let preprocessing):
            do {
                let spec = try TensorSpec(preprocessing: preprocessing, window: name, registry: registry)
                return spec.windowText == name
                    ? .folder(SpecFolder(.tensor(spec), "")) : .link(target: spec.windowText)
            } catch { throw noSpecification(name, error) }
        case .folder(let folder):
            return try place(of: name, in: folder, parent, views.view(folder.path, for: name))
        case .rvt(let place): return try self.place(of: name, in: place, parent)
        default: throw FileSystemError(ENOTDIR, "'\(parent.key)' is not a folder", level: .debug)
        }
    }

    private func noSpecification(_ name: String, _ error: any Error) -> FileSystemError {
        // Desktops and shells probe for hidden names; those are not worth a warning.
        let level: Logger.Level = name.hasPrefix(".") && !name.contains("..") ? .debug : .warning
        return FileSystemError(ENOENT, "'\(name)' does not exist: \(error)", level: level, cause: error)
    }

    func missing(_ name: String, _ parent: Location) -> FileSystemError {
        // Programs look for files that may be there; nobody looks for names with "..".
        let level: Logger.Level = name.contains("..") ? .warning : .debug
        return FileSystemError(ENOENT, "'\(join(parent.key, name))' does not exist", level: level)
    }

    /// A name in a source folder, of which `view` is the content: recording, sub-folder, labels or companion, in this
    /// order.
    func place(
        of name: String, in folder: SpecFolder, _ parent: Location, _ view: FolderView
    ) throws(FileSystemError) -> Place {
        let (spec, path) = (folder.spec, folder.path)
        if let place = try recordingPlace(name, folder, view) { return place }
        if let place = labelPlace(name, path, spec, view) { return place }
        let inner = join(path, name)
        guard view.hasOther(name) else {
            if let own = ownName(name, folder, view) { return try otherPlace(own, folder, parent) }
            // Links that are refused or lead nowhere are not in the view: say why.
            do { _ = try source.status(inner) } catch {
                if error.errno != ENOENT || !name.contains("..") { throw error }
            }
            throw missing(name, parent)
        }
        return try otherPlace(name, folder, parent)
    }

    /// A sub-folder or companion of the source by its own name.
    private func otherPlace(
        _ name: String, _ folder: SpecFolder, _ parent: Location
    ) throws(FileSystemError) -> Place {
        let spec = folder.spec
        let inner = join(folder.path, name)
        let status = try source.status(inner)
        switch status.kind {
        case .directory: return .folder(SpecFolder(spec, inner))
        case .regular where !isCut(name, spec):
            guard status.size < options.companionSizeLimit else {
                throw FileSystemError(
                    ENOENT,
                    "'\(inner)' is not shown: \(status.size) bytes are not below companion-size-limit (\(options.companionSizeLimit))",
                    level: .info)
            }
            return .companion(path: inner)
        default: throw missing(name, parent)
        }
    }

    /// Whether the file is a label file that this specification shows cut instead of as it is.
    func isCut(_ name: String, _ spec: FileSpec) -> Bool {
        name.hasSuffix(RecordingName.labelSuffix) && (spec.startTime != 0 || spec.maxDuration != nil)
    }

    func isRecording(_ path: String) -> Bool { (try? catalog.geometry(path)) != nil }

    /// What the name of a file of the source that has the name of a tensor gets at its end: `a.h5` beside `a.raw` is
    /// shown as `a.h5.source`. It does not end in `.h5`, so that programs that read all such files read none twice.
    static let ownSuffix = ".source"

    /// The name that `name` of the source, which has the name of a tensor, is shown as.
    func shownOwnName(_ name: String, _ view: FolderView) -> String {
        var shown = name + VirtualCatalog.ownSuffix
        while view.hasOther(shown) { shown += VirtualCatalog.ownSuffix }
        return shown
    }

    /// The file of the source that is shown as `shown` because it has the name of a tensor.
    private func ownName(_ shown: String, _ folder: SpecFolder, _ view: FolderView) -> String? {
        var name = shown
        while name.hasSuffix(VirtualCatalog.ownSuffix) {
            name = String(name.dropLast(VirtualCatalog.ownSuffix.count))
            if view.hasOther(name), shownOwnName(name, view) == shown,
                ((try? recordingPlace(name, folder, view)) ?? nil) != nil
            {
                return name
            }
        }
        return nil
    }

    private func recordingPlace(
        _ name: String, _ folder: SpecFolder, _ view: FolderView
    ) throws(FileSystemError) -> Place? {
        let (spec, path) = (folder.spec, folder.path)
        guard name.hasSuffix(spec.suffix) else { return nil }
        var base = String(name.dropLast(spec.suffix.count))
        var part: Int?
        if spec.maxDuration != nil {
            guard let numbered = RecordingName.part(base) else { return nil }
            (base, part) = (numbered.base, numbered.part)
        }
        guard let number = view.names.recording(base, { isRecording(join(path, view.names[$0])) }) else {
            // One that could have been: its reason is worth a line, unless something else has the name.
            guard !view.hasOther(name) else { return nil }
            for i in view.names.indices(ofStem: base) { _ = try catalog.geometry(join(path, view.names[i])) }
            return nil
        }
        let file = view.names[number]
        let recordingPath = join(path, file)
        let geometry = try catalog.geometry(recordingPath)
        let resolved: FileSpec
        do { resolved = try spec.resolved(for: geometry) } catch {
            throw FileSystemError(ENOENT, "'\(recordingPath)': \(error)", level: .warning, cause: error)
        }
        guard resolved == spec else { return .link(target: link(from: path, to: resolved, name)) }
        return .recording(folder, file: file, part: part)
    }

    /// The relative link from a file in the folder `path` of one specification to the same file of another.
    private func link(from path: String, to spec: FileSpec, _ name: String) -> String {
        let depth = spec.components.count + path.split(separator: "/").count
        let up = String(repeating: "../", count: depth)
        return up + spec.text + "/" + join(path, name)
    }

    /// `<base>_bbox.npy` re-timed by start_ts, or `<base>_<part>_bbox.npy` cut to its part.
    private func labelPlace(_ name: String, _ path: String, _ spec: FileSpec, _ view: FolderView) -> Place? {
        guard isCut(name, spec) else { return nil }
        var base = String(name.dropLast(RecordingName.labelSuffix.count))
        var times = spec.startTime..<Int64.max
        if let duration = spec.maxDuration {
            guard let (whole, part) = RecordingName.part(base),
                let number = view.names.recording(whole, { isRecording(join(path, view.names[$0])) }),
                let parts = try? library.partCount(spec, path: join(path, view.names[number])), part < parts,
                let start = sum(spec.startTime, Int64(part), times: duration), let end = sum(start, 1, times: duration)
            else { return nil }
            base = whole
            times = start..<end
        }
        guard let file = view.labels(of: base) else { return nil }
        return .labels(path: join(path, file), times: times)
    }

    private func sum(_ start: Int64, _ count: Int64, times duration: Int64) -> Int64? {
        let (product, tooLarge) = count.multipliedReportingOverflow(by: duration)
        let (sum, overflow) = start.addingReportingOverflow(product)
        return tooLarge || overflow ? nil : sum
    }

    /// Remembers the names on the way to a file that somebody looked up, so that listings show them.
    func noteUse(_ place: Place) {
        guard case .recording(let folder, _, _) = place else { return }
        let (preprocessing, window) = folder.spec.sidecarNames
        used.withLock { used in
            // Scripts that try thousands of parameters shall not fill listings without end.
            guard used.preprocessings.count < 1000, used.windows[preprocessing, default: []].count < 1000 else {
                return
            }
            used.preprocessings.insert(preprocessing)
            used.windows[preprocessing, default: []].insert(window)
        }
    }
}
