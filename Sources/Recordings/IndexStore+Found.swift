// What took a pass over a recording's events, kept beside its time index.

import Files

extension IndexStore {
    /// Files of that ending are in the store's folder.
    package static let foundSuffix = ".evh5cuts"
    private static let version = 1
    /// More bytes are kept on disk only.
    private static let memoryLimit = 1 << 22

    /// What was found by the name `name` in the state of the recording that `index` is of; nil when nothing was, or it
    /// is damaged.
    package func found(_ name: String, _ index: TimeIndex) -> [UInt8]? {
        let key = Self.key(name, index)
        if let known = inMemory(key) { return known }
        guard let directory else { return nil }
        let bytes: [UInt8]
        do throws(FileError) {
            let file = try File(path: "\(directory)/\(Self.fileName(name, index))")
            let size = try file.status().size
            guard size < 1 << 28 else { return nil }
            bytes = try file.bytes(in: 0..<size)
        } catch {
            if error.errno != 2 { note(error.message) }
            return nil
        }
        // The checksum, then the key, then what was found.
        let start = 4 + key.utf8.count
        guard bytes.count >= start, bytes[4..<start].elementsEqual(key.utf8),
            Self.bytes(of: crc32(Array(bytes[4...]))).elementsEqual(bytes[..<4])
        else { return nil }
        let found = Array(bytes[start...])
        remember(found, key)
        return found
    }

    /// Keeps what was found; what was found by the same name in another state of the recording goes.
    package func keep(_ found: [UInt8], _ name: String, _ index: TimeIndex) {
        let key = Self.key(name, index)
        remember(found, key)
        guard let directory else { return }
        let body = Array(key.utf8) + found
        do throws(FileError) {
            try makeDirectories(directory)
            try AtomicFile.write(Self.bytes(of: crc32(body)) + body, to: "\(directory)/\(Self.fileName(name, index))")
        } catch {
            note("where frames end could not be stored: \(error.message)")
        }
    }

    private func inMemory(_ key: String) -> [UInt8]? { foundBefore.withLock { $0[key] } }

    private func remember(_ found: [UInt8], _ key: String) {
        if found.count <= Self.memoryLimit { foundBefore.withLock { $0[key] = found } }
    }

    private static func bytes(of checksum: UInt32) -> [UInt8] {
        withUnsafeBytes(of: checksum.littleEndian, Array.init)
    }

    /// As for frames, the device does not count: every machine numbers those in its own way.
    private static func key(_ name: String, _ index: TimeIndex) -> String {
        let identity = index.identity
        return """
            evh5 found \(version)
            \(name)
            inode \(identity.inode) size \(identity.size) modified \(identity.modified) header \(identity.headerDigest)
            geometry \(identity.geometry) format \(identity.format) contents \(index.contentsDigest)

            """
    }

    private static func fileName(_ name: String, _ index: TimeIndex) -> String {
        let identity = index.identity
        return hash("\(name)/\(identity.inode)/\(identity.headerDigest)/\(identity.geometry)/\(identity.format)")
            + foundSuffix
    }
}
