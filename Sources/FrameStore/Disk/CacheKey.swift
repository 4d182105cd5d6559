// Which tensor an entry of the disk cache belongs to, in full, and the short name made of it.

import CXXHash

/// Names all that the bytes of a tensor's frames depend on.
public struct CacheKey: Hashable, Sendable {
    /// The whole key, repeated in every entry: identity of the recording, specification, part, tensor version.
    public let text: String
    /// The XXH3-128 of the key and the entries' version, in hexadecimal: the first part of the entries' file names.
    public let name: String
    /// Bits of the hash that choose the folder of a frame.
    private let spread: UInt8

    public init(_ text: String) {
        var key = "evh5 frame entry \(EntryHeader.version)\n" + text
        let hash = key.withUTF8 { XXH3_128bits($0.baseAddress, $0.count) }
        self.text = text
        name = CacheKey.hexadecimal(hash.high64) + CacheKey.hexadecimal(hash.low64)
        spread = UInt8(truncatingIfNeeded: hash.low64)
    }

    /// `<folder>/<name>-<frame>`: the frames of a tensor are spread over all 256 folders.
    func fileName(_ frame: Int) -> String {
        let folder = String(spread &+ UInt8(truncatingIfNeeded: frame), radix: 16)
        return (folder.count == 1 ? "0" : "") + folder + "/" + name + "-" + String(frame)
    }

    private static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
