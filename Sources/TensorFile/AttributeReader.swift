// Attributes of an HDF5 object whatever wrote them, as far as they are text, numbers or booleans.

import CHDF5

enum AttributeReader {
    /// More elements than any attribute of a tensor has.
    private static let mostElements = 1024
    /// Bytes of text; more is no attribute of a tensor.
    private static let longestText = 1 << 20

    /// Names and values, in the order in which the file has them; those of other types are left out.
    static func all(of object: hid_t) throws(TensorFileError) -> [(name: String, value: StoredValue)] {
        var info = CHDF5_ObjectInfo()
        try HDF5.check(CHDF5_objectInfo(object, &info), "look at an object")
        var list: [(name: String, value: StoredValue)] = []
        for index in 0..<min(hsize_t(info.attributes), hsize_t(mostElements)) {
            let attribute = try HDF5Identifier(
                H5Aopen_by_idx(
                    object, ".", H5_INDEX_NAME, H5_ITER_NATIVE, index, CHDF5_default(), CHDF5_default()),
                H5Aclose, "open an attribute")
            let length = try HDF5.check(H5Aget_name(attribute.id, 0, nil), "read the name of an attribute")
            var name = [CChar](repeating: 0, count: length + 1)
            try HDF5.check(H5Aget_name(attribute.id, name.count, &name), "read the name of an attribute")
            if let value = try value(of: attribute.id) {
                list.append((String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self), value))
            }
        }
        return list
    }

    private static func value(of attribute: hid_t) throws(TensorFileError) -> StoredValue? {
        let type = try HDF5Identifier(H5Aget_type(attribute), H5Tclose, "look at an attribute")
        let space = try HDF5Identifier(H5Aget_space(attribute), H5Sclose, "look at an attribute")
        let count = Int(H5Sget_simple_extent_npoints(space.id))
        guard (1...mostElements).contains(count) else { return nil }
        switch H5Tget_class(type.id) {
        case H5T_INTEGER, H5T_FLOAT:
            var values = [Double](repeating: 0, count: count)
            try HDF5.check(H5Aread(attribute, CHDF5_nativeFloat64(), &values), "read an attribute")
            return H5Sget_simple_extent_type(space.id) == H5S_SCALAR ? .number(values[0]) : .numbers(values)
        case H5T_ENUM where count == 1 && H5Tget_size(type.id) == 1:
            var value: UInt8 = 0
            try HDF5.check(H5Aread(attribute, type.id, &value), "read an attribute")
            return .boolean(value != 0)
        case H5T_STRING where count == 1 && H5Tget_size(type.id) <= longestText:
            return try text(attribute, type.id, space.id)
        default: return nil
        }
    }

    private static func text(_ attribute: hid_t, _ type: hid_t, _ space: hid_t) throws(TensorFileError) -> StoredValue?
    {
        guard H5Tis_variable_str(type) > 0 else {
            var bytes = [UInt8](repeating: 0, count: H5Tget_size(type))
            try HDF5.check(H5Aread(attribute, type, &bytes), "read an attribute")
            return .text(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
        }
        var pointer: UnsafeMutablePointer<CChar>?
        try HDF5.check(H5Aread(attribute, type, &pointer), "read an attribute")
        defer { _ = H5Dvlen_reclaim(type, space, CHDF5_default(), &pointer) }
        return pointer.map { .text(String(cString: $0)) }
    }
}
