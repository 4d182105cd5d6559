// The datasets of event files.
//
// Columns: DSEC's (https://dsec.ifi.uzh.ch/data-format) with what RVT's and others' readers want besides. Prophesee's:
// https://docs.prophesee.ai/stable/data/file_formats/hdf5.html.

import Datasets
import Recordings
import TensorFile

extension EventsMeasure {
    /// The file of so many events and triggers.
    ///
    /// - Parameters:
    ///   - name: the recording's file name.
    ///   - isPacked: whether datasets of layout=ecf are in chunks of one size, as a mount shows them.
    public func description(
        _ counts: EventsCounts, of recording: RecordingSummary, name: String, programVersion: String,
        isPacked: Bool = true
    ) -> FileDescription {
        let provenance = recording.provenance(
            name: name, programVersion: programVersion, version: ("events_version", Int64(EventsSpec.version)))
        switch spec.layout {
        case .columns:
            return FileDescription(
                datasets: columns(counts), rootAttributes: provenance)
        case .prophesee, .ecf:
            // Readers take every attribute of the root for a text, and `time_shift` among them for theirs.
            var datasets = prophesee(counts, provenance)
            if spec.layout == .ecf, isPacked { datasets = chunked(datasets, chunkSize: chunkSize(counts.events)) }
            return FileDescription(
                datasets: datasets,
                rootAttributes: [
                    ("version", text("1.0")), ("geometry", text(geometry.description)),
                    ("format", text(recording.format.displayName)),
                ])
        }
    }

    /// As readers of the layout ask for texts.
    private func text(_ value: String) -> AttributeValue {
        spec.layout == .ecf ? .variableASCII(value) : .variableString(value)
    }

    /// The place of each dataset in the file.
    package enum Column: Int, CaseIterable {
        case index, timeOffset, triggerTime, t, width, height, divider, x, y, triggerID, triggerPolarity, p
    }

    /// Ordered by the size of elements, so that all are aligned.
    private func columns(_ counts: EventsCounts) -> [DatasetDescription] {
        let block = blockLength(counts.events)
        func array(_ path: String, _ kind: ElementKind, _ count: Int64, block: Int) -> DatasetDescription {
            DatasetDescription(
                path, .number(kind), shape: [Int(count)],
                blockBytes: kind.size * block)
        }
        func value(_ path: String, _ kind: ElementKind) -> DatasetDescription {
            DatasetDescription(path, .number(kind), shape: [], blockBytes: kind.size)
        }
        return Column.allCases.map { column in
            switch column {
            case .index: array("ms_to_idx", .uint64, Int64(index(counts).count), block: Self.indexBlock)
            case .timeOffset: value("t_offset", .int64)
            case .triggerTime: array("triggers/t", .int64, counts.triggers, block: Self.madeBlock)
            case .t: array("events/t", isWide ? .int64 : .uint32, counts.events, block: block)
            case .width: value("events/width", .int32)
            case .height: value("events/height", .int32)
            case .divider: value("events/divider", .int32)
            case .x: array("events/x", .uint16, counts.events, block: block)
            case .y: array("events/y", .uint16, counts.events, block: block)
            case .triggerID: array("triggers/id", .int16, counts.triggers, block: Self.madeBlock)
            case .triggerPolarity: array("triggers/p", .int16, counts.triggers, block: Self.madeBlock)
            case .p: array("events/p", .uint8, counts.events, block: block)
            }
        }
    }

    /// The single value of a column that is one.
    func value(_ column: Column) -> (kind: ElementKind, value: Int64)? {
        switch column {
        // Times begin at the recording's begin already.
        case .timeOffset: (.int64, 0)
        case .width: (.int32, Int64(geometry.width))
        case .height: (.int32, Int64(geometry.height))
        // Readers divide times by it.
        case .divider: (.int32, 1)
        default: nil
        }
    }

    /// The place of each dataset in the file.
    package enum Record: Int, CaseIterable {
        case events, index, triggers, triggerIndex
    }

    private func prophesee(
        _ counts: EventsCounts, _ provenance: [(name: String, value: AttributeValue)]
    ) -> [DatasetDescription] {
        let (events, triggers) = (Int(counts.events), Int(counts.triggers))
        let triggerEntries = triggerIndex(counts).count
        let event = DatasetType.compound(
            size: RecordWriter.size,
            [
                CompoundMember("x", 0, .uint16), CompoundMember("y", 2, .uint16), CompoundMember("p", 4, .int16),
                CompoundMember("t", 8, .int64),
            ])
        let entry = DatasetType.compound(
            size: indexEntryBytes, [CompoundMember("id", 0, .uint64), CompoundMember("ts", 8, .int64)])
        let trigger = DatasetType.compound(
            size: TriggerRecord.size,
            [CompoundMember("p", 0, .int16), CompoundMember("t", 8, .int64), CompoundMember("id", 16, .int16)])
        let block = blockLength(counts.events) * RecordWriter.size
        // What readers add to times once more.
        let offset: [(name: String, value: AttributeValue)] = [("offset", text("0"))]
        return [
            DatasetDescription(
                "CD/events", event, shape: [events], blockBytes: block, attributes: provenance),
            DatasetDescription(
                "CD/indexes", entry, shape: [index(counts).count],
                blockBytes: Self.indexBlock * indexEntryBytes,
                attributes: offset),
            DatasetDescription(
                "EXT_TRIGGER/events", trigger, shape: [triggers],
                blockBytes: Self.madeBlock * TriggerRecord.size),
            DatasetDescription(
                "EXT_TRIGGER/indexes", entry, shape: [triggerEntries],
                blockBytes: Self.madeBlock * indexEntryBytes,
                attributes: offset),
        ]
    }

    /// The same datasets in chunks, those of the events packed: OpenEB's C++ reader reads all four chunk by chunk, and
    /// unpacks those of the events whatever the file says.
    private func chunked(_ datasets: [DatasetDescription], chunkSize: Int) -> [DatasetDescription] {
        datasets.enumerated().map { number, dataset in
            var dataset = dataset
            let length = ECFEncoder.chunkLength
            if number == Record.events.rawValue {
                let chunks = dataset.blockBytes / (length * RecordWriter.size)
                dataset.chunks = ChunkedStorage(elements: length, byteCount: chunkSize, filter: .ecf)
                dataset.blockBytes = chunks * chunkSize
            } else {
                // Blocks are parts of a chunk: chunks that follow each other are as one array.
                dataset.chunks = ChunkedStorage(elements: length, byteCount: length * dataset.type.size)
            }
            return dataset
        }
    }
}

/// A trigger as Prophesee's event files have it: p (i16), six bytes that are 0, t (i64, us), id (i16), six bytes.
enum TriggerRecord {
    static let size = 24
}
