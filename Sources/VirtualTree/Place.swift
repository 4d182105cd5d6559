// What names of the tree are.

/// A folder of the source under a specification; shared by all names in it.
final class SpecFolder: Sendable, Hashable {
    let spec: FileSpec
    /// Below the source.
    let path: String

    init(_ spec: FileSpec, _ path: String) {
        self.spec = spec
        self.path = path
    }

    static func == (left: SpecFolder, right: SpecFolder) -> Bool {
        left === right || (left.path == right.path && left.spec == right.spec)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(spec)
        hasher.combine(path)
    }
}

/// What a name of the mount is. Small, as there is one for every file that the kernel knows of.
enum Place: Sendable, Hashable {
    case root
    /// The hidden folder `.evh5`, by which the daemon answers about itself.
    case control
    case status
    case link(target: String)
    /// A preprocessing's folder; its canonical text.
    case preprocessing(String)
    /// A folder of the source under a specification.
    case folder(SpecFolder)
    /// A recording as HDF5: a file of the folder.
    case recording(SpecFolder, file: String, part: Int?)
    /// A file of the source, unchanged.
    case companion(path: String)
    /// A label file of the source, cut to times in us.
    case labels(path: String, times: Range<Int64>)
    /// In a folder as RVT's preprocessing makes it.
    indirect case rvt(RVTPlace)
}

/// A name of the tree and what it is.
struct Location: Sendable {
    /// The path below the root: canonical, so one tensor is one location.
    let key: String
    let place: Place

    static let root = Location(key: "", place: .root)
}
