// HDF5 datatypes in words, with NumPy's names.

import CHDF5

enum TypeText {
    /// The type in words: "float32", "string", "{t: int64, label: string}"; big-endian ones have " BE" after them.
    static func of(_ type: hid_t) -> String {
        let bits = H5Tget_size(type) * 8
        let order = H5Tget_order(type) == H5T_ORDER_BE && bits > 8 ? " BE" : ""
        switch H5Tget_class(type) {
        case H5T_INTEGER: return (H5Tget_sign(type) == H5T_SGN_NONE ? "uint" : "int") + "\(bits)\(order)"
        case H5T_FLOAT: return "float\(bits)\(order)"
        case H5T_STRING: return H5Tis_variable_str(type) > 0 ? "string" : "string[\(bits / 8)]"
        case H5T_BITFIELD: return "bits\(bits)"
        case H5T_OPAQUE: return "opaque[\(bits / 8)]"
        case H5T_REFERENCE: return H5Tequal(type, CHDF5_regionReference()) > 0 ? "region reference" : "reference"
        case H5T_ENUM: return "enum(\(base(of: type)))"
        case H5T_VLEN: return "sequence(\(base(of: type)))"
        case H5T_ARRAY:
            var lengths = [hsize_t](repeating: 0, count: Int(max(0, H5Tget_array_ndims(type))))
            _ = H5Tget_array_dims2(type, &lengths)
            return base(of: type) + "[" + lengths.map { "\($0)" }.joined(separator: ", ") + "]"
        case H5T_COMPOUND:
            let members = (0..<UInt32(max(0, H5Tget_nmembers(type)))).map { index in
                let name = H5Tget_member_name(type, index)
                defer { _ = H5free_memory(name) }
                return (name.map { String(cString: $0) } ?? "") + ": " + text(H5Tget_member_type(type, index))
            }
            return "{" + members.joined(separator: ", ") + "}"
        default: return "unknown"
        }
    }

    private static func base(of type: hid_t) -> String { text(H5Tget_super(type)) }

    /// The text of a type that is closed here.
    private static func text(_ type: hid_t) -> String {
        guard type >= 0 else { return "unknown" }
        defer { _ = H5Tclose(type) }
        return of(type)
    }
}
