// What a folder's recordings are called where their tensors are shown or stored, and what belongs to them by its name.

/// Names of recordings, of their parts and of their labels.
public enum RecordingName {
    /// What a label file's name ends with.
    public static let labelSuffix = "_bbox.npy"

    /// Whether the name is one that recordings have.
    public static func isRecording(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { isRecording(UnsafeRawBufferPointer($0)) }
    }

    static func isRecording(_ name: UnsafeRawBufferPointer) -> Bool {
        guard name.count >= 4 else { return false }
        // Letters in lower case; no other byte becomes one of these.
        let end = name.suffix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1 | ($1 >= 0x40 ? 0x20 : 0)) }
        return end == 0x2E72_6177 || end == 0x2E64_6174  // .raw, .dat
    }

    /// The name that a recording is shown under unless another has the same: without extension, and for DAT without
    /// `_td` or `_cd`, in any case.
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
    /// The files, by their stems: those that would share a shown name are side by side.
    private let files: PackedNames

    /// - Precondition: `RecordingName.isRecording` of each.
    public init(_ files: some Sequence<String>) {
        self.files = PackedNames(files) { RecordingName.stem($0).utf8.count }
    }

    public var count: Int { files.count }

    /// The file number `i`.
    public subscript(_ i: Int) -> String { files[i] }

    /// The numbers of the files that would share the shown name `stem`.
    public func indices(ofStem stem: String) -> Range<Int> { files.indices(of: stem) }

    /// The number of `file`.
    public func index(of file: String) -> Int? {
        RecordingName.isRecording(file) ? files.indices(of: RecordingName.stem(file)).first { files[$0] == file } : nil
    }

    /// The name, without `.h5`, that the recording number `i` is shown under; `isShown` tells which files are
    /// recordings.
    public func shownName(_ i: Int, _ isShown: (Int) -> Bool) -> String {
        keepsExtension(i, isShown) ? files[i] : files.beginning(i)
    }

    /// The number of the recording that is shown as `base`.h5.
    public func recording(_ base: String, _ isShown: (Int) -> Bool) -> Int? {
        if let whole = index(of: base), isShown(whole), keepsExtension(whole, isShown) { return whole }
        return files.indices(of: base).first { isShown($0) && !keepsExtension($0, isShown) }
    }

    /// The recordings as (shown name without `.h5`, file name).
    public func recordings(_ isShown: (String) -> Bool) -> [(base: String, file: String)] {
        let shown = (0..<count).map { isShown(files[$0]) }
        return shown.indices.filter { shown[$0] }.map { i in (shownName(i) { shown[$0] }, files[i]) }
    }

    /// Whether the recording number `i` would else share its shown name: with another of its stem (`a.raw` and
    /// `a.dat`), or with one that keeps its extension and is called like this one without (`a.raw.raw` beside those
    /// two).
    private func keepsExtension(_ i: Int, _ isShown: (Int) -> Bool) -> Bool {
        // `i` is one of them.
        if hasShownNeighbour(i, isShown) { return true }
        guard files.withBeginning(i, RecordingName.isRecording) else { return false }
        guard let inner = index(of: files.beginning(i)), isShown(inner) else { return false }
        return keepsExtension(inner, isShown)
    }

    /// Whether another recording has the stem of number `i`.
    private func hasShownNeighbour(_ i: Int, _ isShown: (Int) -> Bool) -> Bool {
        var before = i - 1
        while before >= 0, files.haveSameBeginning(before, i) {
            if isShown(before) { return true }
            before -= 1
        }
        var after = i + 1
        while after < count, files.haveSameBeginning(after, i) {
            if isShown(after) { return true }
            after += 1
        }
        return false
    }
}
