// Attributes of an HDF5 object, each with the exact type readers expect.

import CHDF5

extension AttributeValue {
    /// Writes this value as attribute `name` of `object`. `whenCreated` runs when all metadata of the attribute is in
    /// place and only variable-length text, which goes to a heap of its own, remains.
    func write(
        to object: hid_t, name: String, whenCreated: () throws(TensorFileError) -> Void
    ) throws(TensorFileError) {
        try check(name: name)
        let type = try makeType()
        let space: HDF5Identifier
        if case .int64Array(let values) = self {
            var length = hsize_t(values.count)
            space = try HDF5Identifier(H5Screate_simple(1, &length, nil), H5Sclose, "make a dataspace")
        } else {
            space = try HDF5Identifier(H5Screate(H5S_SCALAR), H5Sclose, "make a dataspace")
        }
        let properties = try HDF5Identifier(
            H5Pcreate(CHDF5_attributeCreateClass()), H5Pclose, "make an attribute's properties")
        // As h5py names attributes: ASCII where that is enough.
        let characters = name.utf8.allSatisfy { $0 < 128 } ? H5T_CSET_ASCII : H5T_CSET_UTF8
        try HDF5.check(H5Pset_char_encoding(properties.id, characters), "set an attribute's properties")
        let attribute = try HDF5Identifier(
            H5Acreate2(object, name, type.id, space.id, properties.id, CHDF5_default()), H5Aclose,
            "create attribute '\(name)'")
        try whenCreated()
        try HDF5.check(writeValue(to: attribute.id, type.id), "write attribute '\(name)'")
    }

    private func check(name: String) throws(TensorFileError) {
        guard !name.isEmpty, !name.utf8.contains(0) else {
            throw TensorFileError(
                .invalidDescription, "an attribute's name must not be empty or hold a zero byte: '\(name)'")
        }
        switch self {
        case .fixedString(let text), .variableASCII(let text):
            guard text.utf8.allSatisfy({ (1..<128).contains($0) }) else {
                throw TensorFileError(
                    .invalidDescription,
                    "attribute '\(name)' must be ASCII: store '\(text)' as a variable-length string")
            }
        case .variableString(let text):
            guard !text.utf8.contains(0) else {
                throw TensorFileError(
                    .invalidDescription, "attribute '\(name)' must not hold a zero byte, HDF5 would cut it there")
            }
        default: break
        }
        // An object header's message ends at 65535 bytes (HDF5 File Format Specification 3.0, IV.A.1.a), the
        // attribute's name and type included.
        guard name.utf8.count + fixedBytes <= 65_000 else {
            throw TensorFileError(
                .invalidDescription,
                "attribute '\(name)' has more than 65000 bytes: store it as a variable-length string or a dataset")
        }
    }

    /// The bytes this value has in the object's header.
    private var fixedBytes: Int {
        switch self {
        case .fixedString(let text): max(1, text.utf8.count)
        case .int64Array(let values): values.count * 8
        case .variableString, .variableASCII, .uint32, .int64, .float64, .bool: 16
        }
    }

    /// The type in the file, made anew.
    private func makeType() throws(TensorFileError) -> HDF5Identifier {
        switch self {
        case .fixedString(let text):
            let type = try copy(CHDF5_cString())
            // HDF5 has no strings of 0 bytes: an empty one is one null.
            try HDF5.check(H5Tset_size(type.id, max(1, text.utf8.count)), "set a string's length")
            try HDF5.check(H5Tset_strpad(type.id, H5T_STR_NULLPAD), "set a string's padding")
            return type
        case .variableString, .variableASCII:
            let type = try copy(CHDF5_cString())
            try HDF5.check(H5Tset_size(type.id, CHDF5_variableLength()), "set a string's length")
            if case .variableString = self {
                try HDF5.check(H5Tset_cset(type.id, H5T_CSET_UTF8), "set a string's encoding")
            }
            return type
        case .uint32: return try copy(CHDF5_uint32LE())
        case .int64, .int64Array: return try copy(CHDF5_int64LE())
        case .float64: return try copy(CHDF5_float64LE())
        case .bool:
            let type = try HDF5Identifier(H5Tenum_create(CHDF5_int8LE()), H5Tclose, "make an enumeration")
            for (name, number) in [("FALSE", Int8(0)), ("TRUE", Int8(1))] {
                var number = number
                try HDF5.check(H5Tenum_insert(type.id, name, &number), "make an enumeration")
            }
            return type
        }
    }

    private func copy(_ type: hid_t) throws(TensorFileError) -> HDF5Identifier {
        try HDF5Identifier(H5Tcopy(type), H5Tclose, "copy a datatype")
    }

    /// Writes the value; strings and enumerations have the file's `type` in memory too.
    private func writeValue(to attribute: hid_t, _ type: hid_t) -> herr_t {
        switch self {
        case .fixedString(let text):
            return text.isEmpty
                ? H5Awrite(attribute, type, [UInt8(0)]) : H5Awrite(attribute, type, Array(text.utf8))
        case .variableString(let text), .variableASCII(let text):
            return text.withCString { characters in
                var pointer: UnsafePointer<CChar>? = characters
                return H5Awrite(attribute, type, &pointer)
            }
        case .uint32(var value): return H5Awrite(attribute, CHDF5_nativeUInt32(), &value)
        case .int64(var value): return H5Awrite(attribute, CHDF5_nativeInt64(), &value)
        case .float64(var value): return H5Awrite(attribute, CHDF5_nativeFloat64(), &value)
        case .bool(let value):
            var number: Int8 = value ? 1 : 0
            return H5Awrite(attribute, type, &number)
        case .int64Array(let values):
            return values.isEmpty ? 0 : H5Awrite(attribute, CHDF5_nativeInt64(), values)
        }
    }
}
