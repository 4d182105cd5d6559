// The page's own files.

import CPage

/// A file of the page.
public struct ViewerAsset: Sendable {
    public let name: String
    public let mediaType: String
    public let bytes: [UInt8]
    /// Another one for other bytes.
    public let version: String

    /// All of them, by name.
    static let all: [String: ViewerAsset] = {
        var all: [String: ViewerAsset] = [:]
        var index = 0
        while let asset = CPage_assetAt(index) {
            let name = String(cString: asset.pointee.name)
            all[name] = ViewerAsset(
                name, Array(UnsafeBufferPointer(start: asset.pointee.bytes, count: asset.pointee.count)))
            index += 1
        }
        return all
    }()

    private init(_ name: String, _ bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
        let suffix = name.split(separator: ".").last.map(String.init) ?? ""
        mediaType = Self.mediaTypes[suffix] ?? "application/octet-stream"
        // FNV-1a.
        let digest = bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        version = String(digest, radix: 16)
    }

    private static let mediaTypes = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml", "png": "image/png", "json": "application/json",
        "webmanifest": "application/manifest+json", "txt": "text/plain; charset=utf-8", "woff2": "font/woff2",
    ]
}

extension Viewer {
    /// The file `name` of the page; "" is the page itself. nil when there is none.
    public static func asset(_ name: String) -> ViewerAsset? { ViewerAsset.all[name.isEmpty ? "index.html" : name] }
}
