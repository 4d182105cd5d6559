// What settings say of recordings whose header lacks something, by globs.

import Foundation

/// What settings give for one recording; a header that says more is believed.
public struct RecordingHints: Hashable, Sendable {
    /// For a recording whose header has none.
    public var geometry: Geometry?
    /// For a recording whose header names none; and the layout, where a header leaves that open (EVT2.1's word order,
    /// DAT's packing).
    public var encoding: RecordingEncoding?

    public init(geometry: Geometry? = nil, encoding: RecordingEncoding? = nil) {
        self.geometry = geometry
        self.encoding = encoding
    }
}

/// Geometries and encodings for recordings whose headers have none.
public struct RecordingRules: Sendable {
    /// A value for the recordings that a glob matches.
    public struct Rule<Value: Sendable>: Sendable {
        public let glob: String
        public let value: Value

        public init(glob: String, _ value: Value) {
            self.glob = glob
            self.value = value
        }

        /// Whether the rule is for the recording at `path` below the source: the glob is matched with the path and with
        /// the name alone.
        public func matches(_ path: String) -> Bool {
            let name = path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
            return fnmatch(glob, path, 0) == 0 || fnmatch(glob, name, 0) == 0
        }
    }

    /// The first that matches counts.
    public var geometries: [Rule<Geometry>]
    /// The first that matches counts.
    public var encodings: [Rule<RecordingEncoding>]

    public init(geometries: [Rule<Geometry>] = [], encodings: [Rule<RecordingEncoding>] = []) {
        self.geometries = geometries
        self.encodings = encodings
    }

    public var isEmpty: Bool { geometries.isEmpty && encodings.isEmpty }

    /// What the rules say of the recording at `path` below the source.
    public func hints(for path: String) -> RecordingHints {
        RecordingHints(
            geometry: geometries.first { $0.matches(path) }?.value,
            encoding: encodings.first { $0.matches(path) }?.value)
    }
}
