// Objects and links of an HDF5 file as libhdf5 reports them, without following what leads out of it.

import CHDF5
import Glibc

/// A name in a file: bytes, mostly UTF-8.
struct LinkName: Hashable, CustomStringConvertible {
    /// With a zero at the end, as libhdf5 takes it.
    let characters: [CChar]

    init(_ characters: UnsafePointer<CChar>) {
        self.characters = Array(UnsafeBufferPointer(start: characters, count: strlen(characters) + 1))
    }

    init(_ text: String) { characters = text.utf8.map { CChar(bitPattern: $0) } + [0] }

    /// The path of the link of this name in the group at `path`.
    func path(in path: String) -> String { path == "/" ? "/\(self)" : "\(path)/\(self)" }

    var description: String { String(decoding: characters.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
}

/// A link of a group.
struct ObjectLink {
    enum Target {
        /// The object whose header is at this address.
        case object(haddr_t)
        /// A path or a foreign file, of so many bytes.
        case soft(Int)
        case external(Int)
        /// A kind that a program defined for itself.
        case other
    }

    let name: LinkName
    let target: Target
    let characterSet: H5T_cset_t

    /// What a soft or external link of `group` holds, `size` bytes, with a zero after them.
    func value(in group: hid_t, _ size: Int, _ path: String) throws(TensorFileError) -> [CChar] {
        var value = [CChar](repeating: 0, count: size + 1)
        try HDF5.check(
            H5Lget_val(group, name.characters, &value, size, CHDF5_default()), "read link '\(path)'")
        return value
    }

    /// File and path of an external link's `value` of `size` bytes.
    func unpack(
        _ value: [CChar], _ size: Int, _ path: String
    ) throws(TensorFileError) -> (file: LinkName, object: LinkName) {
        var (flags, file, object): (UInt32, UnsafePointer<CChar>?, UnsafePointer<CChar>?) = (0, nil, nil)
        var names: (LinkName, LinkName)?
        let result = value.withUnsafeBytes { bytes in
            let result = H5Lunpack_elink_val(bytes.baseAddress, size, &flags, &file, &object)
            // Both point into `value`.
            if result >= 0, let file, let object { names = (LinkName(file), LinkName(object)) }
            return result
        }
        try HDF5.check(result, "read link '\(path)'")
        guard let names else { throw TensorFileError(.invalidFile, "the external link '\(path)' leads to no file") }
        return names
    }
}

/// An open object: a group, a dataset or a named datatype.
struct OpenObject: ~Copyable {
    enum Kind { case group, dataset, datatype }

    private let identifier: HDF5Identifier
    var id: hid_t { identifier.id }
    let address: haddr_t
    let kind: Kind
    /// How many attributes it has.
    let attributeCount: Int

    /// Opens the object with its header at `address` of `file`; `path` is for messages.
    init(_ file: hid_t, at address: haddr_t, path: @autoclosure () -> String) throws(TensorFileError) {
        try self.init(HDF5Identifier(H5Oopen_by_addr(file, address), H5Oclose, "open '\(path())'"), path())
    }

    /// Opens the object that the link `name` of `group` leads to.
    init(in group: hid_t, _ name: LinkName, path: @autoclosure () -> String) throws(TensorFileError) {
        try self.init(
            HDF5Identifier(H5Oopen(group, name.characters, CHDF5_default()), H5Oclose, "open '\(path())'"), path())
    }

    /// The root group of `file`.
    init(root file: hid_t) throws(TensorFileError) {
        try self.init(HDF5Identifier(H5Oopen(file, "/", CHDF5_default()), H5Oclose, "open the root group"), "/")
    }

    private init(
        _ identifier: consuming HDF5Identifier, _ path: @autoclosure () -> String
    ) throws(TensorFileError) {
        var info = CHDF5_ObjectInfo()
        try HDF5.check(CHDF5_objectInfo(identifier.id, &info), "look at '\(path())'")
        switch info.kind {
        case H5O_TYPE_GROUP: kind = .group
        case H5O_TYPE_DATASET: kind = .dataset
        case H5O_TYPE_NAMED_DATATYPE: kind = .datatype
        default:
            throw TensorFileError(
                .invalidFile,
                "'\(path())' is of a kind that \(HDF5.libraryVersion) does not know: "
                    + "it was written by a newer version, or is damaged")
        }
        self.identifier = identifier
        address = info.address
        attributeCount = Int(clamping: info.attributes)
    }

    /// The links of this group, in the order in which they were made when the group keeps it.
    func links(_ path: @autoclosure () -> String) throws(TensorFileError) -> [ObjectLink] {
        let properties = try HDF5Identifier(H5Gget_create_plist(id), H5Pclose, "look at '\(path())'")
        var order: UInt32 = 0
        try HDF5.check(H5Pget_link_creation_order(properties.id, &order), "look at '\(path())'")
        let isTracked = order & UInt32(H5P_CRT_ORDER_TRACKED) != 0
        var links: [ObjectLink] = []
        let result = withUnsafeMutablePointer(to: &links) { links in
            CHDF5_iterateLinks(
                id, isTracked ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME, isTracked ? H5_ITER_INC : H5_ITER_NATIVE,
                { _, name, info, context in
                    guard let name, let info, let context else { return -1 }
                    let target: ObjectLink.Target =
                        switch info.pointee.type {
                        case H5L_TYPE_HARD: .object(info.pointee.u.address)
                        case H5L_TYPE_SOFT: .soft(info.pointee.u.val_size)
                        case H5L_TYPE_EXTERNAL: .external(info.pointee.u.val_size)
                        default: .other
                        }
                    context.assumingMemoryBound(to: [ObjectLink].self).pointee.append(
                        ObjectLink(name: LinkName(name), target: target, characterSet: info.pointee.cset))
                    return 0
                }, links)
        }
        try HDF5.check(result, "list '\(path())'")
        return links
    }

    /// The names of this object's attributes, in the order in which the file has them.
    func attributeNames(_ path: @autoclosure () -> String) throws(TensorFileError) -> [LinkName] {
        guard attributeCount > 0 else { return [] }
        var names: [LinkName] = []
        let result = withUnsafeMutablePointer(to: &names) { names in
            H5Aiterate2(
                id, H5_INDEX_NAME, H5_ITER_NATIVE, nil,
                { _, name, _, context in
                    guard let name, let context else { return -1 }
                    context.assumingMemoryBound(to: [LinkName].self).pointee.append(LinkName(name))
                    return 0
                }, names)
        }
        try HDF5.check(result, "list the attributes of '\(path())'")
        return names
    }
}

/// Every object of a file that hard links reach from the root, each once; cycles do no harm.
struct ObjectWalk {
    /// What is still to be visited: a stack, so that depth costs no recursion.
    private var open: [(address: haddr_t, path: String)] = []
    private var seen: Set<haddr_t> = []

    /// Calls `visit` with each object of `file`, its path and, for a group, its links.
    mutating func run(
        _ file: hid_t,
        _ visit: (borrowing OpenObject, String, [ObjectLink]) throws(TensorFileError) -> Void
    ) throws(TensorFileError) {
        let root = try OpenObject(root: file)
        seen = [root.address]
        try step(root, "/", visit)
        while let next = open.popLast() {
            try step(OpenObject(file, at: next.address, path: next.path), next.path, visit)
        }
    }

    private mutating func step(
        _ object: borrowing OpenObject, _ path: String,
        _ visit: (borrowing OpenObject, String, [ObjectLink]) throws(TensorFileError) -> Void
    ) throws(TensorFileError) {
        let links = object.kind == .group ? try object.links(path) : []
        try visit(object, path, links)
        for link in links.reversed() {
            guard case .object(let address) = link.target, seen.insert(address).inserted else { continue }
            open.append((address, link.name.path(in: path)))
        }
    }
}
