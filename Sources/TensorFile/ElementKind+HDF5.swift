// Types of elements as libhdf5 has them.

import CHDF5

extension ElementKind {
    /// The type in the file.
    var type: hid_t {
        switch self {
        case .float32: CHDF5_float32LE()
        case .uint8: CHDF5_uint8LE()
        case .int8: CHDF5_int8LE()
        case .uint16: CHDF5_uint16LE()
        case .int16: CHDF5_int16LE()
        case .uint32: CHDF5_uint32LE()
        case .int32: CHDF5_int32LE()
        case .uint64: CHDF5_uint64LE()
        case .int64: CHDF5_int64LE()
        }
    }
}

extension DatasetType {
    /// The type in the file.
    func make() throws(TensorFileError) -> HDF5Identifier {
        switch self {
        case .number(let kind):
            return try HDF5Identifier(H5Tcopy(kind.type), H5Tclose, "make a datatype")
        case .compound(let size, let members):
            let type = try HDF5Identifier(H5Tcreate(H5T_COMPOUND, size), H5Tclose, "make a datatype")
            for member in members {
                try HDF5.check(H5Tinsert(type.id, member.name, member.offset, member.kind.type), "make a datatype")
            }
            return type
        }
    }
}
