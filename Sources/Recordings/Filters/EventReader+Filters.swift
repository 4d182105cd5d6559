// Reading through filters: what they leave is handed on in cells, whatever the format.

extension EventReader {
    /// Hands what is left in `times` to `output`, in file order.
    @usableFromInline
    func filter(
        _ filters: AppliedFilters, in times: Range<Int64>, to target: CellPlacement, needsTimes: Bool,
        _ output: @escaping (CellBatch) -> Void
    ) throws(RecordingError) {
        if filters.chain.isStateless {
            let pieces = pieces(times)
            guard let buffer = try ReadBuffer(for: pieces) else { return }
            var sink = FilterSink(filters, to: target, needsTimes: needsTimes, output)
            for piece in pieces { try decode(piece, times, buffer, into: &sink) }
            sink.flush()
            return
        }
        let segments = index.candidates(times)
        let (first, origin) = start(of: segments, from: times.lowerBound, filters)
        guard !segments.isEmpty else { return }
        let piece = piece(first..<segments.upperBound, isInside: true)
        guard let buffer = try ReadBuffer(for: [piece]) else { return }
        var sink = FilterSink(filters, to: target, needsTimes: needsTimes, from: origin, times: times, output)
        try decode(piece, times, buffer, into: &sink)
        sink.flush()
    }

    /// Hands the events number `ordinals` of `selection`, which counts what is left, to `output`, in file order.
    @usableFromInline
    func filter(
        _ filters: AppliedFilters, numbered ordinals: Range<Int64>, of selection: EventSelection,
        to target: CellPlacement, needsTimes: Bool, _ output: @escaping (CellBatch) -> Void
    ) throws(RecordingError) {
        let pieces = pieces(ordinals, selection)
        guard let buffer = try ReadBuffer(for: pieces) else { return }
        if filters.chain.isStateless {
            var sink = FilterSink(filters, to: target, needsTimes: needsTimes, output)
            for piece in pieces {
                sink.ordinals = piece.skip == 0 && piece.take == .max ? nil : (piece.skip, piece.take)
                try decode(piece, selection.times, buffer, into: &sink)
                sink.flush()
            }
            return
        }
        let ordinals = ordinals.clamped(to: 0..<selection.count)
        let before = selection.before
        let first = TimeIndex.firstIndex(before.count) { before[$0] > ordinals.lowerBound } - 1
        let last = TimeIndex.firstIndex(before.count) { before[$0] >= ordinals.upperBound }
        let segments = selection.firstSegment + first..<selection.firstSegment + last
        var sink = try warm(
            filters, segments, selection, buffer, to: target, needsTimes: needsTimes, output)
        sink.ordinals = (ordinals.lowerBound - before[first], Int64(ordinals.count))
        try decode(piece(segments, isInside: true), selection.times, buffer, into: &sink)
        sink.flush()
    }

    /// Counts what is left in `times`: all of it is decoded.
    func filteredSelection(
        _ filters: AppliedFilters, of times: Range<Int64>
    ) throws(RecordingError) -> EventSelection {
        let segments = index.candidates(times)
        var before: [Int64] = [0]
        before.reserveCapacity(segments.count + 1)
        var (count, highest) = (Int64(0), Int64?.none)
        let output = { (batch: CellBatch) in
            count += Int64(batch.count)
            highest = max(highest ?? .min, batch.lastTime ?? .min)
        }
        if !segments.isEmpty {
            let buffer = try ReadBuffer()
            let all = AppliedFilters.cells(of: filters.geometry)
            let (first, origin) = start(of: segments, from: times.lowerBound, filters)
            let isStateless = filters.chain.isStateless
            var sink = FilterSink(
                filters, to: all, needsTimes: true, from: origin, times: isStateless ? nil : times, output)
            if !isStateless { try warm(first..<segments.lowerBound, buffer, &sink) }
            for i in segments {
                if !isStateless {
                    try decode(piece(i..<i + 1, isInside: true), times, buffer, into: &sink)
                } else if index.segments[i].meets(times) {
                    let isInside = index.segments[i].isInside(times)
                    try decode(piece(i..<i + 1, isInside: isInside), times, buffer, into: &sink)
                }
                sink.flush()
                before.append(count)
            }
        }
        return EventSelection(
            times: times, firstSegment: segments.lowerBound, before: before, highestTime: highest)
    }

