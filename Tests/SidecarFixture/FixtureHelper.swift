// A helper without libhdf5, for sessions of bytes that only their superblock makes a file.

import Foundation
import SidecarStore
import Synchronization
import TensorFile

public final class FixtureHelper: SidecarHelper {
    /// What a check answers; nil lets everything pass.
    public let refusal = Mutex<SidecarError?>(nil)
    /// Why nothing can be carried over.
    public let carryOverFailure = Mutex<SidecarError?>(nil)
    public let verified = Atomic(0)

    public init() {}

    public func verify(folder: String) throws(SidecarError) {
        verified.add(1, ordering: .relaxed)
        if let error = refusal.withLock({ $0 }) { throw error }
    }

    public func verify(folder: String, commit: Int) throws(SidecarError) {}

    public func contents(folder: String, commit: Int) throws(SidecarError) -> [AddedObject] {
        try InProcessSidecarHelper().contents(folder: folder, commit: commit)
    }

    public func series(
        folder: String, commit: Int, dataset: String, points: Int
    ) throws(SidecarError) -> AddedSeries {
        try InProcessSidecarHelper().series(folder: folder, commit: commit, dataset: dataset, points: points)
    }

    /// Moves what lies behind the tensor to behind the new tensor.
    public func carryOver(folder: String) throws(SidecarError) -> String {
        if let error = carryOverFailure.withLock({ $0 }) { throw error }
        let old = try SidecarFile.current(in: folder)
        let new = try SidecarFile.session(in: folder, writable: true)
        var bytes = [UInt8](repeating: 0, count: Int(try old.size() - old.layout.tailOffset))
        do {
            try bytes.withUnsafeMutableBytes { try old.read(into: $0, at: old.layout.tailOffset) }
            try bytes.withUnsafeBytes { try new.write($0, at: new.layout.tailOffset) }
            let size = new.layout.tailOffset + Int64(bytes.count)
            try new.setSize(size)
            try withUnsafeBytes(of: size.littleEndian) { try new.write($0, at: 40) }
            try new.seal()
        } catch {
            throw error as? SidecarError ?? SidecarError(.io, "\(error)")
        }
        return "\(bytes.count) bytes taken along"
    }
}
