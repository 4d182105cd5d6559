// Label files in memory: a page asks for a few boxes at a time.

import Datasets
import Files
import Foundation
import Synchronization
import VirtualTree

/// Reads the label files of recordings, and remembers the last ones.
final class LabelTables: Sendable {
    struct Table: Sendable {
        let version: String
        let boxes: LabelBoxes
    }

    private struct Names: Sendable {
        let version: String
        let names: [Int64: String]
    }

    /// Of more than a million boxes nobody looks at each.
    private static let largestFile: Int64 = 64 << 20
    private static let largestDictionary: Int64 = 1 << 20

    private let catalog: VirtualCatalog
    private let tables = Mutex(RecentTable<String, Table>(limit: 4))
    private let names = Mutex(RecentTable<String, Names>(limit: 64))

    init(_ catalog: VirtualCatalog) { self.catalog = catalog }

    /// The boxes of the recording at `path`; nil without a label file.
    ///
    /// - Throws: when it cannot be read, or is none.
    func table(of path: String) throws -> Table? {
        let known = tables.withLock { $0[path] }
        guard let file = try catalog.labels(of: path, limit: Self.largestFile, known: known?.version) else {
            return nil
        }
        if let known, known.version == file.version { return known }
        let boxes: LabelBoxes
        do throws(LabelFileError) { boxes = try LabelBoxes(file.bytes) } catch {
            throw ViewerError(
                .failed, "the label file '\(file.path)' cannot be read: \(error.description)", cause: error)
        }
        let table = Table(version: file.version, boxes: boxes)
        tables.withLock { $0[path] = table }
        return table
    }

    /// What classes are called by the dictionary that is nearest to the recording at `path`; empty without one.
    func names(for path: String) -> [Int64: String] {
        let known = names.withLock { $0[path] }
        guard
            let file = try? catalog.nearest(
                ClassNames.fileName, to: path, limit: Self.largestDictionary, known: known?.version)
        else { return [:] }
        if let known, known.version == file.version { return known.names }
        let found = Names(version: file.version, names: ClassNames.read(file.bytes) ?? [:])
        names.withLock { $0[path] = found }
        return found.names
    }

    /// The names of all classes that have one, by number.
    func classes(in table: Table, of path: String) -> [String] {
        names(for: path).sorted { $0.key < $1.key }.map(\.value)
    }
}

extension Viewer {
    private struct Box: Encodable {
        let t: Int64
        let x, y, w, h: Double?
        let classId: Int64?
        let `class`: String?
        let trackId: Int64?
        let confidence: Double?

        init(_ box: LabelBox, _ names: [Int64: String]) {
            t = box.t
            (x, y, w, h) = (box.x.finite, box.y.finite, box.width.finite, box.height.finite)
            classId = box.classID
            `class` = box.classID.map { names[$0] ?? "class \($0)" }
            trackId = box.trackID
            confidence = box.confidence?.finite
        }
    }

    func labels(_ query: Query) throws -> ViewerAnswer {
        struct Answer: Encodable {
            let boxes: [Box]
            let more: Bool
        }
        let path = try query.text("path")
        let (start, end) = (try query.time("start", or: .min), try query.time("end", or: .max))
        let limit = try query.integer("limit", in: 1...20_000, or: 2000)
        guard start <= end else { throw ViewerError(.badQuery, "start=\(start) is after end=\(end)") }
        guard let table = try labels.table(of: path) else { return try json(Answer(boxes: [], more: false)) }
        let names = labels.names(for: path)
        let found = table.boxes.indices(in: start..<end)
        return try json(
            Answer(
                boxes: found.prefix(limit).map { Box(table.boxes[$0], names) }, more: found.count > limit))
    }

    /// Times at which there are boxes: marks on a line, of which so many can be told from each other.
    private static let mostMarks = 4000

    func labelTimes(_ query: Query) throws -> ViewerAnswer {
        struct Answer: Encodable {
            let t: [Int64]
        }
        guard let times = try labels.table(of: query.text("path"))?.boxes.times else {
            return try json(Answer(t: []))
        }
        var distinct: [Int64] = []
        for time in times where time != distinct.last { distinct.append(time) }
        let shown = min(distinct.count, Self.mostMarks)
        return try json(Answer(t: (0..<shown).map { distinct[$0 * distinct.count / shown] }))
    }
}

extension Double {
    /// nil for what JSON cannot say.
    var finite: Double? { isFinite ? self : nil }
}
