// Processes that read a file, add to it and replace it, one after the other.

import Glibc

/// A turn among all processes that ask for it with the same folder. It ends with this object, or with the process.
///
/// It is a help, no guarantee: on file systems without locks, and where somebody holds the turn for long (a stopped
/// process), work goes on without it.
public final class FolderTurn {
    private static let patience = 1_000
    private let descriptor: Int32

    /// Waits for the turn, a second at most; nil when there is none.
    public init?(_ folder: String) {
        guard let descriptor = try? FileCalls.open(folder, O_RDONLY | O_DIRECTORY) else { return nil }
        var hasTurn = false
        for _ in 0..<Self.patience {
            guard let locked = try? FileCalls.lock(descriptor, folder) else { break }
            hasTurn = locked
            if locked { break }
            usleep(1000)
        }
        guard hasTurn else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
