// The attributes of `/data`, by what a reader of the HDF5 file sees.

/// One attribute's value; the case says which HDF5 type it must get.
public enum TensorAttribute: Hashable, Sendable {
    /// A fixed-length string, as numpy's `bytes_` becomes: h5py gives bytes, readers call `.decode()`.
    case fixedString(String)
    /// A variable-length string: h5py gives str.
    case variableString(String)
    case uint32(UInt32)
    case int64(Int64)
    case float64(Double)
    /// What h5py makes of a bool.
    case bool(Bool)
    case int64Array([Int64])
}

extension TensorAttribute: CustomStringConvertible {
    /// The type and the value; part of the keys of cached frames, which is why it is spelled out.
    public var description: String {
        switch self {
        case .fixedString(let text): "fixedString \(text)"
        case .variableString(let text): "variableString \(text)"
        case .uint32(let value): "uint32 \(value)"
        case .int64(let value): "int64 \(value)"
        case .float64(let value): "float64 \(value)"
        case .bool(let value): "bool \(value)"
        case .int64Array(let values): "int64Array \(values.map(String.init).joined(separator: " "))"
        }
    }
}
