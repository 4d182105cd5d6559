// A committed state of a sidecar, as readers see it.

import Files
import Synchronization
import TensorFile

/// A committed state: immutable, and readable as long as it lives once it was prepared for reading.
public final class SidecarSnapshot: Sendable {
    let state: CommittedState
    private let dataFiles: DataFiles
    /// The data files by number, once they were opened.
    private let open = Mutex<[Int64: StorageFile]?>(nil)

    /// 1, 2, ...
    public var commit: Int { state.number }
    /// Bytes of the virtual file.
    public var size: Int64 { state.size }
    /// Nanoseconds since 1970.
    public var committedAt: Int64 { state.info.committedAt }
    /// Bytes that this state takes on the disk.
    public var heldBytes: Int64 { state.head.heldBytes }
    public var layout: SidecarLayout { state.info.layout }
    /// The sidecar's, where a helper finds this state by its number for as long as it is kept.
    public var folder: String { dataFiles.folder }

    init(_ state: CommittedState, _ dataFiles: DataFiles) {
        self.state = state
        self.dataFiles = dataFiles
    }

    /// Opens the files that hold the bytes, so that later commits and removals cannot hurt. To be called when a file
    /// is opened for reading; a state that is only listed needs no open files. May be called more than once.
    ///
    /// - Throws: `.outdated` when the state is so old that its files are gone: look it up again; `.damaged`, `.io`.
    public func prepareForReading() throws(SidecarError) { _ = try files() }

    /// This state for somebody who reads it: prepared, with files that are closed when the last such value goes. What
    /// the store itself remembers of a state keeps no file open.
    ///
    /// - Throws: as `prepareForReading`.
    public func forReading() throws(SidecarError) -> SidecarSnapshot {
        let copy = unopened()
        try copy.prepareForReading()
        return copy
    }

    /// The same state with files of its own, not opened yet.
    func unopened() -> SidecarSnapshot { SidecarSnapshot(state, dataFiles) }

    /// Fills `buffer` with the bytes of the virtual file from `offset` on; gaps and what lies past the end are zeros.
    /// Not for the tensor's range, which is zeros too. Prepares for reading where that was not done.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SidecarError) {
        let files = try files()
        try state.extents.read(into: buffer, at: offset) { extent, part throws(SidecarError) in
            guard let file = files[extent.file] else { return }
            try file.read(into: part, at: extent.offset)
        }
    }

    func files() throws(SidecarError) -> [Int64: StorageFile] {
        if let files = open.withLock({ $0 }) { return files }
        let files = try dataFiles.files(of: state.head)
        return open.withLock {
            $0 = $0 ?? files
            return $0 ?? files
        }
    }
}

extension ExtentMap {
    /// Fills `buffer` with the bytes from virtual offset `offset` on: `read` gets each extent with the part of the
    /// buffer for it, the rest becomes zeros.
    func read(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int64,
        _ read: (Extent, UnsafeMutableRawBufferPointer) throws(SidecarError) -> Void
    ) throws(SidecarError) {
        var done = 0
        func zeros(to end: Int) {
            UnsafeMutableRawBufferPointer(rebasing: buffer[done..<end]).initializeMemory(as: UInt8.self, repeating: 0)
        }
        let (end, overflow) = offset.addingReportingOverflow(Int64(buffer.count))
        try visit(in: offset..<(overflow ? Int64.max : end)) { extent throws(SidecarError) in
            let start = Int(extent.start - offset)
            zeros(to: start)
            done = start + Int(extent.length)
            try read(extent, UnsafeMutableRawBufferPointer(rebasing: buffer[start..<done]))
        }
        zeros(to: buffer.count)
    }
}

/// What is known of a sidecar without work.
public enum SidecarLookup: Sendable {
    /// Nothing was added, or the store cannot be read.
    case none
    case fits(SidecarSnapshot)
    /// There is one, but it must follow its recording or be carried over to another layout first: `snapshot` does that.
    case needsWork
}
