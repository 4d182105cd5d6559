// A committed state of a sidecar, as readers see it.

import TensorFile

/// A committed state: immutable, and readable as long as it lives once it was prepared for reading.
public final class SidecarSnapshot: Sendable {
    /// 1, 2, ...
    public let commit: Int
    /// Bytes of the virtual file.
    public let size: Int64
    /// Nanoseconds since 1970.
    public let committedAt: Int64
    /// Bytes that this state takes on the disk.
    public let heldBytes: Int64
    public let layout: SidecarLayout

    init(commit: Int, size: Int64, committedAt: Int64, heldBytes: Int64, layout: SidecarLayout) {
        self.commit = commit
        self.size = size
        self.committedAt = committedAt
        self.heldBytes = heldBytes
        self.layout = layout
    }

    /// Opens the files that hold the bytes, so that later commits and removals cannot hurt. To be called when a file
    /// is opened for reading; a state that is only listed needs no open files. May be called more than once.
    ///
    /// - Throws: `.outdated` when the state is so old that its files are gone: look it up again; `.damaged`, `.io`.
    public func prepareForReading() throws(SidecarError) { fatalError() }

    /// Fills `buffer` with the bytes of the virtual file from `offset` on; gaps and what lies past the end are zeros. Not for the
    /// tensor's range, which is zeros too. Prepares for reading where that was not done.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SidecarError) {
        fatalError()
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
