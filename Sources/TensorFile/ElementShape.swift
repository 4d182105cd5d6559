// Where in an element of an HDF5 datatype there are pointers and references: the parts that are more than their bytes.

import CHDF5

/// What a reference in memory is.
enum Reference {
    /// The address of an object, 8 bytes.
    case object
    /// A dataset and a selection in it, 12 bytes.
    case region
    /// One of HDF5 1.12 and later, which means nothing outside its file; so many bytes.
    case opaque(Int)
}

/// A datatype in memory, as far as a walk over its elements needs it.
indirect enum ElementShape {
    /// Bytes that mean what they are.
    case plain
    /// A pointer to text.
    case text
    /// An `hvl_t`: a count and a pointer to elements of so many bytes.
    case sequence(ElementShape, stride: Int)
    case reference(Reference)
    case array(ElementShape, count: Int, stride: Int)
    case compound([(offset: Int, shape: ElementShape)])

    init(_ type: hid_t) throws(TensorFileError) {
        switch H5Tget_class(type) {
        case H5T_STRING:
            self = try HDF5.check(H5Tis_variable_str(type), "look at a datatype") > 0 ? .text : .plain
        case H5T_VLEN:
            let base = try ElementShape.base(of: type)
            self = .sequence(try ElementShape(base.id), stride: H5Tget_size(base.id))
        case H5T_REFERENCE:
            if H5Tequal(type, CHDF5_objectReference()) > 0 {
                self = .reference(.object)
            } else if H5Tequal(type, CHDF5_regionReference()) > 0 {
                self = .reference(.region)
            } else {
                self = .reference(.opaque(H5Tget_size(type)))
            }
        case H5T_ARRAY:
            let base = try ElementShape.base(of: type)
            let shape = try ElementShape(base.id)
            let stride = H5Tget_size(base.id)
            self =
                shape.isPlain || stride == 0 ? .plain : .array(shape, count: H5Tget_size(type) / stride, stride: stride)
        case H5T_COMPOUND:
            var members: [(offset: Int, shape: ElementShape)] = []
            for index in 0..<UInt32(try HDF5.check(H5Tget_nmembers(type), "look at a datatype")) {
                let member = try HDF5Identifier(
                    H5Tget_member_type(type, index), H5Tclose, "look at a datatype")
                let shape = try ElementShape(member.id)
                if !shape.isPlain { members.append((H5Tget_member_offset(type, index), shape)) }
            }
            self = members.isEmpty ? .plain : .compound(members)
        default: self = .plain
        }
    }

    private static func base(of type: hid_t) throws(TensorFileError) -> HDF5Identifier {
        try HDF5Identifier(H5Tget_super(type), H5Tclose, "look at a datatype")
    }

    var isPlain: Bool { if case .plain = self { true } else { false } }

    /// Whether part of an element's value is kept elsewhere in the file.
    var isVariable: Bool {
        switch self {
        case .plain, .reference: false
        case .text, .sequence: true
        case .array(let shape, _, _): shape.isVariable
        case .compound(let members): members.contains { $0.shape.isVariable }
        }
    }

    var hasReferences: Bool {
        switch self {
        case .plain, .text: false
        case .reference: true
        case .sequence(let shape, _), .array(let shape, _, _): shape.hasReferences
        case .compound(let members): members.contains { $0.shape.hasReferences }
        }
    }

    /// Calls `body` with every reference in the `count` elements at `start` that are `stride` bytes apart.
    func forEachReference<E: Error>(
        _ start: UnsafeMutableRawPointer, count: Int, stride: Int,
        _ body: (UnsafeMutableRawPointer, Reference) throws(E) -> Void
    ) throws(E) {
        guard hasReferences else { return }
        for index in 0..<count {
            let element = start + index * stride
            switch self {
            case .plain, .text: break
            case .reference(let kind): try body(element, kind)
            case .sequence(let shape, let stride):
                let sequence = element.loadUnaligned(as: hvl_t.self)
                guard let first = sequence.p else { break }
                try shape.forEachReference(first, count: sequence.len, stride: stride, body)
            case .array(let shape, let count, let stride):
                try shape.forEachReference(element, count: count, stride: stride, body)
            case .compound(let members):
                for member in members {
                    try member.shape.forEachReference(element + member.offset, count: 1, stride: 0, body)
                }
            }
        }
    }
}
