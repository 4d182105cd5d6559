// Attributes on their way from one file to another.

import CHDF5

extension ContentsCopy {
    /// Copies the attributes that the target's object does not have, each with its exact type.
    mutating func copyAttributes(
        from: haddr_t, to: haddr_t, path: String
    ) throws(TensorFileError) {
        let source = try OpenObject(source, at: from, path: path)
        let names = try source.attributeNames(path)
        guard !names.isEmpty else { return }
        let target = try OpenObject(target, at: to, path: path)
        for name in names {
            let what = "attribute '\(name)' of '\(path)'"
            guard try HDF5.check(H5Aexists(target.id, name.characters), "look for \(what)") == 0 else { continue }
            let attribute = try HDF5Identifier(
                H5Aopen(source.id, name.characters, CHDF5_default()), H5Aclose, "open \(what)")
            let type = try HDF5Identifier(H5Aget_type(attribute.id), H5Tclose, "look at \(what)")
            let space = try HDF5Identifier(H5Aget_space(attribute.id), H5Sclose, "look at \(what)")
            let properties = try HDF5Identifier(
                H5Aget_create_plist(attribute.id), H5Pclose, "look at \(what)")
            let copyType = try typeInTarget(type.id, what)
            let copy = try HDF5Identifier(
                H5Acreate2(
                    target.id, name.characters, copyType.id, space.id, properties.id, CHDF5_default()), H5Aclose,
                "create \(what)")
            let shape = try ElementShape(type.id)
            let buffer = try ElementBuffer(type.id, space.id, shape, limit: .max)
            if buffer.count > 0 {
                try HDF5.check(H5Aread(attribute.id, type.id, buffer.start), "read \(what)")
                try redirect(buffer, shape)
                try HDF5.check(H5Awrite(copy.id, type.id, buffer.start), "write \(what)")
            }
            count(attributes: 1)
        }
    }
}
