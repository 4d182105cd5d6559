// A writing session: a data file of its own with a journal, over a committed state.

import Dispatch
import Files
import Foundation
import Synchronization

/// A session's folder, opened. Not thread-safe: whoever holds it guards it.
///
/// Committed bytes are never overwritten: what a session writes goes to its data file, whose bytes it may overwrite.
struct Session: Sendable {
    let paths: SessionPaths
    let header: SessionHeader
    /// The file as the session sees it: extents of committed data files and of its own.
    private(set) var view: ExtentMap
    /// Bytes of the virtual file.
    private(set) var size: Int64
    private let data: StorageFile
    private let journal: StorageFile
    private var dataEnd: Int64
    private var journalEnd: Int64
    /// Where the journal's last run goes on: bytes appended for this virtual offset need no record.
    private var continues: Int64?
    private let base: SidecarSnapshot?

    /// The number of its data file, and of the commit it may become.
    var number: Int64 { Int64(header.commit) }
    /// Bytes in the session's data file, of which some may have been cut away since.
    var dataBytes: Int64 { dataEnd }

    /// Makes the folder `session`.
    ///
    /// - Parameter base: the state to change; nil begins with nothing.
    static func create(
        in folder: String, _ header: SessionHeader, base: SidecarSnapshot?, _ calls: any StorageCalls
    ) throws(SidecarError) -> Session {
        let paths = SessionPaths(folder: SidecarPaths(folder: folder).session)
        do throws(FileError) { try calls.makeFolder(paths.folder, permissions: 0o700) } catch {
            throw SidecarError(error)
        }
        try calls.writeFile(paths.header, Array(JSONText.encode(header, pretty: true).utf8), sync: false)
        let flags = O_RDWR | O_CREAT | O_EXCL
        let journal = try StorageFile(paths.map, flags, calls)
        try journal.write(SessionJournal.header)
        return Session(
            paths: paths, header: header, view: base?.state.extents ?? ExtentMap(), size: base?.size ?? 0,
            data: try StorageFile(paths.data, flags, calls), journal: journal, dataEnd: 0,
            journalEnd: SessionJournal.headerBytes, base: base)
    }

    /// Opens the session in `folder`, which is in the folder of `sidecar` or below it, as its journal tells it.
    static func open(
        _ folder: String, of sidecar: String, writable: Bool, _ calls: any StorageCalls
    ) throws(SidecarError) -> Session {
        let paths = SessionPaths(folder: folder)
        guard let header = try SessionHeader.read(paths.header, calls) else {
            throw SidecarError(.damaged, "'\(paths.header)' is missing: what the session wrote cannot be put together")
        }
        var base: SidecarSnapshot?
        if let number = header.base {
            let path = SidecarPaths(folder: sidecar).commit(number)
            guard let state = try CommittedState.read(path, calls) else {
                throw SidecarError(.damaged, "'\(path)' is missing: the session in '\(folder)' changes that state")
            }
            base = SidecarSnapshot(state, DataFiles(folder: sidecar, calls))
        }
        let flags = writable ? O_RDWR : O_RDONLY
        let data = try StorageFile(paths.data, flags, calls)
        let journal = try StorageFile(paths.map, flags, calls)
        let dataBytes = try data.size()
        let contents = try SessionJournal.replay(
            calls.bytes(paths.map), over: base?.state.extents ?? ExtentMap(), size: base?.size ?? 0,
            file: Int64(header.commit), dataBytes: dataBytes, path: paths.map)
        return Session(
            paths: paths, header: header, view: contents.view, size: contents.size, data: data, journal: journal,
            dataEnd: dataBytes, journalEnd: contents.bytes, base: base)
    }

    private init(
        paths: SessionPaths, header: SessionHeader, view: ExtentMap, size: Int64, data: StorageFile,
        journal: StorageFile, dataEnd: Int64, journalEnd: Int64, base: SidecarSnapshot?
    ) {
        self.paths = paths
        self.header = header
        self.view = view
        self.size = size
        self.data = data
        self.journal = journal
        self.dataEnd = dataEnd
        self.journalEnd = journalEnd
        self.base = base
    }

    // MARK: Bytes

