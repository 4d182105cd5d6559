// Decoders, scans and readers of one encoding against the plain decoder: same events, same times, same counts, however
// it is cut.

import RandomFixture
import Recordings

/// Input: geometry, sizes of the index, seed (4 bytes), then the words of a recording.
struct DecoderTarget {
    static let formats: [(name: String, format: RecordingFormat)] = [
        ("evt2", .evt2), ("evt21", .evt21), ("evt21-legacy", .evt21Legacy), ("evt3", .evt3), ("evt4", .evt4),
        ("dat", .dat), ("dat1", .dat1),
    ]

    static var all: [FuzzTarget] {
        formats.map { name, format in
            FuzzTarget(name: name, longest: 2048) { bytes in
                var input = FuzzInput(bytes)
                let target = DecoderTarget(format, &input)
                return target.check(input.rest)
            }
        }
    }

    private static let geometries = [(640, 480), (1280, 720), (40, 3), (7, 2), (2048, 2048), (33, 33), (1, 1)]

    private let format: RecordingFormat
    private let geometry: Geometry
    private let layout: TimeIndex.Layout
    private let seed: UInt64

    private init(_ format: RecordingFormat, _ input: inout FuzzInput) {
        self.format = format
        let (width, height) = Self.geometries[Int(input.byte()) % Self.geometries.count]
        let wide = Geometry(width: width, height: height)
        geometry = format.hasRoom(for: wide) ? wide : Geometry(width: 304, height: 240)
        let sizes = input.byte()
        layout = TimeIndex.Layout(
            segmentSize: 8 + 8 * Int64(sizes & 7), segmentLimit: sizes & 64 == 0 ? 1 << 18 : 16,
            chunkSize: 16 + Int(sizes), pieceLength: 1 + Int(sizes >> 3 & 3), leadLength: 1 + Int(sizes >> 5 & 1))
        seed = UInt64(input.number(UInt16.self))
    }

    private func check(_ payload: UnsafeRawBufferPointer) -> String? {
        let plain = PlainDecoder(payload, format, geometry)
        var random = SplitMix(seed: seed)
        let whole = decode(payload) { $0 }
        if let problem = compare("decoded at once", whole, plain) { return problem }
        let pieces = decode(payload) { Int.random(in: 1...max(1, min($0, 64)), using: &random) }
        if let problem = compare("decoded in pieces", pieces, plain) { return problem }
        guard pieces.state == whole.state else { return "the state is another when decoded in pieces" }
        do { return try checkIndexes(payload, plain, &random) } catch { return "reading failed: \(error)" }
    }

    private struct Decoded {
        var sink = EventCollector()
        var tally = CountingTally()
        var state = DecoderState()
        var used = 0
    }

    /// Decodes in steps of the bytes that `size` makes of those left, or more where that is no whole word.
    private func decode(_ payload: UnsafeRawBufferPointer, _ size: (Int) -> Int) -> Decoded {
        var decoded = Decoded()
        while decoded.used < payload.count {
            let left = payload.count - decoded.used
            var step = size(left)
            var used = 0
            while used == 0, step <= left {
                let piece = UnsafeRawBufferPointer(rebasing: payload[decoded.used..<decoded.used + step])
                used = format.decode(
                    piece, geometry: geometry, state: &decoded.state, into: &decoded.sink, tally: &decoded.tally)
                step += 1
            }
            if used == 0 { break }
            decoded.used += used
        }
        decoded.tally.drops.truncatedBytes = Int64(payload.count - decoded.used)
        return decoded
    }

    private func compare(_ what: String, _ got: Decoded, _ plain: PlainDecoder) -> String? {
        if got.sink.events != plain.events { return "\(what): \(difference(got.sink.events, plain.events))" }
        if got.tally.drops != plain.drops { return "\(what): drops \(got.tally.drops), not \(plain.drops)" }
        if got.tally.triggers != plain.triggers.count { return "\(what): \(got.tally.triggers) triggers" }
        if got.tally.otherWords != plain.otherWords { return "\(what): other words \(got.tally.otherWords)" }
        return nil
    }

    private func difference(_ got: [Event], _ want: [Event]) -> String {
        let at = zip(got, want).enumerated().first { $1.0 != $1.1 }?.offset ?? min(got.count, want.count)
        func text(_ events: [Event]) -> String { at < events.count ? "\(events[at])" : "none" }
        return "\(got.count) events, not \(want.count); number \(at) is \(text(got)), not \(text(want))"
    }

    /// Indexes of whatever layout, by any number of threads and by every kernel this machine has, and what is read by
    /// them.
    private func checkIndexes(
        _ payload: UnsafeRawBufferPointer, _ plain: PlainDecoder, _ random: inout SplitMix
    ) throws -> String? {
        let before = KernelVariant.current
        defer { KernelVariant.current = before }
        for variant in KernelVariant.available {
            KernelVariant.current = variant
            if let problem = try checkIndexes(payload, plain, variant, &random) { return "\(variant): \(problem)" }
        }
        return nil
    }

    private func checkIndexes(
        _ payload: UnsafeRawBufferPointer, _ plain: PlainDecoder, _ variant: KernelVariant, _ random: inout SplitMix
    ) throws -> String? {
        guard let file = MemoryFile() else { return nil }
        let header = header
        return try header.withUnsafeBytes { header in
            guard file.set([header, payload]) else { return nil }
            let recording = try open(file)
            guard recording.geometry == geometry else { return "the header is read as of \(recording.geometry)" }
            if recording.format != format { return isEVT21 ? nil : "the header is read as \(recording.format)" }
            let index = try TimeIndex.build(recording, layout: layout)
            for (name, other) in [
                ("standard", try TimeIndex.build(recording)),
                ("threads", try TimeIndex.build(recording, layout: layout, threads: 3)),
            ] {
                if let problem = compareTotals(other, plain) { return "index (\(name)): \(problem)" }
                if name == "threads", other != index { return "threads make another index" }
            }
            if let problem = compareTotals(index, plain) { return "index: \(problem)" }
            if let problem = try checkReader(EventReader(recording, index), plain.events, &random) { return problem }
            return try checkGrowth(file, header, payload, index, &random)
        }
    }

