// What a folder's recordings are called where their tensors are shown or stored, and what belongs to them by its name.

/// Names of recordings, of their parts and of their labels.
public enum RecordingName {
    /// What a label file's name ends with.
    public static let labelSuffix = "_bbox.npy"

    /// Whether the name is one that recordings have.
    public static func isRecording(_ name: String) -> Bool {
        let lower = name.lowercased()
        return lower.hasSuffix(".raw") || lower.hasSuffix(".dat")
    }

    /// The name that a recording is shown under unless another has the same: without extension, and for DAT without `_td` or `_cd`, in any
    /// case.
    public static func stem(_ name: String) -> String {
        let stem = String(name.dropLast(4))
        let lower = name.lowercased()
        guard stem.count > 3, lower.hasSuffix("_td.dat") || lower.hasSuffix("_cd.dat") else { return stem }
        return String(stem.dropLast(3))
    }

    /// `traffic_3` as ("traffic", 3): a part's shown name.
    public static func part(_ name: String) -> (base: String, part: Int)? {
        guard let underscore = name.lastIndex(of: "_") else { return nil }
        let digits = name[name.index(after: underscore)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let part = Int(digits),
            String(part) == digits
        else { return nil }
        return (String(name[..<underscore]), part)
    }

    /// The names that the labels of the recording shown as `base` can have, the first that exists being the one.
    public static func labels(of base: String) -> [String] {
        (isRecording(base) ? [base, stem(base)] : [base]).map { $0 + labelSuffix }
    }
}

/// A folder's files with names of recordings, by the names they are shown under.
public struct RecordingNames: Sendable {
    /// The files that would share a shown name, by that name.
    public private(set) var stems: [String: [String]] = [:]

    public init() {}

    /// - Precondition: `RecordingName.isRecording(file)`.
    public mutating func add(_ file: String) { stems[RecordingName.stem(file), default: []].append(file) }

    /// The recordings as (shown name without `.h5`, file name); `isShown` tells which files are recordings.
    public func recordings(_ isShown: (String) -> Bool) -> [(base: String, file: String)] {
        stems.keys.sorted().flatMap { stem in
            stems[stem, default: []].filter(isShown).map { (keepsExtension($0, isShown) ? $0 : stem, $0) }
        }
    }

    /// The file of the recording that is shown as `base`.h5.
    public func recording(_ base: String, _ isShown: (String) -> Bool) -> String? {
        let candidates = RecordingName.isRecording(base) ? [base] : []
        return (candidates + stems[base, default: []].filter(isShown)).first { file in
            let stem = RecordingName.stem(file)
            guard stems[stem]?.contains(file) == true, isShown(file) else { return false }
            return base == (keepsExtension(file, isShown) ? file : stem)
        }
    }

    /// Whether the recording `file` would else share its shown name: with another of its stem (`a.raw` and `a.dat`), or with one
    /// that keeps its extension and is called like this one without (`a.raw.raw` beside those two).
    private func keepsExtension(_ file: String, _ isShown: (String) -> Bool) -> Bool {
        let stem = RecordingName.stem(file)
        if stems[stem, default: []].count(where: isShown) > 1 { return true }
        guard RecordingName.isRecording(stem), stems[RecordingName.stem(stem)]?.contains(stem) == true, isShown(stem)
        else { return false }
        return keepsExtension(stem, isShown)
    }
}
