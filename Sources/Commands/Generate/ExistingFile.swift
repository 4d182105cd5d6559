// A file that is there already: whether it is what would be made now.

import EventFiles
import Files
import Generation
import Recordings
import TensorFile
import Tensors

enum ExistingFile {
    /// How the file at `path` differs from what `spec` makes, as far as its attributes tell; nil when they say the
    /// same. Where frames or events begin (`start_ts`) is in no attribute, as in generate_hdf5's files.
    static func difference(_ path: String, from spec: ContentSpec, _ geometry: Geometry) -> String? {
        let differences: [String]
        switch spec {
        case .tensor(let spec):
            guard let stored = try? StoredTensor(path: path) else { return "it is no HDF5 file with a tensor" }
            differences = self.differences(stored, spec, geometry)
        case .events(let spec):
            guard let stored = StoredEvents(path: path, areColumns: spec.layout == .columns),
                stored.isECF == (spec.layout == .ecf)
            else {
                return "it is no HDF5 file with events as \(spec.layout.rawValue)"
            }
            differences = self.differences(stored, geometry)
        }
        guard !differences.isEmpty else { return nil }
        let some = differences.prefix(3).joined(separator: "; ") + (differences.count > 3 ? "; ..." : "")
        return "it was made with other options (\(some)): remove it to have it made again"
    }

    private static func differences(_ stored: StoredTensor, _ spec: TensorSpec, _ geometry: Geometry) -> [String] {
        guard let wanted = try? spec.traits(for: geometry) else { return [] }
        let attributes = wanted.attributes.map { ($0.name, StoredValue($0.value)) }
        var differences = self.differences(stored.attributes, attributes.filter { $0.0 != "window" })
        // Plain windows have no such attribute.
        let found = stored.attributes.first { $0.name == "window" }?.value
        let window = attributes.first { $0.0 == "window" }?.1
        if found != window {
            differences.append("window \(found?.shown ?? "plain"), not \(window?.shown ?? spec.windowText)")
        }
        if stored.elementType != wanted.elementType.rawValue {
            differences.append("\(stored.elementType), not \(wanted.elementType.rawValue)")
        }
        return differences
    }

    /// Both layouts have the geometry and the version as attributes of the root or of the events.
    private static func differences(_ stored: StoredEvents, _ geometry: Geometry) -> [String] {
        differences(
            stored.attributes,
            [
                ("geometry", .text(geometry.description)), ("events_version", .number(Double(EventsSpec.version))),
            ])
    }

    private static func differences(
        _ found: [(name: String, value: StoredValue)], _ wanted: [(name: String, value: StoredValue)]
    ) -> [String] {
        let there = Dictionary(found.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        return wanted.compactMap { name, value in
            // generate_hdf5 leaves some out that evh5 writes.
            guard let found = there[name], found != value else { return nil }
            return "\(name) \(found.shown), not \(value.shown)"
        }
    }
}

extension StoredEvents {
    /// Those of evh5's columns, or of Prophesee's event file; nil when `path` is no such file.
    init?(path: String, areColumns: Bool) {
        let (events, index) = areColumns ? ("events/t", "ms_to_idx") : ("CD/events", "CD/indexes")
        guard let stored = try? StoredEvents(path: path, events: events, index: index) else { return nil }
        self = stored
    }
}

extension StoredValue {
    /// As people read it.
    var shown: String {
        switch self {
        case .text(let text): text
        case .number(let number): Quantity.decimal(number, digits: 6)
        case .boolean(let flag): flag ? "true" : "false"
        case .numbers(let numbers): numbers.map { Quantity.decimal($0, digits: 6) }.joined(separator: " ")
        }
    }
}
