// Elements that are more than bytes on their way from one file to another: variable-length values, values of named
// datatypes, and references, which are made to refer to the copies.

import CHDF5

extension ContentsCopy {
    /// Makes a dataset whose elements must be read and written, not copied as bytes; false when it is none of those.
    ///
    /// Those are the ones whose datatype is variable, has references or is named. (H5Ocopy would make references null,
    /// give a dataset a datatype of its own, and take the address of a variable-length fill value for one in the new
    /// file.)
    mutating func makeDataset(
        like object: borrowing OpenObject, _ path: String, in parent: hid_t, _ name: LinkName, _ link: hid_t
    ) throws(TensorFileError) -> Bool {
        let dataset = try DatasetStorage(object, path)
        let shape = try ElementShape(dataset.type.id)
        let isNamed = try HDF5.check(H5Tcommitted(dataset.type.id), "look at '\(path)'") > 0
        guard !shape.isPlain || isNamed else { return false }
        guard try dataset.isReadable() else {
            // Bytes that cannot be decoded here have to be copied as they are.
            if shape.hasReferences { count(lostReferences: dataset.elementCount) }
            return false
        }
        let type = try typeInTarget(dataset.type.id, "'\(path)'")
        let made = try withFormat(of: object, path) {
            H5Dcreate2(
                parent, name.characters, type.id, dataset.space.id, link, dataset.properties.id, CHDF5_default())
        }
        _ = try HDF5Identifier(made, H5Dclose, "create '\(path)'")
        copyLater(object.address)
        return true
    }

    /// Copies the elements of a dataset that `makeDataset` made.
    mutating func copyElements(from: haddr_t, to: haddr_t, path: String) throws(TensorFileError) {
        guard pending.contains(from) else { return }
        let source = try OpenObject(source, at: from, path: path)
        let dataset = try DatasetStorage(source, path)
        // What was never written is not written here either.
        guard H5Dget_storage_size(source.id) > 0, let grid = try dataset.grid() else { return }
        let shape = try ElementShape(dataset.type.id)
        let target = try OpenObject(target, at: to, path: path)
        try dataset.forEachBlock(of: grid, shape) { (buffer, memory, file) throws(TensorFileError) in
            try redirect(buffer, shape)
            try HDF5.check(
                H5Dwrite(target.id, dataset.type.id, memory, file, CHDF5_default(), buffer.start),
                "write '\(path)'")
            return true
        }
    }

    /// The datatype to create a copy with: the named one of the target, or a free copy.
    func typeInTarget(_ type: hid_t, _ what: String) throws(TensorFileError) -> HDF5Identifier {
        if try HDF5.check(H5Tcommitted(type), "look at \(what)") > 0 {
            var info = CHDF5_ObjectInfo()
            try HDF5.check(CHDF5_objectInfo(type, &info), "look at \(what)")
            if let place = places[info.address] {
                return try HDF5Identifier(
                    H5Oopen_by_addr(target, place), H5Oclose, "open the datatype of \(what)")
            }
        }
        return try HDF5Identifier(H5Tcopy(type), H5Tclose, "copy the datatype of \(what)")
    }

    /// Makes every reference in `buffer` one to the copy of what it refers to, or null.
    mutating func redirect(
        _ buffer: borrowing ElementBuffer, _ shape: ElementShape
    ) throws(TensorFileError) {
        var lost = 0
        try shape.forEachReference(buffer.start, count: buffer.count, stride: buffer.stride) {
            (reference, kind) throws(TensorFileError) in
            switch kind {
            case .object:
                let address = reference.loadUnaligned(as: haddr_t.self)
                guard address != 0, address != CHDF5_noAddress() else { return }
                let place = places[address]
                if place == nil { lost += 1 }
                reference.copyMemory(from: withUnsafeBytes(of: place ?? 0, Array.init), byteCount: 8)
            case .region:
                let size = MemoryLayout<hdset_reg_ref_t>.size
                let bytes = UnsafeRawBufferPointer(start: reference, count: size)
                guard bytes.contains(where: { $0 != 0 }) else { return }
                var redirected = [UInt8](repeating: 0, count: size)
                if try !redirectRegion(reference, &redirected) {
                    lost += 1
                    redirected = [UInt8](repeating: 0, count: size)
                }
                reference.copyMemory(from: redirected, byteCount: size)
            case .opaque(let size):
                let bytes = UnsafeMutableRawBufferPointer(start: reference, count: size)
                if bytes.contains(where: { $0 != 0 }) { lost += 1 }
                bytes.initializeMemory(as: UInt8.self, repeating: 0)
            }
        }
        count(lostReferences: lost)
    }

    /// Writes to `result` a reference to the same selection of the copy of the dataset; false when there is none.
    private func redirectRegion(
        _ reference: UnsafeMutableRawPointer, _ result: inout [UInt8]
    ) throws(TensorFileError) -> Bool {
        // A reference to a dataset that was deleted fails here; that is its owner's right.
        let (dataset, region) = (
            H5Rdereference2(source, CHDF5_default(), CHDF5_region(), reference),
            H5Rget_region(source, CHDF5_region(), reference)
        )
        defer {
            if dataset >= 0 { _ = H5Oclose(dataset) }
            if region >= 0 { _ = H5Sclose(region) }
        }
        var info = CHDF5_ObjectInfo()
        guard dataset >= 0, region >= 0, CHDF5_objectInfo(dataset, &info) >= 0, let place = places[info.address]
        else { return false }
        let object = try OpenObject(target, at: place, path: "a dataset that is referred to")
        guard object.kind == .dataset else { return false }
        // The copy of the tensor may have another number of frames.
        let space = try HDF5Identifier(H5Dget_space(object.id), H5Sclose, "look at a dataspace")
        let rank = Int(max(0, H5Sget_simple_extent_ndims(space.id)))
        var (extent, first, last) = (
            [hsize_t](repeating: 0, count: rank), [hsize_t](repeating: 0, count: rank),
            [hsize_t](repeating: 0, count: rank)
        )
        guard rank > 0, Int(H5Sget_simple_extent_ndims(region)) == rank,
            H5Sget_simple_extent_dims(space.id, &extent, nil) >= 0,
            H5Sget_select_npoints(region) == 0 || H5Sget_select_bounds(region, &first, &last) >= 0,
            zip(last, extent).allSatisfy({ $0 < $1 })
        else { return false }
        try HDF5.check(
            H5Rcreate(&result, object.id, ".", CHDF5_region(), region), "refer to a part of a dataset")
        return true
    }
}
