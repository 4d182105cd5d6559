// How this process calls libhdf5: one thread at a time, quietly, with its error stack turned into TensorFileError.

import CHDF5
import Synchronization

enum HDF5 {
    // A build of libhdf5 need not be thread-safe, and where it is, it has one lock for everything anyway.
    private static let lock = Mutex(())

    // Every file is closed here. What could not be closed, because its bytes could not be written, cannot be at exit
    // either, where libhdf5 would try again and again and complain.
    private static let keepsOpenAtExit: Bool = H5dont_atexit() >= 0

    /// Runs `body` while no other thread is in libhdf5. Every call to the library belongs into such a body.
    static func serially<R: Sendable>(_ body: () throws(TensorFileError) -> R) throws(TensorFileError) -> R {
        try lock.withLock { (_) throws(TensorFileError) -> R in
            _ = keepsOpenAtExit
            // Errors are taken from the stack, not printed to stderr; a setting of each thread, so set in each.
            H5Eset_auto2(CHDF5_errorStack(), nil, nil)
            H5Eclear2(CHDF5_errorStack())
            return try body()
        }
    }

    /// Throws the library's error stack when `result` is negative, as failed calls return it.
    @discardableResult
    static func check<I: SignedInteger>(
        _ result: I, _ operation: @autoclosure () -> String
    ) throws(TensorFileError) -> I {
        guard result < 0 else { return result }
        let stack = errorStack()
        throw TensorFileError(.libraryFailed, "libhdf5 could not \(operation()): \(stack)", cause: stack)
    }

    /// The name and version of the library, for messages.
    static let libraryVersion: String = {
        var (major, minor, release): (UInt32, UInt32, UInt32) = (0, 0, 0)
        _ = H5get_libversion(&major, &minor, &release)
        return "libhdf5 \(major).\(minor).\(release)"
    }()

    private static func errorStack() -> HDF5ErrorStack {
        var lines: [String] = []
        withUnsafeMutablePointer(to: &lines) { pointer in
            _ = H5Ewalk2(
                CHDF5_errorStack(), H5E_WALK_DOWNWARD,
                { _, entry, context in
                    guard let entry, let context, let text = entry.pointee.desc else { return 0 }
                    context.assumingMemoryBound(to: [String].self).pointee.append(String(cString: text))
                    return 0
                }, pointer)
        }
        return HDF5ErrorStack(lines: lines)
    }
}

/// An identifier of libhdf5, given back when this value goes.
struct HDF5Identifier: ~Copyable {
    let id: hid_t
    private let release: (hid_t) -> herr_t

    /// Takes what a library call returned; throws the error stack when it is no identifier.
    init(
        _ id: hid_t, _ release: @escaping (hid_t) -> herr_t, _ operation: @autoclosure () -> String
    ) throws(TensorFileError) {
        self.id = try HDF5.check(id, operation())
        self.release = release
    }

    deinit { _ = release(id) }
}
