// Copies what users added from one file to another: object by object, so that every object stays one object however
// many links it has, and the tensor is never among what is copied.

import CHDF5

/// One copy between two open files. evh5's own datasets are there in both, or at least in the first.
struct ContentsCopy {
    let source: hid_t
    let target: hid_t
    /// Where objects of the source are in the target, by the addresses of their headers.
    var places: [haddr_t: haddr_t] = [:]
    /// Objects in the order in which they were copied; attributes and references follow when all are there.
    private(set) var copied: [(source: haddr_t, target: haddr_t, kind: OpenObject.Kind, path: String)] = []
    private(set) var report = CarryOverReport()

    /// Headers of the source's own datasets, and of the groups that they are in.
    private var own: Set<haddr_t> = []
    /// Datasets of the source whose elements are still to be copied.
    private(set) var pending: Set<haddr_t> = []
    /// Names in the target's root group that are taken.
    private var taken: Set<LinkName> = []
    /// The target's group of named datatypes, for the time of the copy.
    private var types: LinkName?

    private init(_ source: hid_t, _ target: hid_t) {
        self.source = source
        self.target = target
    }

    /// Copies all but evh5's own datasets of the paths `own`, the groups that they are in, and what the target already
    /// has of their attributes and the root's.
    static func run(
        from source: hid_t, to target: hid_t, own paths: [String]
    ) throws(TensorFileError) -> CarryOverReport {
        var copy = ContentsCopy(source, target)
        let from = try OpenObject(root: source)
        let to = try OpenObject(root: target)
        copy.places[from.address] = to.address
        copy.taken = Set(try to.links("/").map(\.name))
        var known = [(from.address, to.address, "/")]
        let own = OwnPaths(paths)
        for path in own.all {
            guard let old = try own.address(of: path, in: source) else { continue }
            // A group that is nobody's but the user's now is copied as theirs.
            let place = try own.address(of: path, in: target)
            if own.groups.contains(path), place == nil { continue }
            copy.own.insert(old)
            guard let place else { continue }
            copy.places[old] = place
            known.append((old, place, path))
        }
        try copy.copyTypes(root: to)
        for (old, new, path) in known where path == "/" || own.groups.contains(path) {
            try copy.copyTree(from: old, to: new, path, except: own.names(in: path))
        }
        try copy.removeTypes()
        for (old, new, path) in known { try copy.copyAttributes(from: old, to: new, path: path) }
        for object in copy.copied {
            try copy.copyAttributes(from: object.source, to: object.target, path: object.path)
            if object.kind == .dataset {
                try copy.copyElements(from: object.source, to: object.target, path: object.path)
            }
        }
        return copy.report
    }

    /// Has elements copied one by one once all objects are there.
    mutating func copyLater(_ dataset: haddr_t) { pending.insert(dataset) }

    mutating func count(attributes: Int = 0, lostReferences: Int = 0) {
        report.attributes += attributes
        report.lostReferences += lostReferences
    }

    // MARK: Groups and links

    /// Copies the links of a group that is there in both, and all that they lead to.
    private mutating func copyTree(
        from old: haddr_t, to new: haddr_t, _ path: String, except own: [String]
    ) throws(TensorFileError) {
        let from = try OpenObject(source, at: old, path: path)
        let to = try OpenObject(target, at: new, path: path)
        let links = try from.links(path).filter { link in
            guard own.contains(where: { link.name == LinkName($0) }) else { return true }
            // One that the target has no place for any more is the user's.
            guard case .object(let address) = link.target else { return true }
            return !self.own.contains(address) && places[address] == nil
        }
        var taken = Set(try to.links(path).map(\.name))
        let names = Set(links.map(\.name))
        var open: [(source: haddr_t, target: haddr_t, path: String)] = []
        for link in links {
            var name = link.name
            var number = 1
            while taken.contains(name) || number > 1 && names.contains(name) {
                name = LinkName("\(link.name)_\(number)")
                number += 1
            }
            taken.insert(name)
            if name != link.name {
                let prefix = path == "/" ? "" : path.dropFirst() + "/"
                report.renamed["\(prefix)\(link.name)"] = "\(prefix)\(name)"
            }
            try copy(link, of: from.id, path, to: to.id, as: name, &open)
        }
        while let next = open.popLast() {
            let from = try OpenObject(source, at: next.source, path: next.path)
            let to = try OpenObject(target, at: next.target, path: next.path)
            for link in try from.links(next.path) {
                try copy(link, of: from.id, next.path, to: to.id, as: link.name, &open)
            }
        }
    }