    /// A sink for the events of `segments` that are in `selection`, which has seen what it takes to tell which of them
    /// stay.
    func warm(
        _ filters: AppliedFilters, _ segments: Range<Int>, _ selection: EventSelection, _ buffer: ReadBuffer,
        to target: CellPlacement, needsTimes: Bool, _ output: @escaping (CellBatch) -> Void
    ) throws(RecordingError) -> FilterSink {
        let earliest = max(selection.times.lowerBound, index.lowestTime(from: segments.lowerBound))
        let (first, origin) = start(of: segments, from: earliest, filters)
        var sink = FilterSink(
            filters, to: target, needsTimes: needsTimes, from: origin, times: selection.times, output)
        try warm(first..<segments.lowerBound, buffer, &sink)
        return sink
    }

    private func warm(
        _ segments: Range<Int>, _ buffer: ReadBuffer, _ sink: inout FilterSink
    ) throws(RecordingError) {
        guard !segments.isEmpty else { return }
        sink.passes = false
        try decode(piece(segments, isInside: true), Int64.min..<Int64.max, buffer, into: &sink)
        sink.flush()
        sink.passes = true
    }

    /// Where to begin to read, so that filters know all that decides on events of `segments` from `earliest` us on:
    /// from there on no segment is left out, and all events before are too early to matter. And from which us on they
    /// matter.
    private func start(
        of segments: Range<Int>, from earliest: Int64, _ filters: AppliedFilters
    ) -> (segment: Int, origin: Int64) {
        let (time, overflow) = earliest.subtractingReportingOverflow(filters.chain.lookBack)
        let origin = max(overflow ? .min : time, index.lowestTime)
        return (min(index.firstSegment(reaching: origin), segments.lowerBound), origin)
    }

    /// Has `body` hand cells to `sink`, or single events to one that takes no cells.
    @inlinable
    func passing<S: EventSink>(
        to sink: inout S, _ filters: AppliedFilters,
        _ body: (CellPlacement, _ needsTimes: Bool, @escaping (CellBatch) -> Void) throws(RecordingError) -> Void
    ) throws(RecordingError) {
        let placement = sink.placement
        let needsTimes = placement == nil || sink.needsTimes
        let columnBits = filters.columnBits
        let target = placement ?? filters.cells
        try withUnsafeMutablePointer(to: &sink) { pointer throws(RecordingError) in
            let taken = { (batch: CellBatch) in pointer.pointee.take(batch) }
            let unpacked = { (batch: CellBatch) in batch.unpack(columnBits, into: &pointer.pointee) }
            try body(target, needsTimes, placement == nil ? unpacked : taken)
        }
    }
}

extension AppliedFilters {
    /// What is left of events in memory; those outside of the sensor are left out too.
    public func left(of events: [Event]) -> [Event] {
        var collector = EventCollector()
        let bits = columnBits
        let origin = events.map(\.t).min() ?? 0
        var sink = FilterSink(self, to: cells, needsTimes: true, from: origin) { $0.unpack(bits, into: &collector) }
        for event in events
        where Int(event.x) < sensor.width && Int(event.y) < sensor.height && event.polarity < 2 {
            sink.event(x: Int(event.x), y: Int(event.y), polarity: Int(event.polarity), t: event.t)
        }
        sink.flush()
        return collector.events
    }

    /// See `cells(of:)`.
    @usableFromInline var cells: CellPlacement { Self.cells(of: geometry) }
    @usableFromInline var columnBits: Int { Self.columnBits(geometry) }
}

extension CellBatch {
    /// Hands on cells of pixels as single events.
    @inlinable
    func unpack<S: EventSink>(_ columnBits: Int, into sink: inout S) {
        var local = sink
        let columns = (1 as UInt32) &<< UInt32(truncatingIfNeeded: columnBits) &- 1
        for i in 0..<count {
            let cell = cells[i]
            local.event(
                x: Int(cell & columns),
                y: Int((cell & ~CellPlacement.onBit) &>> UInt32(truncatingIfNeeded: columnBits)),
                polarity: Int(cell &>> 31), t: base &+ Int64(times[i]))
        }
        sink = local
    }
}
