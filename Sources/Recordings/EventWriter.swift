// Events by number as they are in files of events: written where a caller wants them, thousands at a time.

/// Writes events to memory. Implementations are structs with `@inlinable @inline(__always)` methods.
public protocol EventWriter {
    /// Writes an event as number `place`.
    func write(_ place: Int, x: Int, y: Int, polarity: Int, t: Int64)
    /// Writes `count` events from number `place` on, of which each cell is polarity (bit 31), y and x (the lower
    /// `columnBits` bits), each time us after `base`.
    func write(
        _ place: Int, _ cells: UnsafePointer<UInt32>, _ times: UnsafePointer<UInt32>, count: Int, base: Int64,
        columnBits: UInt32)
}

/// A column of each field; all have room for the events that are written.
public struct ColumnWriter<Time: FixedWidthInteger>: EventWriter {
    @usableFromInline let x: UnsafeMutablePointer<UInt16>
    @usableFromInline let y: UnsafeMutablePointer<UInt16>
    @usableFromInline let p: UnsafeMutablePointer<UInt8>
    @usableFromInline let t: UnsafeMutablePointer<Time>

    /// - Parameter t: us; of a type that holds all times.
    public init(
        x: UnsafeMutablePointer<UInt16>, y: UnsafeMutablePointer<UInt16>, p: UnsafeMutablePointer<UInt8>,
        t: UnsafeMutablePointer<Time>
    ) {
        self.x = x
        self.y = y
        self.p = p
        self.t = t
    }

    @inlinable @inline(__always)
    public func write(_ place: Int, x: Int, y: Int, polarity: Int, t: Int64) {
        self.x[place] = UInt16(truncatingIfNeeded: x)
        self.y[place] = UInt16(truncatingIfNeeded: y)
        p[place] = UInt8(truncatingIfNeeded: polarity)
        self.t[place] = Time(truncatingIfNeeded: t)
    }

    @inlinable @inline(__always)
    public func write(
        _ place: Int, _ cells: UnsafePointer<UInt32>, _ times: UnsafePointer<UInt32>, count: Int, base: Int64,
        columnBits: UInt32
    ) {
        let (x, y, p, t) = (self.x + place, self.y + place, self.p + place, self.t + place)
        let columns = (1 as UInt32) &<< columnBits &- 1
        let rows = (1 as UInt32) &<< (31 &- columnBits) &- 1
        // One loop for each column: each is a few vector instructions.
        for i in 0..<count { x[i] = UInt16(truncatingIfNeeded: cells[i] & columns) }
        for i in 0..<count { y[i] = UInt16(truncatingIfNeeded: (cells[i] &>> columnBits) & rows) }
        for i in 0..<count { p[i] = UInt8(truncatingIfNeeded: cells[i] &>> 31) }
        let start = Time(truncatingIfNeeded: base)
        for i in 0..<count { t[i] = start &+ Time(truncatingIfNeeded: times[i]) }
    }
}

/// Events as Prophesee's event files have them: 16 bytes of x (u16), y (u16), p (i16), two bytes that are 0, t (i64,
/// us).
public struct RecordWriter: EventWriter {
    @usableFromInline let words: UnsafeMutablePointer<UInt64>

    public static var size: Int { 16 }

    /// - Parameter words: room for two for each event.
    public init(_ words: UnsafeMutablePointer<UInt64>) { self.words = words }

    @inlinable @inline(__always)
    public func write(_ place: Int, x: Int, y: Int, polarity: Int, t: Int64) {
        let word = UInt64(x) | UInt64(y) &<< 16 | UInt64(polarity) &<< 32
        words[2 &* place] = word.littleEndian
        words[2 &* place &+ 1] = UInt64(bitPattern: t).littleEndian
    }

    @inlinable @inline(__always)
    public func write(
        _ place: Int, _ cells: UnsafePointer<UInt32>, _ times: UnsafePointer<UInt32>, count: Int, base: Int64,
        columnBits: UInt32
    ) {
        let target = words + 2 &* place
        let columns = (1 as UInt32) &<< columnBits &- 1
        let rows = (1 as UInt32) &<< (31 &- columnBits) &- 1
        for i in 0..<count {
            let cell = cells[i]
            let y = UInt64((cell &>> columnBits) & rows)
            target[2 &* i] = (UInt64(cell & columns) | y &<< 16 | UInt64(cell &>> 31) &<< 32).littleEndian
            target[2 &* i &+ 1] = UInt64(bitPattern: base &+ Int64(times[i])).littleEndian
        }
    }
}

/// Hands on some events by number, in cells where it gets such.
@usableFromInline struct NumberedSink<Writer: EventWriter>: EventSink {
    @usableFromInline let writer: Writer
    /// The next event that is written.
    @usableFromInline var place: Int
    /// Events to leave out first.
    @usableFromInline var skip: Int64
    /// Where to end.
    @usableFromInline var end: Int
    @usableFromInline let columnBits: UInt32
    @usableFromInline let placement: CellPlacement?

    @usableFromInline init(_ writer: Writer, _ geometry: Geometry, place: Int) {
        self.writer = writer
        self.place = place
        (skip, end) = (0, place)
        columnBits = UInt32(max(1, Int.bitWidth - (geometry.width - 1).leadingZeroBitCount))
        placement = CellPlacement(
            width: geometry.width, height: geometry.height, shift: 0, columns: 1 << Int(columnBits),
            on: CellPlacement.onBit)
    }

    @inlinable @inline(__always)
    mutating func event(x: Int, y: Int, polarity: Int, t: Int64) {
        if skip > 0 {
            skip &-= 1
        } else if place < end {
            writer.write(place, x: x, y: y, polarity: polarity, t: t)
            place &+= 1
        }
    }

    @inlinable @inline(__always)
    mutating func take(_ batch: CellBatch) {
        let first = Int(min(skip, Int64(batch.count)))
        skip &-= Int64(first)
        let count = min(batch.count &- first, end &- place)
        guard count > 0 else { return }
        writer.write(
            place, batch.cells + first, batch.times + first, count: count, base: batch.base, columnBits: columnBits)
        place &+= count
    }
}

extension EventReader {
    /// Has the events number `ordinals` of `selection` written, the first as number `place`; numbers that do not exist
    /// are left out.
    ///
    /// - Returns: how many were written.
    @inlinable
    public func write<W: EventWriter>(
        numbered ordinals: Range<Int64>, of selection: EventSelection, to writer: W, at place: Int = 0
    ) throws(RecordingError) -> Int {
        if let filters {
            var sink = NumberedSink(writer, geometry, place: place)
            sink.end = place + ordinals.count
            try passing(to: &sink, filters) { target, needsTimes, output throws(RecordingError) in
                try filter(
                    filters, numbered: ordinals, of: selection, to: target, needsTimes: needsTimes, output)
            }
            return sink.place - place
        }
        let pieces = pieces(ordinals, selection)
        guard let buffer = try ReadBuffer(for: pieces) else { return 0 }
        var sink = NumberedSink(writer, recording.geometry, place: place)
        let last = place + ordinals.count
        for piece in pieces {
            sink.skip = piece.skip
            sink.end = piece.take == .max ? last : min(last, sink.place + Int(piece.take))
            try decode(piece, selection.times, buffer, into: &sink)
        }
        return sink.place - place
    }
}
