// Which labels RVT's preprocessing keeps, and how it cuts their boxes.
//
// After `apply_filters` of uzh-rpg/RVT b80f568, scripts/genx/preprocess_dataset.py, with the filters that
// scripts/genx/conf_preprocess/filter_gen1.yaml and filter_gen4.yaml switch on.

import Tensors

extension RVTRule.Dataset {
    /// Of the sensor; boxes are cut to it.
    public var width: Int { self == .gen1 ? 304 : 1280 }
    public var height: Int { self == .gen1 ? 240 : 720 }
}

/// The boxes of a label file.
struct RVTFilter {
    private let file: LabelFile
    private let rule: RVTRule
    /// x, y, w and h.
    private let box: [LabelFile.Field]
    private let classID: LabelFile.Field?

    init(_ file: LabelFile, _ rule: RVTRule) throws(RVTLabelsError) {
        var box: [LabelFile.Field] = []
        for name in ["x", "y", "w", "h"] {
            guard let field = file.fields[name], field.type == "f4" || field.type == "f8" else {
                throw RVTLabelsError(.unusable, "it has no field '\(name)' of float32 or float64")
            }
            box.append(field)
        }
        classID = file.fields["class_id"]
        if rule.dataset == .gen4, !["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"].contains(classID?.type) {
            throw RVTLabelsError(.unusable, "it has no field 'class_id' of whole numbers")
        }
        (self.file, self.rule, self.box) = (file, rule, box)
    }

    /// Appends record `i` with its box cut, if it is kept.
    ///
    /// - Throws: when the box has a side below 0.
    func append(_ i: Int, to records: inout [UInt8]) throws(RVTLabelsError) -> Bool {
        // gen4: pedestrian, two wheeler and car; not truck, bus, traffic sign and traffic light.
        if rule.dataset == .gen4, !isKept(class: i) { return false }
        let (x, w) = try cut(i, box[0], box[2], to: rule.dataset.width)
        let (y, h) = try cut(i, box[1], box[3], to: rule.dataset.height)
        guard w > 0, h > 0 else { return false }
        if rule.dataset == .gen1 {
            let square = rounded(rounded(w * w, box[2]) + rounded(h * h, box[3]), box[2], box[3])
            guard square >= 30 * 30, w >= 10, h >= 10 else { return false }
        } else {
            guard w >= 5, h >= 5 else { return false }
        }
        if rule.isTraining, w > Double(9 * rule.dataset.width / 10) { return false }
        let start = records.count
        records += file.bytes[file.offset(ofRecord: i)..<file.offset(ofRecord: i) + file.recordSize]
        for (field, value) in zip(box, [x, y, w, h]) { store(value, field, &records, start) }
        return true
    }

    private func isKept(class i: Int) -> Bool {
        guard let classID else { return false }
        let at = file.offset(ofRecord: i) + classID.offset
        switch classID.type {
        case "u1": return file.load(at, UInt8.self) <= 2
        case "i1": return file.load(at, Int8.self) <= 2
        case "u2": return file.load(at, UInt16.self) <= 2
        case "i2": return file.load(at, Int16.self) <= 2
        case "u4": return file.load(at, UInt32.self) <= 2
        case "i4": return file.load(at, Int32.self) <= 2
        case "u8": return file.load(at, UInt64.self) <= 2
        default: return file.load(at, Int64.self) <= 2
        }
    }

    /// Where the part of a side inside of the frame begins, and its length.
    private func cut(
        _ i: Int, _ low: LabelFile.Field, _ length: LabelFile.Field, to side: Int
    ) throws(RVTLabelsError) -> (Double, Double) {
        let (start, extent) = (value(i, low), value(i, length))
        let end = rounded(start + extent, low, length)
        func inside(_ value: Double) -> Double { min(max(value, 0), Double(side - 1)) }
        let rest = rounded(inside(end) - inside(start), low, length)
        // Also of what is no number.
        guard rest >= 0, !start.isNaN, !end.isNaN else {
            throw RVTLabelsError(.unusable, "the box of record \(i) has a side that is no positive number")
        }
        return (inside(start), rounded(rest, length))
    }

    private func value(_ i: Int, _ field: LabelFile.Field) -> Double {
        let at = file.offset(ofRecord: i) + field.offset
        return field.type == "f4" ? Double(file.load(at, Float.self)) : file.load(at, Double.self)
    }

    /// As arithmetic on such fields rounds: float32 on float32 only. A sum or product in float64, rounded once more, is
    /// that of float32.
    private func rounded(_ value: Double, _ fields: LabelFile.Field...) -> Double {
        fields.allSatisfy { $0.type == "f4" } ? Double(Float(value)) : value
    }

    private func store(_ value: Double, _ field: LabelFile.Field, _ records: inout [UInt8], _ start: Int) {
        records.withUnsafeMutableBytes { raw in
            if field.type == "f4" {
                raw.storeBytes(of: Float(value), toByteOffset: start + field.offset, as: Float.self)
            } else {
                raw.storeBytes(of: value, toByteOffset: start + field.offset, as: Double.self)
            }
        }
    }
}
