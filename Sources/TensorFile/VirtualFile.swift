// libhdf5 on a RandomAccessFile: the driver's callbacks, and how what they throw comes back to the caller.

import CHDF5

/// An HDF5 file whose bytes come from a `RandomAccessFile`. To be used within `HDF5.serially`.
final class VirtualFile {
    private let bytes: any RandomAccessFile
    /// Bytes that are not to be read or written: they are computed.
    let computed: Range<Int64>
    /// Looks at what is read from a file that is not written to.
    private var inspector: BlockInspector?
    /// Bytes read so far.
    private(set) var bytesRead: Int64 = 0
    /// What a callback threw first; libhdf5 itself only passes on that one failed.
    private var failure: (any Error)?
    /// Whether writes go nowhere: the file is given up, and libhdf5 must still be able to close it.
    private var isAbandoned = false

    private init(_ bytes: any RandomAccessFile, computed: Range<Int64>) {
        self.bytes = bytes
        self.computed = computed
    }

    /// A file that is yet to be made in `bytes`; to be kept until it is closed.
    convenience init(making bytes: any RandomAccessFile) { self.init(bytes, computed: 0..<0) }

    /// Opens `file`, runs `body` on it and closes it again; the bytes of `computed` are neither read nor written.
    ///
    /// Errors: `.fileUnreadable` with what the object threw as cause, and those of libhdf5 and of `body`.
    static func withFile<R>(
        _ bytes: any RandomAccessFile, computed: Range<Int64>, writable: Bool = false,
        _ body: (hid_t, VirtualFile) throws(TensorFileError) -> R
    ) throws(TensorFileError) -> R {
        let file = VirtualFile(bytes, computed: computed)
        return try withExtendedLifetime(file) { () throws(TensorFileError) -> R in
            do throws(TensorFileError) {
                if !writable {
                    let size = try VirtualFile.calling { try bytes.size() }
                    file.inspector = BlockInspector(bounds: StorageBounds(size: size, tensor: computed))
                }
                let id = try file.open(writable: writable)
                do throws(TensorFileError) {
                    let result = try body(id, file)
                    if writable { try HDF5.check(H5Fflush(id, H5F_SCOPE_GLOBAL), "write a file") }
                    // Flushed, so what may still fail is bookkeeping; abandoned, so that it cannot leave the file open.
                    let closed = H5Fclose(id)
                    if closed < 0 { file.abandon(id) }
                    try HDF5.check(closed, "close a file")
                    // Also what libhdf5 got over: it may have read less than there is.
                    try file.throwFailure()
                    return result
                } catch {
                    file.abandon(id)
                    throw error
                }
            } catch {
                throw file.explain(error)
            }
        }
    }

    /// Makes a new file in `bytes`, which are none yet. It must be kept until `id` is closed, or `abandon` was called.
    static func create(_ bytes: any RandomAccessFile) throws(TensorFileError) -> (file: VirtualFile, id: hid_t) {
        let file = VirtualFile(bytes, computed: 0..<0)
        do throws(TensorFileError) {
            let access = try file.access()
            let id = try HDF5.check(
                H5Fcreate("evh5", CHDF5_truncate(), CHDF5_default(), access.id), "create the file")
            return (file, id)
        } catch {
            throw file.explain(error)
        }
    }

    private func open(writable: Bool) throws(TensorFileError) -> hid_t {
        let access = try access()
        return try HDF5.check(
            H5Fopen("evh5", writable ? CHDF5_readWrite() : CHDF5_readOnly(), access.id), "open the file")
    }

    /// Properties that make libhdf5 use this object.
    func access() throws(TensorFileError) -> HDF5Identifier {
        let driver = try VirtualFile.driver.get()
        let access = try HDF5Identifier(H5Pcreate(CHDF5_fileAccessClass()), H5Pclose, "make a file's properties")
        try HDF5.check(
            CHDF5_setDriver(access.id, driver, Unmanaged.passUnretained(self).toOpaque()), "set a file's properties")
        return access
    }

    /// Throws what a callback threw: libhdf5 is not told of writes that failed.
    func throwFailure() throws(TensorFileError) {
        if let failure { throw TensorFileError(.libraryFailed, "\(failure)") }
    }

    /// What of `range` is in the file and not computed.
    func bytes(in range: Range<Int64>) throws(TensorFileError) -> [UInt8] {
        try VirtualFile.calling {
            let there = range.clamped(to: 0..<max(0, try bytes.size()))
            guard !there.isEmpty, !there.overlaps(computed) else { return [] }
            var copy = [UInt8](repeating: 0, count: there.count)
            try copy.withUnsafeMutableBytes { try bytes.read(into: $0, at: there.lowerBound) }
            return copy
        }
    }

