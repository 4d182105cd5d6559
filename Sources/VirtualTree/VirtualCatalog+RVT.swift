// Names in folders as RVT's preprocessing makes them.

import Datasets
import Files
import Foundation
import Tensors

extension VirtualCatalog {
    /// What `name` in such a folder means.
    ///
    /// - Throws: `FileSystemError` with ENOENT and the reason.
    func place(of name: String, in place: RVTPlace, _ parent: Location) throws(FileSystemError) -> Place {
        switch place {
        case .dataset(let folder):
            guard RVTFolder.splits.contains(name),
                try source.status(join(folder.path, name)).kind == .directory
            else { throw missing(name, parent) }
            return .rvt(.split(folder, name))
        case .split(let folder, let split):
            return .rvt(.sequence(try sequence(name, folder, split)))
        case .sequence(let sequence):
            switch name {
            case RVTFolder.labelsName: return .rvt(.labels(sequence))
            case RVTFolder.representationsName: return .rvt(.representations(sequence))
            default: throw missing(name, parent)
            }
        case .labels(let sequence):
            guard let file = Self.labelFiles.first(where: { $0.name == name }) else { throw missing(name, parent) }
            return .rvt(.file(sequence, file))
        case .representations(let sequence):
            _ = try spec(name, sequence, parent)
            return .rvt(.representation(sequence, name))
        case .representation(let sequence, let representation):
            if let file = Self.representationFiles.first(where: { $0.name == name }) {
                return .rvt(.file(sequence, file))
            }
            guard name == RVTRepresentation.file(sequence.rule.dataset) else { throw missing(name, parent) }
            let spec = try spec(representation, sequence, parent)
            let up = String(repeating: "../", count: parent.key.split(separator: "/").count)
            return .link(target: up + spec.text + "/" + join(sequence.folder, sequence.base + spec.suffix))
        case .file:
            throw FileSystemError(ENOTDIR, "'\(parent.key)' is not a folder", level: .debug)
        }
    }

    private static let labelFiles: [RVTLabels.File] = [.labels, .frameTimes]
    private static let representationFiles: [RVTLabels.File] = [.windowEnds, .windowOfFrame]

    /// The names in such a folder.
    func names(in place: RVTPlace) throws(FileSystemError) -> [(name: String, kind: Attributes.Kind)] {
        switch place {
        case .dataset(let folder):
            return RVTFolder.splits.filter { split in
                (try? source.status(join(folder.path, split)).kind) == .directory
            }.map { ($0, .directory) }
        case .split(let folder, let split):
            return try sequences(folder, split).map { ($0, .directory) }
        case .sequence: return [(RVTFolder.representationsName, .directory), (RVTFolder.labelsName, .directory)]
        case .labels: return Self.labelFiles.map { ($0.name, .regular) }
        case .representations: return RVTRepresentation.usual.map { ($0, .directory) }
        case .representation(let sequence, _):
            return [(RVTRepresentation.file(sequence.rule.dataset), .symbolicLink)]
                + Self.representationFiles.map { ($0.name, .regular) }
        case .file(_, let file): throw FileSystemError(ENOTDIR, "'\(file.name)' is not a folder", level: .debug)
        }
    }

    /// The sequences that RVT's preprocessing makes of a split; what is not shown is said in the log.
    private func sequences(_ folder: RVTFolder, _ split: String) throws(FileSystemError) -> [String] {
        let path = join(folder.path, split)
        let view = try views.view(path)
        var (names, reasons): ([String], [String]) = ([], [])
        for i in 0..<view.files.count where view.files[i].hasSuffix(RecordingName.labelSuffix) {
            let name = String(view.files[i].dropLast(RecordingName.labelSuffix.count))
            do throws(FileSystemError) {
                _ = try sequence(name, folder, split)
                names.append(name)
            } catch { reasons.append("'\(name)': \(error.message)") }
        }
        rvtSequences.noteNotShown(join(folder.name, split), reasons, of: names.count + reasons.count)
        return names
    }

    private func sequence(
        _ name: String, _ folder: RVTFolder, _ split: String
    ) throws(FileSystemError) -> RVTSequence {
        let path = join(folder.path, split)
        let labels = name + RecordingName.labelSuffix
        let view = try views.view(path, for: labels)
        guard view.files.contains(labels) else {
            throw FileSystemError(ENOENT, "'\(join(path, labels))' does not exist", level: .debug)
        }
        func isShown(_ i: Int) -> Bool { isRecording(join(path, view.names[i])) }
        // `a_td.dat` is shown as `a`, and `a_td.raw` as `a_td`.
        for base in [name, name + "_td"] {
            guard let number = view.names.recording(base, isShown) else { continue }
            let sequence = RVTSequence(
                rule: RVTRule(folder.dataset, isTraining: split == "train"), name: name, folder: path,
                recording: view.names[number], base: base, labels: labels)
            let geometry = try catalog.geometry(sequence.recordingPath)
            guard geometry.width == folder.dataset.width, geometry.height == folder.dataset.height else {
                throw FileSystemError(
                    ENOENT,
                    "'\(sequence.recordingPath)' is of \(geometry); recordings of \(folder.dataset.rawValue) are of \(folder.dataset.width)x\(folder.dataset.height)",
                    level: .info)
            }
            _ = try rvtSequences.facts(sequence)
            return sequence
        }
        throw FileSystemError(
            ENOENT, "'\(join(path, labels))' has no recording '\(name)_td.dat' or '\(name).raw' beside it", level: .info
        )
    }

    /// The tensor of a sequence by RVT's name for it.
    private func spec(_ name: String, _ sequence: RVTSequence, _ parent: Location) throws(FileSystemError) -> FileSpec {
        guard let representation = RVTRepresentation(name) else { throw missing(name, parent) }
        let geometry = try catalog.geometry(sequence.recordingPath)
        do throws(TensorError) {
            let spec = try TensorSpec(
                preprocessing: representation.preprocessing(sequence.rule.dataset),
                window: representation.window(sequence.rule), registry: registry)
            return try FileSpec.tensor(spec).resolved(for: geometry)
        } catch {
            throw FileSystemError(ENOENT, "'\(name)' does not exist: \(error)", level: .warning, cause: error)
        }
    }
}
