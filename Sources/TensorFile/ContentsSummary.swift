// What users added, as a list for people.

import CHDF5

/// A link that users added to a tensor file, and what it leads to.
public struct AddedObject: Hashable, Codable, Sendable {
    public enum Kind: String, Codable, Sendable {
        case group
        case dataset
        /// A named datatype.
        case datatype
        /// A further link to an object that was listed before, or to the tensor.
        case hardLink
        case softLink
        case externalLink
        /// A link of a kind that a program defines for itself.
        case otherLink
    }

    public var path: String
    public var kind: Kind
    /// A dataset's lengths; none for a single value, nil for no elements at all.
    public var shape: [UInt64]?
    /// A dataset's or datatype's elements, such as "float32" or "string".
    public var type: String?
    /// What a dataset's raw data takes in the file.
    public var bytes: UInt64?
    /// How many attributes a group, dataset or datatype has.
    public var attributes: Int
    /// Where a link leads: a path, or "file:path".
    public var target: String?

    init(_ path: String, _ kind: Kind, target: String? = nil) {
        self.path = path
        self.kind = kind
        self.target = target
        attributes = 0
    }
}

enum ContentsSummary {
    /// The links of the open file `file`, except those of evh5's own datasets and of the groups that they are in.
    static func of(_ file: hid_t, _ expected: FileExpectation) throws(TensorFileError) -> [AddedObject] {
        var list: [AddedObject] = []
        // The first path of each object.
        var listed: [haddr_t: String] = [:]
        let root = try OpenObject(root: file)
        listed[root.address] = "/"
        let own = OwnPaths(expected.ownPaths)
        // First the objects that are evh5's, so that a further link to one is known as such.
        for path in own.all {
            if let address = try own.address(of: path, in: file) { listed[address] = path }
        }
        // Reversed, as they are taken from the end.
        var open = try root.links("/").reversed().map {
            (link: $0, group: root.address, path: $0.name.path(in: "/"))
        }
        while let (link, group, path) = open.popLast() {
            guard case .object(let address) = link.target else {
                list.append(try entry(of: link, in: OpenObject(file, at: group, path: path), path))
                continue
            }
            if own.all.contains(path) {
                guard own.groups.contains(path) else { continue }
                let group = try OpenObject(file, at: address, path: path)
                open += try group.links(path).reversed().map { ($0, address, $0.name.path(in: path)) }
                continue
            }
            if let first = listed[address] {
                list.append(AddedObject(path, .hardLink, target: first))
                continue
            }
            listed[address] = path
            let object = try OpenObject(file, at: address, path: path)
            list.append(try entry(of: object, path))
            guard object.kind == .group else { continue }
            open += try object.links(path).reversed().map { ($0, address, $0.name.path(in: path)) }
        }
        return list
    }

    private static func entry(of object: borrowing OpenObject, _ path: String) throws(TensorFileError) -> AddedObject {
        let kind: AddedObject.Kind
        switch object.kind {
        case .group: kind = .group
        case .dataset: kind = .dataset
        case .datatype: kind = .datatype
        }
        var entry = AddedObject(path, kind)
        entry.attributes = object.attributeCount
        switch object.kind {
        case .group: break
        case .datatype: entry.type = TypeText.of(object.id)
        case .dataset:
            let dataset = try DatasetStorage(object, path)
            entry.type = TypeText.of(dataset.type.id)
            entry.shape = try dataset.shape()?.map { UInt64($0) }
            entry.bytes = UInt64(H5Dget_storage_size(object.id))
        }
        return entry
    }

    private static func entry(
        of link: ObjectLink, in group: borrowing OpenObject, _ path: String
    ) throws(TensorFileError) -> AddedObject {
        switch link.target {
        case .soft(let size):
            let value = try link.value(in: group.id, size, path)
            return AddedObject(path, .softLink, target: "\(LinkName(value))")
        case .external(let size):
            let value = try link.value(in: group.id, size, path)
            let (file, object) = try link.unpack(value, size, path)
            return AddedObject(path, .externalLink, target: "\(file):\(object)")
        case .object, .other: return AddedObject(path, .otherLink)
        }
    }
}