    /// Closes the file without writing any more.
    func abandon(_ id: hid_t) {
        isAbandoned = true
        guard H5Iis_valid(id) > 0 else { return }
        _ = H5Fclose(id)
    }

    /// `error` of a call that failed because a callback did: libhdf5's text ends with what that one threw.
    func explain(_ error: TensorFileError) -> TensorFileError {
        switch failure {
        case nil: error
        case let failure as TensorFileError: TensorFileError(failure.code, error.message, cause: failure)
        case let failure?: TensorFileError(.fileUnreadable, error.message, cause: failure)
        }
    }

    /// Runs `body`, whose errors are those of a `RandomAccessFile`.
    static func calling<R>(_ body: () throws -> R) throws(TensorFileError) -> R {
        do { return try body() } catch {
            throw TensorFileError(
                .fileUnreadable, "the file's bytes could not be read or written: \(error)", cause: error)
        }
    }

    // MARK: Callbacks

    /// The driver, registered at its first use and for good.
    private static let driver: Result<hid_t, TensorFileError> = {
        let calls = CHDF5_FileCalls(
            size: { file in VirtualFile.of(file).size() },
            read: { file, type, at, bytes, count in VirtualFile.of(file).read(type, at, bytes, count) },
            write: { file, at, bytes, count in VirtualFile.of(file).write(at, bytes, count) },
            setSize: { file, size in VirtualFile.of(file).setSize(size) })
        do throws(TensorFileError) {
            return .success(try HDF5.check(CHDF5_registerDriver(calls), "register a virtual file driver"))
        } catch {
            return .failure(error)
        }
    }()

    private static func of(_ file: UnsafeMutableRawPointer?) -> VirtualFile {
        // libhdf5 gives back the pointer it got in `open`; the object lives until the file is closed.
        Unmanaged<VirtualFile>.fromOpaque(file!).takeUnretainedValue()
    }

    private func size() -> Int64 {
        var size: Int64 = -1
        return attempt { size = try bytes.size() } == 0 ? size : -1
    }

    private func read(_ type: H5FD_mem_t, _ at: UInt64, _ target: UnsafeMutableRawPointer?, _ count: Int) -> Int32 {
        attempt {
            guard count > 0 else { return }
            let offset = try check(at, count, "read")
            let buffer = UnsafeMutableRawBufferPointer(start: target, count: count)
            // Space that was allocated but not written yet is zeros.
            let there = Int(min(max(0, try bytes.size() - offset), Int64(count)))
            if there > 0 { try bytes.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<there]), at: offset) }
            if there < count {
                UnsafeMutableRawBufferPointer(rebasing: buffer[there...]).initializeMemory(as: UInt8.self, repeating: 0)
            }
            bytesRead += Int64(count)
            try inspector?.check(UnsafeRawBufferPointer(buffer), type, at: offset, of: bytes)
        }
    }

    private func write(_ at: UInt64, _ source: UnsafeRawPointer?, _ count: Int) -> Int32 {
        change {
            guard count > 0 else { return }
            let offset = try check(at, count, "write")
            try bytes.write(UnsafeRawBufferPointer(start: source, count: count), at: offset)
        }
    }

    private func setSize(_ size: UInt64) -> Int32 {
        change { try bytes.setSize(Int64(check(size, 0, "end the file"))) }
    }

    /// 0, also when `body` throws: libhdf5 tends to crash when it cannot write. The file is given up then, which its
    /// caller is told when libhdf5 has finished.
    private func change(_ body: () throws -> Void) -> Int32 {
        guard !isAbandoned else { return 0 }
        if attempt(body) < 0 { isAbandoned = true }
        return 0
    }

    /// The offset of `count` bytes from `at` on, when they are no computed ones.
    private func check(_ at: UInt64, _ count: Int, _ what: String) throws(TensorFileError) -> Int64 {
        let end = at.addingReportingOverflow(UInt64(count))
        guard !end.overflow, end.partialValue <= UInt64(Int64.max) else {
            throw TensorFileError(.invalidFile, "libhdf5 was led to \(what) at \(at), past the end of any file")
        }
        let range = Int64(at)..<Int64(end.partialValue)
        guard !range.overlaps(computed) else {
            throw TensorFileError(
                .invalidFile,
                "libhdf5 was led to \(what) bytes \(range) as part of an added object, but the tensor is there")
        }
        return Int64(at)
    }

    /// 0, or -1 when `body` throws; the first error is kept, and its text goes onto libhdf5's error stack.
    private func attempt(_ body: () throws -> Void) -> Int32 {
        do {
            try body()
            return 0
        } catch {
            if failure == nil { failure = error }
            CHDF5_pushError("\(error)")
            return -1
        }
    }
}
