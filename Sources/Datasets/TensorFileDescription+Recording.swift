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
        var provenance: [(name: String, value: AttributeValue)] = [
            ("recording", .variableString(name)),
            ("format", .variableString(recording.format.displayName)),
            ("geometry", .variableString(recording.geometry.description)),
            ("time_shift", .int64(recording.timeShift)),
            ("event_count", .int64(recording.eventCount)),
            ("trigger_count", .int64(recording.triggerCount)),
            ("first_time", .int64(recording.firstTime)),
            ("last_time", .int64(recording.lastTime)),
        ]
        for (name, count) in recording.drops.entries { provenance.append(("dropped_" + name, .int64(count))) }
        provenance.append(("evh5_version", .variableString(programVersion)))
        provenance.append(("tensor_version", .int64(Int64(tensorVersion))))
        self.init(
            frameCount: frameCount, frameShape: [measure.channels, measure.height, measure.width],
            elementType: measure.elementType.hdf5,
            dataAttributes: measure.attributes.map { ($0.name, $0.value.hdf5) },
            rootAttributes: provenance, hasLastTimestamps: measure.spec.isCounted)
    }
}

extension ElementType {
    package var hdf5: ElementKind {
        switch self {
        case .float32: .float32
        case .uint8: .uint8
        case .int8: .int8
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
    /// Whether frames are cut by event counts.
    package var isCounted: Bool {
        if case .count = window { return true }
        return false
    }
}
