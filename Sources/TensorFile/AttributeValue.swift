// The kinds of HDF5 attributes a tensor file has, each with its exact type in the file.

/// An HDF5 attribute's value; the case fixes the HDF5 type that readers see.
public enum AttributeValue: Hashable, Sendable {
    /// A fixed-length, null-padded ASCII string: h5py gives bytes, readers call `.decode()`.
    case fixedString(String)
    /// A variable-length UTF-8 string: h5py gives str.
    case variableString(String)
    /// A variable-length ASCII string: h5py gives str. Programs that ask for such get no UTF-8: OpenEB does.
    case variableASCII(String)
    case uint32(UInt32)
    case int64(Int64)
    case float64(Double)
    /// As h5py stores a bool: an enumeration of int8 with FALSE = 0 and TRUE = 1.
    case bool(Bool)
    case int64Array([Int64])
}