    /// Fills `buffer` from virtual offset `offset` on.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SidecarError) {
        let committed = try base?.files() ?? [:]
        try view.read(into: buffer, at: offset) { extent, part throws(SidecarError) in
            if extent.file == number {
                try data.read(into: part, at: extent.offset)
            } else if let file = committed[extent.file] {
                try file.read(into: part, at: extent.offset)
            }
        }
    }

    /// Writes `bytes` from virtual offset `offset` on: in place what the session wrote before, else at the data file's
    /// end.
    mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SidecarError) {
        guard !bytes.isEmpty else { return }
        let end = offset + Int64(bytes.count)
        if continues == offset, offset >= view.end {
            try append(bytes, at: offset)
        } else {
            var position = offset
            while position < end {
                let own = view.first(of: number, in: position..<end)
                let stop = own.map { $0.start > position ? $0.start : $0.end } ?? end
                let part = UnsafeRawBufferPointer(rebasing: bytes[Int(position - offset)..<Int(stop - offset)])
                if let own, own.start == position {
                    try data.write(part, at: own.offset)
                } else {
                    try append(part, at: position)
                }
                position = stop
            }
        }
        size = max(size, end)
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SidecarError) {
        if continues != offset { try note(.run, offset) }
        // After a failure the same place in the data file is written again, under a record of its own.
        continues = nil
        try data.write(bytes, at: dataEnd)
        view.insert(Extent(start: offset, length: Int64(bytes.count), file: number, offset: dataEnd))
        dataEnd += Int64(bytes.count)
        continues = offset + Int64(bytes.count)
    }

    /// Cuts the file, or lets it grow by zeros.
    mutating func setSize(_ size: Int64) throws(SidecarError) {
        try note(.size, size)
        continues = nil
        view.remove(size..<Int64.max)
        self.size = size
    }

    private func check(_ offset: Int64) throws(SidecarError) {
        guard offset < SessionJournal.limit else {
            throw SidecarError(.io, errno: EFBIG, "a file of more than 2^56 bytes cannot be kept")
        }
    }

    private mutating func note(_ kind: SessionJournal.Kind, _ value: Int64) throws(SidecarError) {
        try check(value)
        try SessionJournal.write(kind, value, dataBytes: dataEnd, to: journal, at: journalEnd)
        journalEnd += SessionJournal.recordBytes
    }

    /// Copies the bytes in `range` that lie in the data file `file` into the session's own.
    mutating func absorb(_ extent: Extent, _ buffer: UnsafeMutableRawBufferPointer) throws(SidecarError) {
        var position = extent.start
        while position < extent.end {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: buffer[..<Int(min(Int64(buffer.count), extent.end - position))])
            try read(into: part, at: position)
            try append(UnsafeRawBufferPointer(part), at: position)
            position += Int64(part.count)
        }
    }

    /// Whether all bytes of the session are those that `other` gives; false without a look when they are more than
    /// `limit`.
    func hasSameBytes(
        upTo limit: Int, _ other: (UnsafeMutableRawBufferPointer, Int64) throws(SidecarError) -> Void
    ) throws(SidecarError) -> Bool {
        guard dataEnd <= Int64(limit), base.map({ view.end == $0.state.extents.end }) ?? true else { return false }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * max(1, Int(dataEnd)), alignment: 64)
        defer { memory.deallocate() }
        var same = true
        try view.visit { extent throws(SidecarError) in
            guard same, extent.file == number else { return }
            let count = Int(extent.length)
            let (own, others) = (
                UnsafeMutableRawBufferPointer(rebasing: memory[..<count]),
                UnsafeMutableRawBufferPointer(rebasing: memory[count..<2 * count])
            )
            try data.read(into: own, at: extent.offset)
            try other(others, extent.start)
            same = memcmp(own.baseAddress!, others.baseAddress!, count) == 0
        }
        return same
    }

    // MARK: Committing

    /// Makes the journal say exactly what this value says, for other processes that open the session now.
    mutating func seal() throws(SidecarError) {
        try note(.size, size)
        continues = nil
    }

    /// Makes the data durable; its record. Bytes of a failed write behind the data's end are cut off.
    func finishData() throws(SidecarError) -> DataFileRecord {
        if try data.size() != dataEnd { try data.truncate(to: dataEnd) }
        // The disk works while the checksum is computed.
        let synced = Background { [data] () throws(SidecarError) in try data.sync() }
        defer { synced.finish() }
        let hash = try Checksum.of(data, count: dataEnd)
        if let error = synced.finish() { throw error }
        return DataFileRecord(number: number, length: dataEnd, hash: hash)
    }
}

/// Something done by another thread meanwhile.
private final class Background: Sendable {
    private let result = Mutex<SidecarError?>(nil)
    private let group = DispatchGroup()

    init(_ body: @escaping @Sendable () throws(SidecarError) -> Void) {
        DispatchQueue.global(qos: .userInitiated).async(group: group) {
            do throws(SidecarError) { try body() } catch { self.result.withLock { $0 = error } }
        }
    }

    /// Waits for its end; why it failed, if it did.
    @discardableResult
    func finish() -> SidecarError? {
        group.wait()
        return result.withLock { $0 }
    }
}
