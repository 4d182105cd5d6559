// The program's version, in one place.

/// What `evh5 --version` says and every tensor file's root attribute repeats.
public let programVersion = "0.1.0"