    /// Makes `link` of the source's group `group` anew as `name` in `parent`, and what it leads to when
    /// that is not there yet; a new group's own links are left to `open`.
    private mutating func copy(
        _ link: ObjectLink, of group: hid_t, _ groupPath: String, to parent: hid_t, as name: LinkName,
        _ open: inout [(source: haddr_t, target: haddr_t, path: String)]
    ) throws(TensorFileError) {
        let path = link.name.path(in: groupPath)
        let properties = try HDF5Identifier(
            H5Pcreate(CHDF5_linkCreateClass()), H5Pclose, "make a link's properties")
        try HDF5.check(H5Pset_char_encoding(properties.id, link.characterSet), "set a link's properties")
        switch link.target {
        case .object(let address):
            if let place = places[address] {
                let object = try OpenObject(target, at: place, path: path)
                try HDF5.check(
                    H5Olink(object.id, parent, name.characters, properties.id, CHDF5_default()), "link '\(path)'")
                return
            }
            guard !own.contains(address) else { return report.leftOut.append(path) }
            let object = try OpenObject(source, at: address, path: path)
            try copy(object, path, to: parent, as: name, properties.id)
            let place = try OpenObject(in: parent, name, path: path).address
            places[address] = place
            copied.append((address, place, object.kind, path))
            report.objects += 1
            if object.kind == .group { open.append((address, place, path)) }
        case .soft(let size):
            let value = try link.value(in: group, size, path)
            try HDF5.check(
                H5Lcreate_soft(value, parent, name.characters, properties.id, CHDF5_default()), "link '\(path)'")
        case .external(let size):
            let value = try link.value(in: group, size, path)
            let (file, object) = try link.unpack(value, size, path)
            try HDF5.check(
                H5Lcreate_external(
                    file.characters, object.characters, parent, name.characters, properties.id, CHDF5_default()),
                "link '\(path)'")
        case .other: report.leftOut.append(path)
        }
    }

    // MARK: Objects

    /// Copies an object without its attributes and, for a group, without its links.
    private mutating func copy(
        _ object: borrowing OpenObject, _ path: String, to parent: hid_t, as name: LinkName, _ link: hid_t
    ) throws(TensorFileError) {
        switch object.kind {
        case .group: return try makeGroup(like: object, path, in: parent, name, link)
        case .dataset: if try makeDataset(like: object, path, in: parent, name, link) { return }
        case .datatype: break
        }
        let properties = try HDF5Identifier(
            H5Pcreate(CHDF5_objectCopyClass()), H5Pclose, "make a copy's properties")
        try HDF5.check(
            H5Pset_copy_object(properties.id, UInt32(H5O_COPY_WITHOUT_ATTR_FLAG)), "set a copy's properties")
        try HDF5.check(H5Ocopy(object.id, ".", parent, name.characters, properties.id, link), "copy '\(path)'")
    }

    private func makeGroup(
        like group: borrowing OpenObject, _ path: String, in parent: hid_t, _ name: LinkName, _ link: hid_t
    ) throws(TensorFileError) {
        let properties = try groupProperties(like: group, path)
        let made = try withFormat(of: group, path) {
            H5Gcreate2(parent, name.characters, link, properties.id, CHDF5_default())
        }
        _ = try HDF5Identifier(made, H5Gclose, "make group '\(path)'")
    }

