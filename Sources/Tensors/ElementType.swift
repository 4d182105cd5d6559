// The element types that tensors have.

/// The type of a tensor's elements, little endian in memory and in files.
public enum ElementType: String, Hashable, Sendable, CaseIterable {
    case float32, uint8, int8, uint16

    /// Bytes of one element.
    public var size: Int {
        switch self {
        case .float32: 4
        case .uint8, .int8: 1
        case .uint16: 2
        }
    }
}
