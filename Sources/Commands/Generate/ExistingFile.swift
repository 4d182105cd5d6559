// A tensor file that is there already: whether it is what would be made now.

import Files
import Recordings
import TensorFile
import Tensors

enum ExistingFile {
    /// How the file at `path` differs from the tensor of `spec`, as far as its attributes tell; nil when they say the
    /// same. Where frames begin (`start_ts`) is in no attribute, as in generate_hdf5's files.
    static func difference(_ path: String, from spec: TensorSpec, _ geometry: Geometry) -> String? {
        guard let wanted = try? spec.traits(for: geometry) else { return nil }
        guard let stored = try? StoredTensor(path: path) else { return "it is no HDF5 file with a tensor" }
        let there = Dictionary(stored.attributes.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        var differences: [String] = []
        for (name, value) in wanted.attributes {
            let value = StoredValue(value)
            // Plain windows have none.
            if name == "window" { continue }
            // generate_hdf5 leaves some out that evh5 writes.
            guard let found = there[name], found != value else { continue }
            differences.append("\(name) \(found.shown), not \(value.shown)")
        }
        let window = wanted.attributes.first { $0.name == "window" }.map { StoredValue($0.value) }
        if there["window"] != window {
            differences.append(
                "window \(there["window"]?.shown ?? "plain"), not \(window?.shown ?? spec.windowText)")
        }
        if stored.elementType != wanted.elementType.rawValue {
            differences.append("\(stored.elementType), not \(wanted.elementType.rawValue)")
        }
        guard !differences.isEmpty else { return nil }
        let some = differences.prefix(3).joined(separator: "; ") + (differences.count > 3 ? "; ..." : "")
        return "it was made with other options (\(some)): remove it to have it made again"
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
