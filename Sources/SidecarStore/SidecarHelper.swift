// Work on files that users wrote, by libhdf5: where a crash of the library does no harm.

import TensorFile

/// Checks and converts what users wrote. A daemon's implementation starts a child process that runs
/// `InProcessSidecarHelper`; called without locks held that a child would need.
public protocol SidecarHelper: Sendable {
    /// Checks the session in `folder`, a sidecar's: the tensor where it was, and everything readable.
    ///
    /// - Throws: `.invalidResult`, `.tensorChanged`; others when it could not be checked.
    func verify(folder: String) throws(SidecarError)

    /// Checks the committed state `commit` in `folder` in the same way.
    func verify(folder: String, commit: Int) throws(SidecarError)

    /// Brings what was added from the committed state in `folder` into the session prepared there, whose layout is
    /// another.
    ///
    /// - Returns: a note for the sidecar's history: what could not be taken along, if anything.
    /// - Throws: `.invalidResult` when nothing can be done with it; others when it could not be tried.
    func carryOver(folder: String) throws(SidecarError) -> String

    /// What was added in the committed state `commit` in `folder`.
    func contents(folder: String, commit: Int) throws(SidecarError) -> [AddedObject]

    /// The elements of a dataset of one dimension that was added in the committed state `commit` in `folder`, thinned
    /// to `points` pairs where there are more.
    ///
    /// - Throws: `.notFound` when there is no such dataset of numbers; others when it cannot be read.
    func series(
        folder: String, commit: Int, dataset: String, points: Int
    ) throws(SidecarError) -> AddedSeries
}

/// What the child process runs, and what unit tests use: libhdf5 in this very process.
public struct InProcessSidecarHelper: SidecarHelper {
    public init() {}

    public func verify(folder: String) throws(SidecarError) {
        try verify(SidecarFile.session(in: folder, writable: false))
    }

    public func verify(folder: String, commit: Int) throws(SidecarError) { try verify(file(folder, commit)) }

    private func file(_ folder: String, _ commit: Int) throws(SidecarError) -> SidecarFile {
        let path = SidecarPaths(folder: folder).commit(commit)
        return SidecarFile(try SidecarSnapshot.read(path, in: folder, SystemCalls()))
    }

    private func verify(_ file: SidecarFile) throws(SidecarError) {
        do throws(TensorFileError) { try AddedContents.verify(file, file.layout) } catch { throw SidecarError(error) }
    }

    public func carryOver(folder: String) throws(SidecarError) -> String {
        let old = try SidecarFile.current(in: folder)
        let new = try SidecarFile.session(in: folder, writable: true)
        let report: CarryOverReport
        do throws(TensorFileError) {
            report = try AddedContents.carryOver(from: old, old.layout, into: new, new.layout)
        } catch { throw SidecarError(error) }
        try new.seal()
        return report.note
    }

    public func contents(folder: String, commit: Int) throws(SidecarError) -> [AddedObject] {
        let file = try file(folder, commit)
        do throws(TensorFileError) { return try AddedContents.summary(file, file.layout) } catch {
            throw SidecarError(error)
        }
    }

    public func series(
        folder: String, commit: Int, dataset: String, points: Int
    ) throws(SidecarError) -> AddedSeries {
        let file = try file(folder, commit)
        do throws(TensorFileError) {
            return try AddedContents.series(file, file.layout, dataset: dataset, points: points)
        } catch { throw SidecarError(error) }
    }
}

extension SidecarSnapshot {
    /// The state in the commit file `path` of the sidecar in `folder`, which must be there.
    static func read(
        _ path: String, in folder: String, _ calls: any StorageCalls
    ) throws(SidecarError) -> SidecarSnapshot {
        guard let state = try CommittedState.read(path, calls) else {
            throw SidecarError(.notFound, "there is no state '\(path)'")
        }
        return SidecarSnapshot(state, DataFiles(folder: folder, calls))
    }
}