    /// Runs `body`, which makes an object like `object`: one of the newer format may have attributes that one of the
    /// older format has no room for.
    func withFormat(
        of object: borrowing OpenObject, _ path: String, _ body: () -> hid_t
    ) throws(TensorFileError) -> hid_t {
        guard try HDF5.check(CHDF5_headerVersion(object.id), "look at '\(path)'") > 1 else { return body() }
        try HDF5.check(
            H5Fset_libver_bounds(target, H5F_LIBVER_V18, CHDF5_latestVersion()), "set a file's properties")
        let result = body()
        try HDF5.check(
            H5Fset_libver_bounds(target, H5F_LIBVER_EARLIEST, CHDF5_latestVersion()), "set a file's properties")
        return result
    }

    /// A list made of values: the one that libhdf5 gives for a group also holds where the group keeps its links.
    private func groupProperties(like group: borrowing OpenObject, _ path: String) throws(TensorFileError)
        -> HDF5Identifier
    {
        let old = try HDF5Identifier(H5Gget_create_plist(group.id), H5Pclose, "look at '\(path)'")
        let new = try HDF5Identifier(H5Pcreate(CHDF5_groupCreateClass()), H5Pclose, "make a group's properties")
        var (linkOrder, attributeOrder, tracksTimes): (UInt32, UInt32, hbool_t) = (0, 0, hbool_t(true))
        var (most, least): (UInt32, UInt32) = (0, 0)
        try HDF5.check(H5Pget_link_creation_order(old.id, &linkOrder), "look at '\(path)'")
        try HDF5.check(H5Pset_link_creation_order(new.id, linkOrder), "set a group's properties")
        try HDF5.check(H5Pget_link_phase_change(old.id, &most, &least), "look at '\(path)'")
        try HDF5.check(H5Pset_link_phase_change(new.id, most, least), "set a group's properties")
        try HDF5.check(H5Pget_attr_creation_order(old.id, &attributeOrder), "look at '\(path)'")
        try HDF5.check(H5Pset_attr_creation_order(new.id, attributeOrder), "set a group's properties")
        try HDF5.check(H5Pget_attr_phase_change(old.id, &most, &least), "look at '\(path)'")
        try HDF5.check(H5Pset_attr_phase_change(new.id, most, least), "set a group's properties")
        try HDF5.check(H5Pget_obj_track_times(old.id, &tracksTimes), "look at '\(path)'")
        try HDF5.check(H5Pset_obj_track_times(new.id, tracksTimes), "set a group's properties")
        return new
    }

    // MARK: Named datatypes

    /// Copies all named datatypes first, into a group that is there for the time of the copy: datasets are to find
    /// theirs wherever its links come in the order of links.
    private mutating func copyTypes(root: borrowing OpenObject) throws(TensorFileError) {
        var found: [(address: haddr_t, path: String)] = []
        var walk = ObjectWalk()
        try walk.run(source) { (object, path, _) throws(TensorFileError) in
            if object.kind == .datatype { found.append((object.address, path)) }
        }
        guard !found.isEmpty else { return }
        var name = LinkName("evh5 datatypes")
        while taken.contains(name) { name = LinkName("\(name) again") }
        let group = try HDF5Identifier(
            H5Gcreate2(root.id, name.characters, CHDF5_default(), CHDF5_default(), CHDF5_default()), H5Gclose,
            "make a group")
        for (index, type) in found.enumerated() {
            let object = try OpenObject(source, at: type.address, path: type.path)
            let properties = try HDF5Identifier(
                H5Tget_create_plist(object.id), H5Pclose, "look at '\(type.path)'")
            let copy = try HDF5Identifier(H5Tcopy(object.id), H5Tclose, "copy '\(type.path)'")
            try HDF5.check(
                H5Tcommit2(group.id, "\(index)", copy.id, CHDF5_default(), properties.id, CHDF5_default()),
                "copy '\(type.path)'")
            let place = try OpenObject(in: group.id, LinkName("\(index)"), path: type.path).address
            places[type.address] = place
            copied.append((type.address, place, .datatype, type.path))
            report.objects += 1
        }
        types = name
    }

    private func removeTypes() throws(TensorFileError) {
        guard let types else { return }
        try HDF5.check(H5Ldelete(target, types.characters, CHDF5_default()), "delete a group")
    }
}
