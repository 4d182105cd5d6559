// What is fuzzed: code that reads bytes from outside, each with what must hold for whatever it is given.

/// One entrance for bytes of any kind.
public struct FuzzTarget: Sendable {
    /// As `make fuzz` and the folders of seeds have it.
    public let name: String
    /// No longer input is tried; bytes.
    public let longest: Int
    /// Says what is wrong; nil when all holds. It must not trap, whatever the bytes are: that is a finding as well.
    public let check: @Sendable (UnsafeRawBufferPointer) -> String?

    public static let all: [FuzzTarget] =
        DecoderTarget.all + [
            FuzzTarget(name: "header", longest: 4096, check: HeaderTarget.check),
            FuzzTarget(name: "index", longest: 4096, check: IndexTarget.check),
            FuzzTarget(name: "entry", longest: 4096, check: EntryTarget.check),
            FuzzTarget(name: "sidecar", longest: 4096, check: SidecarTarget.check),
            FuzzTarget(name: "extents", longest: 2048, check: ExtentTarget.check),
            FuzzTarget(name: "labels", longest: 2048, check: LabelTarget.check),
            FuzzTarget(name: "config", longest: 2048, check: ConfigTarget.check),
            FuzzTarget(name: "http", longest: 1024, check: HTTPTarget.check),
            FuzzTarget(name: "spec", longest: 256, check: SpecTarget.check),
        ]
}

/// Takes an input apart; past its end there are zeros.
struct FuzzInput {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func byte() -> UInt8 {
        guard position < bytes.count else { return 0 }
        position += 1
        return bytes[position - 1]
    }

    mutating func number<T: FixedWidthInteger>(_: T.Type) -> T {
        (0..<MemoryLayout<T>.size).reduce(0) { $0 | T(truncatingIfNeeded: byte()) &<< (8 * $1) }
    }

    var isAtEnd: Bool { position >= bytes.count }

    /// All that is left.
    var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[min(position, bytes.count)...]) }
}