    private func compareTotals(_ index: TimeIndex, _ plain: PlainDecoder) -> String? {
        let times = plain.events.map(\.t)
        let want = [
            Int64(times.count), times.first ?? 0, times.last ?? 0, times.min() ?? 0, times.max() ?? 0, plain.otherWords,
        ]
        let got = [
            index.eventCount, index.firstTime, index.lastTime, index.lowestTime, index.highestTime, index.otherWords,
        ]
        if got != want { return "count, first, last, lowest, highest, other words \(got), not \(want)" }
        if index.triggers != plain.triggers || index.triggerCount != plain.triggers.count {
            return "\(index.triggerCount) triggers \(index.triggers), not \(plain.triggers)"
        }
        return index.drops == plain.drops ? nil : "drops \(index.drops), not \(plain.drops)"
    }

    private func checkReader(_ reader: EventReader, _ events: [Event], _ random: inout SplitMix) throws -> String? {
        let (lowest, highest) = (reader.index.lowestTime, reader.index.highestTime)
        for _ in 0..<3 {
            let (a, b) = (
                Int64.random(in: lowest - 2...highest + 2, using: &random),
                Int64.random(in: lowest - 2...highest + 2, using: &random)
            )
            let times = min(a, b)..<max(a, b)
            let want = events.filter { times.contains($0.t) }
            var sink = EventCollector()
            try reader.events(in: times, into: &sink)
            if sink.events != want { return "events in \(times): \(difference(sink.events, want))" }
            let place = CellPlacement(
                width: geometry.width, height: geometry.height, shift: 0, columns: geometry.width,
                on: CellPlacement.onBit)
            var cells = CellCollector(place)
            try reader.events(in: times, into: &cells)
            if cells.events != want { return "cells in \(times): \(difference(cells.events, want))" }
            let selection = try reader.selection(of: times)
            guard selection.count == want.count else {
                return "\(times) has \(selection.count) events, not \(want.count)"
            }
            let (c, d) = (
                Int64.random(in: 0...selection.count + 1, using: &random),
                Int64.random(in: 0...selection.count + 1, using: &random)
            )
            let ordinals = min(c, d)..<max(c, d)
            var numbered = EventCollector()
            try reader.events(numbered: ordinals, of: selection, into: &numbered)
            let part = want.enumerated().filter { ordinals.contains(Int64($0.offset)) }.map(\.element)
            if numbered.events != part { return "events \(ordinals) of \(times): \(difference(numbered.events, part))" }
        }
        return nil
    }

    /// The index of a recording that grew is the one of all of it.
    private func checkGrowth(
        _ file: MemoryFile, _ header: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer, _ index: TimeIndex,
        _ random: inout SplitMix
    ) throws -> String? {
        guard payload.count > 1 else { return nil }
        let cut = Int.random(in: 0..<payload.count, using: &random)
        guard file.set([header, UnsafeRawBufferPointer(rebasing: payload[..<cut])]) else { return nil }
        let early = try TimeIndex.build(try open(file), layout: layout)
        guard file.append(UnsafeRawBufferPointer(rebasing: payload[cut...]), at: header.count + cut) else { return nil }
        let grown = try open(file)
        if grown.format != early.format { return isEVT21 ? nil : "the words that came are read otherwise" }
        guard let later = try early.extended(to: grown, layout: layout) else { return "a grown recording is not known" }
        let anew = try TimeIndex.build(grown, layout: layout)
        return later == anew ? nil : "a grown recording's index is another than that of all of it, cut at \(cut)"
    }

    /// Its words may say that their order is the other one, and are believed.
    private var isEVT21: Bool { format == .evt21 || format == .evt21Legacy }

    private func open(_ file: MemoryFile) throws(RecordingError) -> Recording {
        try Recording(path: file.path, hints: RecordingHints(encoding: format == .dat1 ? .dat1 : nil))
    }

    private var header: [UInt8] {
        let kind =
            switch format {
            case .evt2: "% evt 2.0\n"
            case .evt21: "% evt 2.1\n% endianness little\n"
            case .evt21Legacy: "% evt 2.1\n% endianness legacy\n"
            case .evt3: "% evt 3.0\n"
            case .evt4: "% evt 4.0\n"
            case .dat: "% Version 2\n"
            case .dat1: "% Version 1\n"
            }
        let text = kind + "% geometry \(geometry)\n" + (format.isDAT ? "" : "% end\n")
        return Array(text.utf8) + (format.isDAT ? [12, 8] : [])
    }
}

/// Puts events together again that come as cells.
private struct CellCollector: EventSink {
    private let place: CellPlacement
    private(set) var events: [Event] = []

    init(_ place: CellPlacement) { self.place = place }

    var placement: CellPlacement? { place }

    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        events.append(Event(x: x, y: y, polarity: polarity, t: t))
    }

    mutating func take(_ batch: CellBatch) {
        for i in 0..<batch.count {
            let cell = Int(batch.cells[i] & ~CellPlacement.onBit)
            let polarity = batch.cells[i] & CellPlacement.onBit == 0 ? 0 : 1
            event(
                x: cell % place.columns, y: cell / place.columns, polarity: polarity,
                t: batch.base + Int64(batch.times[i]))
        }
    }
}
