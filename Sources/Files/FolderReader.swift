// Listing a folder: an error of readdir(3) is an error, never the end of the listing.

import Foundation

/// A folder whose names are being read. Not thread-safe.
public final class FolderReader {
    /// One name of a folder.
    public struct Item {
        /// nil when it is not UTF-8.
        public let name: String?
        /// A DT_ constant: DT_UNKNOWN where the filesystem does not say.
        public let type: Int32
    }

    public let path: String
    private let directory: OpaquePointer

    public init(_ path: String) throws(FileError) {
        guard let directory = opendir(path) else { throw FileError.current("list", path) }
        self.directory = directory
        self.path = path
    }

    /// Lists the open folder `descriptor`, which is closed with this value; `path` is for messages.
    public init(descriptor: Int32, path: String) throws(FileError) {
        guard let directory = fdopendir(descriptor) else {
            let error = FileError.current("list", path)
            Foundation.close(descriptor)
            throw error
        }
        self.directory = directory
        self.path = path
    }

    deinit { closedir(directory) }

    /// The next name, never `.` or `..`; nil after the last one.
    ///
    /// - Throws: what the system says. What came before is then no listing.
    public func next() throws(FileError) -> Item? {
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                guard errno == 0 else { throw FileError.current("list", path) }
                return nil
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) }
            }
            if name == "." || name == ".." { continue }
            return Item(name: name, type: Int32(entry.pointee.d_type))
        }
    }

    /// All names in a folder that are UTF-8, in no order.
    public static func names(_ path: String) throws(FileError) -> [String] {
        let reader = try FolderReader(path)
        var names: [String] = []
        while let item = try reader.next() { if let name = item.name { names.append(name) } }
        return names
    }
}
