// What of an event file is kept nowhere: single values, triggers and the index of their times. Any part of it is made
// by itself: a damaged recording may have a trigger after thousands of years, and an index up to there. In chunks, what
// is beyond the last element is zeros.

import Recordings

extension EventsPlan {
    /// The bytes `range` of a dataset that is kept in no blocks; empty for others.
    public func bytes(ofDataset dataset: Int, _ range: Range<Int64>) -> [UInt8] {
        switch measure.spec.layout {
        case .columns:
            guard let column = EventsMeasure.Column(rawValue: dataset) else { return [] }
            if let (kind, value) = measure.value(column) {
                return elements(kind.size, range) { _, bytes in
                    withUnsafeBytes(of: value.littleEndian) { bytes += $0.prefix(kind.size) }
                }
            }
            switch column {
            case .triggerTime: return elements(8, range) { append(triggers[$0].t, to: &$1) }
            case .triggerID: return elements(2, range) { append(triggers[$0].id, to: &$1) }
            case .triggerPolarity: return elements(2, range) { append(triggers[$0].p, to: &$1) }
            default: return []
            }
        case .prophesee, .ecf:
            switch EventsMeasure.Record(rawValue: dataset) {
            case .triggers:
                return elements(TriggerRecord.size, range) { place, bytes in
                    guard place < triggers.count else {
                        bytes.append(contentsOf: repeatElement(0, count: TriggerRecord.size))
                        return
                    }
                    let trigger = triggers[place]
                    append(Int64(UInt16(bitPattern: trigger.p)), to: &bytes)
                    append(trigger.t, to: &bytes)
                    append(Int64(UInt16(bitPattern: trigger.id)), to: &bytes)
                }
            case .triggerIndex:
                let shape = measure.triggerIndex(counts)
                return elements(measure.indexEntryBytes, range) { place, bytes in
                    let (id, time) = place < shape.count ? indexEntry(place - shape.before, shape) : (0, 0)
                    append(id, to: &bytes)
                    append(time, to: &bytes)
                }
            default: return []
            }
        }
    }

    /// As those of the events' index: none before, the first trigger at or after each boundary, and the end.
    private func indexEntry(_ boundary: Int, _ shape: IndexShape) -> (id: Int64, time: Int64) {
        if boundary < 0 { return (0, -1) }
        guard boundary < shape.boundaries else { return (Int64(triggers.count), triggers.last?.t ?? 0) }
        var (low, high) = (0, triggers.count)
        let time = Int64(boundary) &* shape.step
        while low < high {
            let middle = (low + high) / 2
            if triggersReached[middle] >= time { high = middle } else { low = middle + 1 }
        }
        return (Int64(low), low < triggers.count ? triggers[low].t : triggers.last?.t ?? 0)
    }

    /// The bytes `range` of elements of `size` bytes, which `append` makes one by one.
    private func elements(_ size: Int, _ range: Range<Int64>, _ append: (Int, inout [UInt8]) -> Void) -> [UInt8] {
        let places = Int(range.lowerBound) / size..<(Int(range.upperBound) + size - 1) / size
        var bytes: [UInt8] = []
        bytes.reserveCapacity(places.count * size)
        for place in places { append(place, &bytes) }
        let start = Int(range.lowerBound) - places.lowerBound * size
        return Array(bytes[start..<start + Int(range.upperBound - range.lowerBound)])
    }

    private func append<T: FixedWidthInteger>(_ value: T, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
    }
}
