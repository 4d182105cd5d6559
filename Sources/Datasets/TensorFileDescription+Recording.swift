// What a tensor file of a recording holds and says of itself, virtual or stored.

import Recordings
import TensorFile
import Tensors

extension TensorFileDescription {
    /// The tensor file of `plan`: `/data` with the attributes of generate_hdf5, and where it comes from as attributes
    /// of the root.
    ///
    /// - Parameter name: the recording's file name.
    public init(
        _ plan: TensorPlan, of recording: Recording, _ index: TimeIndex, name: String, programVersion: String
    ) {
        self.init(
            plan.measure, frameCount: plan.frameCount, of: RecordingSummary(recording, index), name: name,
            programVersion: programVersion)
    }

    /// The same, of a recording that need not be open.
    public init(
        _ measure: TensorMeasure, frameCount: Int, of recording: RecordingSummary, name: String, programVersion: String
    ) {
        self.init(
            frameCount: frameCount, frameShape: [measure.channels, measure.height, measure.width],
            elementType: measure.elementType.hdf5,
            dataAttributes: measure.attributes.map { ($0.name, $0.value.hdf5) },
            rootAttributes: recording.provenance(
                name: name, programVersion: programVersion, version: ("tensor_version", Int64(tensorVersion))),
            hasLastTimestamps: measure.spec.timeDatasets == 1, hasFrameTimes: measure.spec.timeDatasets == 2,
            blockLength: measure.blockLength)
    }
}

extension RecordingSummary {
    /// Where a file comes from, as attributes.
    ///
    /// - Parameters:
    ///   - name: the recording's file name.
    ///   - version: of what is computed.
    package func provenance(
        name: String, programVersion: String, version: (name: String, number: Int64)
    ) -> [(name: String, value: AttributeValue)] {
        var provenance: [(name: String, value: AttributeValue)] = [
            ("recording", .variableString(name)),
            ("format", .variableString(format.displayName)),
            ("geometry", .variableString(geometry.description)),
            ("time_shift", .int64(timeShift)),
            ("event_count", .int64(eventCount)),
            ("trigger_count", .int64(triggerCount)),
            ("first_time", .int64(firstTime)),
            ("last_time", .int64(lastTime)),
        ]
        for (name, count) in drops.entries { provenance.append(("dropped_" + name, .int64(count))) }
        provenance.append(("evh5_version", .variableString(programVersion)))
        provenance.append((version.name, .int64(version.number)))
        return provenance
    }
}

extension ElementType {
    package var hdf5: ElementKind {
        switch self {
        case .float32: .float32
        case .uint8: .uint8
        case .int8: .int8
        case .uint16: .uint16
        }
    }
}

extension TensorAttribute {
    fileprivate var hdf5: AttributeValue {
        switch self {
        case .fixedString(let text): .fixedString(text)
        case .variableString(let text): .variableString(text)
        case .uint32(let value): .uint32(value)
        case .int64(let value): .int64(value)
        case .float64(let value): .float64(value)
        case .bool(let value): .bool(value)
        case .int64Array(let values): .int64Array(values)
        }
    }
}

extension TensorSpec {
    /// How many datasets of times there are: none for plain periods, `/last_timestamps` for plain counts, else
    /// `/starts` and `/ends`.
    package var timeDatasets: Int {
        guard windowSpec.isPlain else { return 2 }
        if case .count = window { return 1 }
        return 0
    }
}

extension TensorPlan {
    /// The contents of dataset of times number `dataset`, 0 being the first.
    package func times(_ dataset: Int, _ frames: Range<Int>) throws -> [Int64] {
        if spec.timeDatasets == 1 { return try lastTimestamps(frames) }
        return try dataset == 0 ? starts(frames) : ends(frames)
    }

    /// The contents of all of them.
    package func allTimes() throws -> [[Int64]] {
        try (0..<spec.timeDatasets).map { try times($0, 0..<frameCount) }
    }
}
