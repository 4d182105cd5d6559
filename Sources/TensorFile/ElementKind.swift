// The types of elements that datasets of evh5's files have.

/// A number as it is in the file, little endian.
public enum ElementKind: String, Hashable, Codable, Sendable, CaseIterable {
    case float32
    case uint8
    case int8
    case uint16
    case int16
    case uint32
    case int32
    case uint64
    case int64

    /// Bytes of one element.
    public var size: Int {
        switch self {
        case .uint8, .int8: 1
        case .uint16, .int16: 2
        case .float32, .uint32, .int32: 4
        case .uint64, .int64: 8
        }
    }
}

/// The type of a dataset's elements.
public enum DatasetType: Hashable, Codable, Sendable {
    case number(ElementKind)
    /// Numbers side by side in `size` bytes.
    case compound(size: Int, [CompoundMember])

    /// Bytes of one element.
    public var size: Int {
        switch self {
        case .number(let kind): kind.size
        case .compound(let size, _): size
        }
    }
}

/// A number of a compound type.
public struct CompoundMember: Hashable, Codable, Sendable {
    public var name: String
    /// Bytes from the start of the element.
    public var offset: Int
    public var kind: ElementKind

    public init(_ name: String, _ offset: Int, _ kind: ElementKind) {
        self.name = name
        self.offset = offset
        self.kind = kind
    }
}
