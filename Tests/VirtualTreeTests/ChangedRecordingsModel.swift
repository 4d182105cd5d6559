// What docs/SEMANTICS.md promises under "When the recording changes", as a few lines over plain values.

import Files

/// What a recording is at some moment.
struct SeenRecording: Equatable {
    var device: UInt64
    var inode: UInt64
    var size: Int64
    var modified: Int64
    /// All of it; recordings are shorter here than what the store compares.
    var bytes: [UInt8]

    func hasSameContent(as other: SeenRecording) -> Bool { size == other.size && modified == other.modified }
}

/// Which additions are shown with which recording.
struct ChangedRecordingsModel {
    struct Additions {
        /// What was added, in order.
        var marks: [UInt8]
        /// What the recording was when this was last written down.
        var seen: SeenRecording
    }

    /// By the recording's name when somebody last looked.
    private(set) var additions: [String: Additions] = [:]

    /// Where what is added to the recording `name` may come from: more than one where two recordings are as alike as
    /// copies.
    private func sources(_ name: String, _ now: SeenRecording, _ isThere: (String) -> Bool) -> [String] {
        if additions[name] != nil { return [name] }
        func matching(_ isSame: (SeenRecording) -> Bool) -> [String] {
            additions.filter { old, added in
                !isThere(old) && now.bytes.starts(with: added.seen.bytes) && isSame(added.seen)
            }.map(\.key)
        }
        let same = matching { $0.device == now.device && $0.inode == now.inode }
        return same.isEmpty ? matching { $0.hasSameContent(as: now) } : same
    }

    /// Somebody looks at the file of the recording `name` and is shown `marks`; whether that is right.
    mutating func looked(
        _ name: String, _ now: SeenRecording, shown marks: [UInt8], _ isThere: (String) -> Bool
    ) -> Bool {
        let sources = sources(name, now, isThere)
        guard !sources.isEmpty else { return marks.isEmpty }
        guard let source = sources.first(where: { additions[$0]?.marks == marks }),
            var added = additions.removeValue(forKey: source)
        else { return false }
        // A copy that has another inode only is not another recording.
        if source != name || !added.seen.hasSameContent(as: now) { added.seen = now }
        additions[name] = added
        return true
    }

    /// A session that was opened when the recording was `seen` has been committed; `before` is what it showed.
    mutating func added(_ marks: [UInt8], to name: String, _ seen: SeenRecording, before: [UInt8]) {
        additions[name] = Additions(marks: before + marks, seen: seen)
    }

    mutating func removed(_ name: String) { additions[name] = nil }

    func expected(_ name: String) -> [UInt8]? { additions[name]?.marks }
}
