// A series of sessions that create, grow, overwrite and cut, and what the file is after each of them.

import SidecarStore
import TensorFile

public enum SessionSeries {
    /// What session `number` (0, 1, ...) does to the file, which becomes what it is afterwards.
    public static func edits(_ number: Int, _ model: inout FileModel) -> [Edit] {
        let tail = Int64(model.tailOffset)
        let end = Int64(model.bytes.count)
        // Written in pieces, so that there are many moments to be killed at.
        func pieces(_ count: Int, _ length: Int, at offset: Int64, step: Int64) -> [Edit] {
            (0..<count).map { .write(offset + Int64($0) * step, pattern(length, number * 1000 + $0)) }
        }
        switch number % 4 {
        case 0: return model.change(pieces(20, 3000, at: end, step: 3000))
        case 1: return model.change(pieces(20, 500, at: tail + 100, step: 1700))
        case 2: return model.change(pieces(5, 100, at: end + 5000, step: 4096) + pieces(9, 300, at: 1000, step: 300))
        default: return model.change([.size(max(tail + 200, end / 2))] + pieces(6, 900, at: tail + 50, step: 2000))
        }
    }

    /// The file before session `number`.
    public static func state(before number: Int, _ layout: FileLayout) -> FileModel {
        var model = FileModel(layout)
        for number in 0..<number { _ = edits(number, &model) }
        return model
    }
}
