// What users added to virtual files, in a folder of its own: looked up, written, removed.

/// The sidecars in a folder, shared with other processes. Thread-safe.
public final class SidecarStore: Sendable {
    /// Absolute path of the store.
    public let directory: String
    public let readOnly: Bool

    /// Touches nothing: the folder is made when something is written.
    ///
    /// - Parameters:
    ///   - readOnly: nothing is ever changed, also not to let a sidecar follow its recording.
    ///   - helper: checks sessions before they are committed.
    ///   - say: gets lines for the log, from any thread.
    public init(
        directory: String, readOnly: Bool, helper: any SidecarHelper, calls: any StorageCalls = SystemCalls(),
        say: @escaping @Sendable (SidecarMessage) -> Void
    ) {
        self.directory = directory
        self.readOnly = readOnly
    }

    /// `$XDG_STATE_HOME/evh5`, else `~/.local/state/evh5`.
    public static var defaultDirectory: String { fatalError() }

    /// What is known without work: one or two calls of stat when nothing changed. For listings.
    public func peek(_ base: SidecarBase) -> SidecarLookup { fatalError() }

    /// As above where the layout is not known yet: a sidecar made for the same content of the recording is taken to fit.
    public func peek(_ key: SidecarKey, _ recording: RecordingState) -> SidecarLookup { fatalError() }

    /// The committed state for this recording and layout, after following a recording that moved and carrying over to another layout
    /// where that is needed; nil when nothing was added, or what was added was set aside (said in the log).
    ///
    /// - Throws: `.busy` when it needs work and somebody writes to it, `.damaged`, `.unknownVersion`, `.io`.
    public func snapshot(_ base: SidecarBase) throws(SidecarError) -> SidecarSnapshot? { fatalError() }

    /// Opens for writing and takes the lock, which the writer gives back when it is closed.
    ///
    /// - Throws: `.busy`, `.readOnly`, `.io` (ENOSPC, EACCES, EROFS, ...), and what `snapshot` throws.
    public func openForWriting(_ base: SidecarBase) throws(SidecarError) -> SidecarWriter { fatalError() }

    /// Moves a sidecar to the store's `removed` folder; returns whether there was one.
    ///
    /// - Throws: `.busy` while somebody writes to it, `.readOnly`, `.io`.
    public func remove(_ base: SidecarBase) throws(SidecarError) -> Bool { fatalError() }

    public var statistics: SidecarStatistics { fatalError() }
}
