// The attributes of `/data`, as Metavision ML's generate_hdf5 writes them.

extension TensorPlan {
    /// Names, values and types of `/data`'s attributes in generate_hdf5's order: its own first, then the
    /// preprocessing's parameters, then what exists only for some: `preprocessing_version` and `store_as_uint8`.
    public var attributes: [(name: String, value: TensorAttribute)] {
        var period: Int64 = 0
        var count: Int64 = 0
        switch spec.window {
        case .period(let value): period = value
        case .count(let value): count = value
        }
        var list: [(name: String, value: TensorAttribute)] = [
            ("events_to_tensor", .fixedString(spec.preprocessingSpec.name)),
            ("delta_t", .uint32(UInt32(truncatingIfNeeded: period))),
            ("event_input_width", .int64(Int64(grid.geometry.width))),
            ("event_input_height", .int64(Int64(grid.geometry.height))),
            ("shape", .int64Array([Int64(channels), Int64(height), Int64(width)])),
            ("mode", .variableString(count == 0 ? "delta_t" : "n_events")),
            ("n_events", .int64(count)),
        ]
        let values = spec.preprocessingSpec.values
        list += spec.preprocessingSpec.definition.parameters.map { ($0.name, values[$0].attribute) }
        list += spec.preprocessing.extraAttributes
        if let version = spec.preprocessing.version { list.append(("preprocessing_version", .variableString(version))) }
        if spec.asUInt8 { list.append(("store_as_uint8", .bool(true))) }
        return list
    }
}
