// Work on files that users wrote, by libhdf5: where a crash of the library does no harm.

/// Checks and converts what users wrote. A daemon's implementation starts a child process that runs
/// `InProcessSidecarHelper`; called without locks held that a child would need.
public protocol SidecarHelper: Sendable {
    /// Checks the session in `folder`, a sidecar's: the tensor where it was, and everything readable.
    ///
    /// - Throws: `.invalidResult`, `.tensorChanged`; others when it could not be checked.
    func verify(folder: String) throws(SidecarError)

    /// Brings what was added from the committed state in `folder` into the session prepared there, whose layout is another.
    ///
    /// - Returns: a note for the sidecar's history: what could not be taken along, if anything.
    /// - Throws: `.invalidResult` when nothing can be done with it; others when it could not be tried.
    func carryOver(folder: String) throws(SidecarError) -> String
}

/// What the child process runs, and what unit tests use: libhdf5 in this very process.
public struct InProcessSidecarHelper: SidecarHelper {
    public init() {}

    public func verify(folder: String) throws(SidecarError) { fatalError() }

    public func carryOver(folder: String) throws(SidecarError) -> String { fatalError() }
}
