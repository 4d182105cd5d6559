// Whether the store can be read and written at all: what `mount` warns of, and what `status` says.

import Files
import Foundation

extension SidecarStore {
    /// Why what was added cannot be read, or nothing can be added, as the system would say it now; nil when all is
    /// well. A few system calls.
    public func accessProblem() -> String? {
        do throws(FileError) { try calls.access(directory, R_OK | X_OK) } catch {
            guard error.errno == ENOENT else {
                return
                    "the store '\(directory)' cannot be looked into (\(text(error))): what was added to files is not "
                    + "shown, and nothing can be added"
            }
            return readOnly ? nil : makingProblem()
        }
        for folder in [paths.recordings, paths.removed] {
            do throws(FileError) { try calls.access(folder, R_OK | X_OK) } catch {
                guard error.errno != ENOENT else { continue }
                return "the store's folder '\(folder)' cannot be looked into (\(text(error))): what was added to files "
                    + "is not shown, and nothing can be added"
            }
        }
        guard !readOnly else { return nil }
        for folder in [directory, paths.recordings] {
            do throws(FileError) { try calls.access(folder, W_OK | X_OK) } catch {
                guard error.errno != ENOENT else { continue }
                return
                    "the store '\(directory)' cannot be written to (\(text(error))): what was added to files is shown, "
                    + "but nothing can be added"
            }
        }
        return nil
    }

    /// Why a store that is not there cannot be made.
    private func makingProblem() -> String? {
        var parent = directory
        repeat {
            parent = (parent as NSString).deletingLastPathComponent
            do throws(FileError) {
                try calls.access(parent, W_OK | X_OK)
                guard try FileStatus(path: parent).kind != .directory else { return nil }
                throw FileError(errno: ENOTDIR, message: "")
            } catch {
                guard error.errno == ENOENT, parent.count > 1 else {
                    return "the store '\(directory)' is not there and cannot be made (\(text(error)) for '\(parent)'): "
                        + "nothing can be added"
                }
            }
        } while true
    }

    private func text(_ error: FileError) -> String { String(cString: strerror(error.errno)) }

    /// What a caller is told who wants to change something in a store that cannot be changed.
    func refusal(_ error: SidecarError) -> SidecarError {
        guard error.isUnwritable else { return error }
        return SidecarError(
            .readOnly,
            "the store '\(directory)' cannot be written to, so nothing can be added (\(error.message)); give its user the "
                + "rights, or mount with --sidecars and another folder", cause: error)
    }

    /// - Throws: `.io` when this process cannot write in the sidecar's folder.
    func checkRights(_ locked: LockedFolder) throws(SidecarError) {
        do throws(FileError) {
            for folder in [directory, locked.folder, locked.paths.data, locked.paths.commits] {
                do throws(FileError) { try calls.access(folder, W_OK | X_OK) } catch {
                    if error.errno != ENOENT { throw error }
                }
            }
        } catch { throw SidecarError(error) }
    }
}
