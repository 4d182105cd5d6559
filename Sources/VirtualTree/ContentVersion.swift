// Which of its contents a file has: what it shows changes with the recording and with what users add.

import Files

/// The state of the source file and of the lists that the file is made by, and of what users added to the virtual file.
struct ContentVersion: Hashable, Sendable {
    let source: FileStatus
    /// The digest of the lists; nil without one.
    let list: UInt64?
    /// The commit that added contents are of, and when it was made (ns since 1970): after a reset, numbers begin again.
    /// 0 when nothing was added.
    let commit: Int
    let committedAt: Int64

    init(source: FileStatus, list: UInt64? = nil, commit: Int = 0, committedAt: Int64 = 0) {
        self.source = source
        self.list = list
        self.commit = commit
        self.committedAt = committedAt
    }

    /// Whether what is computed is the same in both.
    func hasSameSource(as other: ContentVersion) -> Bool {
        source == other.source && list == other.list
    }
}
