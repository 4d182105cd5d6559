// Lists beside recordings that specifications name: times that windows are at, and hot pixels.

import Files
import Foundation
import Recordings
import Tensors

/// Why there is no list.
public struct ListFileError: Error, CustomStringConvertible {
    public enum Code: Sendable { case missing, unusable }

    public let code: Code
    public let description: String

    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}

/// What a list is of, and how it is called.
public enum ListOrigin: Hashable, Sendable {
    /// Those of a file: no triggers.
    case times(TimesOrigin)
    case hotPixels(String)
}

/// What a list holds.
public enum ListContent: Sendable {
    case times(WindowTimes)
    case hotPixels(HotPixels)

    /// Names it: another where an element is another.
    public var digest: UInt64 {
        switch self {
        case .times(let times): times.digest
        case .hotPixels(let pixels): pixels.digest
        }
    }

    public var count: Int {
        switch self {
        case .times(let times): times.starts.count
        case .hotPixels(let pixels): pixels.pixels.count
        }
    }
}

extension ListOrigin {
    /// A larger file is no list.
    public static let largestSize: Int64 = 1 << 27

    private var what: String {
        switch self {
        case .times: "list of times"
        case .hotPixels: "list of hot pixels"
        }
    }

    /// The names that the list can have beside the recording called `file`, the first that exists being the one.
    public func names(of file: String) -> [String] {
        let stem = RecordingName.stem(file)
        switch self {
        case .times(.triggers): return []
        case .times(.labels): return RecordingName.labels(of: file)
        case .times(.rvt): return RVTLabels.names(of: file)
        case .times(.file(let name)), .hotPixels(let name):
            return Self.own(file, name) + Self.own(stem, name) + [name]
        }
    }

    private static func own(_ base: String, _ name: String) -> [String] {
        [".npy", ".txt", ".csv"].map { "\(base)_\(name)\($0)" }
    }

    /// That there is none.
    public func missing(of file: String) -> ListFileError {
        let stem = RecordingName.stem(file)
        let names =
            switch self {
            case .times(.file(let name)), .hotPixels(let name): Self.own(stem, name) + [name]
            case .times(.rvt): RVTLabels.names(of: stem)
            case .times: RecordingName.labels(of: stem)
            }
        return ListFileError(
            .missing, "its \(what) is missing: there is none of \(names.joined(separator: ", ")) beside it")
    }

    /// The list of the recording at `path`.
    public func read(beside path: String) throws(ListFileError) -> ListContent {
        let slash = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        let (folder, name) = (path[..<slash], String(path[slash...]))
        for candidate in names(of: name) {
            let file: File
            do throws(FileError) { file = try File(path: folder + candidate) } catch {
                if error.errno == ENOENT { continue }
                throw ListFileError(.unusable, error.message)
            }
            return try read(file, candidate)
        }
        throw missing(of: name)
    }

    /// The list in a file called `name`.
    public func read(_ file: File, _ name: String) throws(ListFileError) -> ListContent {
        let bytes: [UInt8]
        do throws(FileError) {
            let status = try file.status()
            guard status.kind == .regular, status.size <= Self.largestSize else {
                throw FileError(
                    errno: EFBIG, message: "it is no file of at most \(Self.largestSize) bytes, as a \(what) is")
            }
            bytes = try file.bytes(in: 0..<status.size)
        } catch { throw ListFileError(.unusable, "'\(name)' cannot be read: \(error.message)") }
        do throws(ListFileError) {
            switch self {
            case .times(let origin): return .times(try TimesFile.times(origin, bytes, name))
            case .hotPixels: return .hotPixels(try PixelsFile.pixels(bytes, name))
            }
        } catch {
            throw ListFileError(error.code, "'\(name)' is no \(what): \(error.description)")
        }
    }
}

extension EventFilterChain {
    /// The list beside each recording that they name; nil without one.
    package var listOrigin: ListOrigin? { (hotPixels?.name).map { .hotPixels($0) } }

    /// The list that they name, beside the recording at `path`; nil when they name none.
    package func list(beside path: String) throws(ListFileError) -> HotPixels? {
        guard case .hotPixels(let pixels) = try listOrigin?.read(beside: path) else { return nil }
        return pixels
    }
}

extension TensorSpec {
    /// The same with the list of hot pixels beside the recording at `path`, where the filters name one.
    public func withList(beside path: String) throws(ListFileError) -> TensorSpec {
        try filters.list(beside: path).map { with($0) } ?? self
    }

    /// The list beside each recording that its windows are at; nil for other windows.
    package var timesOrigin: ListOrigin? { times.flatMap { $0.isFile ? .times($0) : nil } }
}
