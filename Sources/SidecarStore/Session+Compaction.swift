// Keeping the number of data files small: a session takes the bytes of others into its own data file.

extension Session {
    /// More files than this are joined.
    static let mostFiles = 8
    /// Less garbage than this is left alone.
    static let leastGarbage: Int64 = 1 << 20

    /// Copies live bytes of committed data files into the session's own, when there are many files or one is mostly
    /// garbage, so that the next state needs fewer. Never more bytes of one file than the session has gathered by then:
    /// a small session copies little, and each byte is copied a few times however many sessions follow.
    ///
    /// - Parameter files: those that the committed state needs.
    mutating func compact(_ files: [DataFileRecord]) throws(SidecarError) {
        let live = view.bytesByFile()
        let records = files.filter { live[$0.number] != nil }
        var gathered = max(dataBytes, Session.leastGarbage)
        var chosen: Set<Int64> = []
        for record in records.sorted(by: { live[$0.number]! < live[$1.number]! }) {
            let bytes = live[record.number]!
            let garbage = record.length - bytes
            let isWaste = garbage > Session.leastGarbage && garbage > record.length / 2
            guard bytes <= gathered, isWaste || records.count >= Session.mostFiles else { continue }
            chosen.insert(record.number)
            gathered += bytes
        }
        guard !chosen.isEmpty else { return }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        var extents: [Extent] = []
        view.visit { if chosen.contains($0.file) { extents.append($0) } }
        for extent in extents { try absorb(extent, buffer) }
    }
}
