// How a session begins: over a committed state, or over the file without additions, whose bytes become its own.

import Foundation
import TensorFile

extension Session {
    /// Begins a session in the folder `locked`, after what another one left there was put aside.
    ///
    /// - Parameter snapshot: the state to change; nil begins with head and tail of the file without additions.
    static func begin(
        in locked: LockedFolder, _ base: SidecarBase, number: Int, over snapshot: SidecarSnapshot?,
        carriesOver: Bool = false
    ) throws(SidecarError) -> Session {
        let head = snapshot == nil ? base.layout.head : []
        let tail = snapshot == nil ? base.layout.tail : []
        let now = StoreTime.now()
        let header = SessionHeader(
            commit: number, base: snapshot?.commit, startedAt: now, host: FolderLock.host, process: getpid(),
            info: base.info(at: now), carriesOver: carriesOver, skeletonBytes: Int64(head.count + tail.count),
            skeletonRecords: snapshot == nil ? (tail.isEmpty || base.layout.map.tailOffset == head.count ? 2 : 3) : 0)
        if try locked.calls.isThere(locked.paths.session) { try locked.recover() }
        do throws(SidecarError) {
            var session = try create(in: locked.folder, header, base: snapshot, locked.calls)
            if snapshot == nil {
                try session.write(head, at: 0)
                try session.write(tail, at: base.layout.map.tailOffset)
                try session.setSize(base.layout.size)
            }
            return session
        } catch {
            locked.removeSession(SessionPaths(folder: locked.paths.session))
            throw error
        }
    }

    private mutating func write(_ bytes: [UInt8], at offset: Int64) throws(SidecarError) {
        let failure = bytes.withUnsafeBytes { bytes -> SidecarError? in
            do throws(SidecarError) {
                try write(bytes, at: offset)
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
    }
}
