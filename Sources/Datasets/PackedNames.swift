// A folder's names, a million of them if need be: one piece of memory, sorted, searched where they lie.

import Files
import Foundation

/// Names in the order of their bytes, or first in that of their beginnings, whose lengths are given. Immutable.
public struct PackedNames: Sendable {
    /// All names, one after the other.
    private let bytes: [UInt8]
    /// Where each ends.
    private let ends: [UInt32]
    /// Bytes that each begins with, by which names are sorted and found; empty where that is the whole name.
    private let beginnings: [UInt16]

    /// - Parameter beginning: the length in UTF-8 of what `name` is found by; at most all of it.
    public init(_ names: some Sequence<String>, foundBy beginning: ((_ name: String) -> Int)? = nil) {
        var unsorted: [UInt8] = []
        var places: [(start: UInt32, count: UInt16, beginning: UInt16)] = []
        for name in names {
            let start = unsorted.count
            unsorted.append(contentsOf: name.utf8)
            let count = unsorted.count - start
            let found = beginning.map { min(count, $0(name)) } ?? count
            places.append((UInt32(clamping: start), UInt16(clamping: count), UInt16(clamping: found)))
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(unsorted.count)
        var ends: [UInt32] = []
        ends.reserveCapacity(places.count)
        unsorted.withUnsafeBytes { all in
            func part(_ start: UInt32, _ count: UInt16) -> UnsafeRawBufferPointer {
                UnsafeRawBufferPointer(rebasing: all[Int(start)..<Int(start) + Int(count)])
            }
            places.sort { left, right in
                let order = part(left.start, left.beginning).order(part(right.start, right.beginning))
                return order != 0 ? order < 0 : part(left.start, left.count).order(part(right.start, right.count)) < 0
            }
            for place in places {
                bytes.append(contentsOf: part(place.start, place.count))
                ends.append(UInt32(clamping: bytes.count))
            }
        }
        self.bytes = bytes
        self.ends = ends
        beginnings = beginning == nil ? [] : places.map(\.beginning)
    }

    public var count: Int { ends.count }

    public subscript(_ i: Int) -> String { String(decoding: bytes[range(i)], as: UTF8.self) }

    /// What the name number `i` is found by.
    public func beginning(_ i: Int) -> String { String(decoding: bytes[beginningRange(i)], as: UTF8.self) }

    /// The numbers of the names that are found by `text`.
    public func indices(of text: String) -> Range<Int> {
        var text = text
        return text.withUTF8 { text in
            bytes.withUnsafeBytes { bytes in
                let text = UnsafeRawBufferPointer(text)
                func first(where holds: (Int) -> Bool) -> Int {
                    var (low, high) = (0, count)
                    while low < high {
                        let middle = (low + high) / 2
                        if holds(middle) { high = middle } else { low = middle + 1 }
                    }
                    return low
                }
                func order(_ i: Int) -> Int { UnsafeRawBufferPointer(rebasing: bytes[beginningRange(i)]).order(text) }
                let start = first { order($0) >= 0 }
                guard start < count, order(start) == 0 else { return start..<start }
                // Nearly always one.
                var end = start + 1
                while end < count, order(end) == 0 { end += 1 }
                return start..<end
            }
        }
    }

    public func contains(_ text: String) -> Bool { !indices(of: text).isEmpty }

    /// Calls `body` with the bytes of what name number `i` is found by.
    func withBeginning<R>(_ i: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[beginningRange(i)])) }
    }

    /// Whether two names are found by the same.
    func haveSameBeginning(_ i: Int, _ j: Int) -> Bool {
        withBeginning(i) { left in withBeginning(j) { left.order($0) == 0 } }
    }

    private func range(_ i: Int) -> Range<Int> { (i == 0 ? 0 : Int(ends[i - 1]))..<Int(ends[i]) }

    private func beginningRange(_ i: Int) -> Range<Int> {
        let range = range(i)
        return beginnings.isEmpty ? range : range.lowerBound..<range.lowerBound + Int(beginnings[i])
    }
}
