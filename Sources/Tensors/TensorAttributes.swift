// The attributes of `/data`, as Metavision ML's generate_hdf5 writes them.

import Recordings

extension TensorPlan {
    /// See `TensorMeasure.attributes`.
    public var attributes: [(name: String, value: TensorAttribute)] { measure.attributes }
}

extension TensorMeasure {
    /// Names, values and types of `/data`'s attributes in generate_hdf5's order: its own first, then the
    /// preprocessing's parameters, then what exists only for some: `preprocessing_version` and `store_as_uint8`.
    public var attributes: [(name: String, value: TensorAttribute)] { spec.attributes(on: grid, of: inputGeometry) }
}

extension TensorSpec {
    /// What `/data` of a recording with this geometry is said to be, and the type of its elements: all that does not
    /// depend on events.
    ///
    /// - Throws: `.notApplicable` and `.invalidParameter` as `TensorPlan` does.
    public func traits(
        for geometry: Geometry
    ) throws(TensorError) -> (attributes: [(name: String, value: TensorAttribute)], elementType: ElementType) {
        let spec = try resolved(for: geometry)
        let shift = spec.preprocessingSpec.shift
        guard
            let grid = FrameGrid(
                geometry: try spec.preprocessingSpec.size(on: geometry), shift: shift + spec.preprocessingSpec.picked)
        else {
            throw TensorError(.notApplicable, "\(geometry) is no geometry to make frames of")
        }
        let input = spec.preprocessingSpec.filters.output(of: geometry) ?? geometry
        return (
            spec.attributes(on: grid, of: input), spec.asUInt8 ? .uint8 : spec.preprocessing.elementType(shift: shift)
        )
    }

    /// Of this specification with its scale resolved to `grid`, for a sensor of which filters left `input`.
    fileprivate func attributes(on grid: FrameGrid, of input: Geometry) -> [(name: String, value: TensorAttribute)] {
        var period: Int64 = 0
        var count: Int64 = 0
        let mode: String
        switch window {
        case .period(let value): (period, mode) = (value, "delta_t")
        case .count(let value):
            count = value
            period = windowSpec.maxPeriod ?? 0
            mode = windowSpec.maxPeriod == nil ? "n_events" : "mixed"
        case .parts: mode = "parts"
        case .between: mode = "between"
        }
        var list: [(name: String, value: TensorAttribute)] = [
            ("events_to_tensor", .fixedString(preprocessingSpec.name)),
            ("delta_t", .uint32(UInt32(truncatingIfNeeded: period))),
            ("event_input_width", .int64(Int64(input.width))),
            ("event_input_height", .int64(Int64(input.height))),
            ("shape", .int64Array([Int64(preprocessing.channels), Int64(grid.height), Int64(grid.width)])),
            ("mode", .variableString(mode)),
            ("n_events", .int64(count)),
        ]
        let values = preprocessingSpec.values
        list += preprocessingSpec.definition.parameters.map { ($0.name, values[$0].attribute) }
        list += preprocessing.extraAttributes
        if let version = preprocessing.version { list.append(("preprocessing_version", .variableString(version))) }
        if !windowSpec.isPlain { list.append(("window", .variableString(windowText))) }
        if asUInt8 { list.append(("store_as_uint8", .bool(true))) }
        return list
    }
}
