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
