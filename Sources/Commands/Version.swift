// The program's version, in one place.

import CBuild

/// What every tensor file's root attribute repeats, and packages are named by. It says nothing of the commit: what is
/// computed and kept must not change with that.
public let programVersion = "0.2.0"

/// What `evh5 --version` says: the version, and the commit when the build knew one.
let programRevision: String = {
    let commit = String(cString: CBuild_commit)
    return commit.isEmpty ? "evh5 \(programVersion)" : "evh5 \(programVersion) (commit \(commit))"
}()
