// The version of the tensors' bytes, part of every cache key.

/// Bump this whenever one byte of any frame of any tensor changes: a kernel's arithmetic, the assignment of events to
/// frames, the number of frames, the contents of `/last_timestamps`. Caches made by another version are then not
/// believed. Attributes do not count: they are not cached.
public let tensorVersion = 1
