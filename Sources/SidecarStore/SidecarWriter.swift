// One opening for writing: from open to last close of a virtual file.

/// One opening for writing, which holds the sidecar's lock from its making until `close`. Thread-safe.
public final class SidecarWriter: Sendable {
    init() {}

    /// The committed state that was current when this was opened, or that this writer committed last; nil when nothing
    /// was added yet.
    public var base: SidecarSnapshot? { fatalError() }
    /// Bytes of the virtual file as the session sees it. Never waits.
    public var size: Int64 { fatalError() }
    /// Whether something was written since the last commit. Never waits.
    public var hasUncommitted: Bool { fatalError() }
    /// When something was last written, ns since 1970; nil when nothing was. Never waits.
    public var writtenAt: Int64? { fatalError() }
    /// Bytes that the open session takes on the disk. Never waits.
    public var sessionBytes: Int64 { fatalError() }

    /// Fills `buffer` with the bytes from `offset` on as the session sees them: its own, else those committed, else those
    /// of the file without additions. Gaps, the tensor's range and what lies past the end are zeros.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SidecarError) {
        fatalError()
    }

    /// Writes `bytes` from `offset` on; the file grows where needed. The first write begins the session.
    ///
    /// - Throws: `.tensorChanged` when they touch the tensor's range, and `.io`: the session will not commit then.
    public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SidecarError) { fatalError() }

    /// Cuts the file to `size` bytes, or lets it grow by zeros.
    ///
    /// - Throws: `.tensorChanged` when that is before the tensor's end; nothing changes then.
    public func setSize(_ size: Int64) throws(SidecarError) { fatalError() }

    /// The session will not commit, for this reason. Without a session: the one that may begin will not.
    public func poison(_ reason: String) { fatalError() }

    /// Commits durably what was written since the last commit; nil when nothing was.
    ///
    /// - Parameter final: what becomes of the session when it cannot be committed: it goes on, or is rolled back.
    /// - Throws: why it was not committed; `.io` may also mean that it was and is visible, but perhaps not durable, which
    ///   the message says.
    public func commit(final: Bool) throws(SidecarError) -> SidecarSnapshot? { fatalError() }

    /// Puts what was written since the last commit aside, where `evh5 sidecar export --torn` finds it.
    public func rollBack(_ reason: String) { fatalError() }

    /// Gives the lock back; rolls back what is uncommitted. Nothing can be written afterwards.
    public func close() { fatalError() }
}
