// Label files: what is taken can be cut, and what was cut is a label file again.

import Datasets

enum LabelTarget {
    @Sendable static func check(_ bytes: UnsafeRawBufferPointer) -> String? {
        do {
            let labels = try LabelFile(Array(bytes))
            for times in [0..<1000, Int64.min..<Int64.max, Int64.min..<0, 1 << 40..<Int64.max] {
                let cut = labels.cut(to: times)
                do { _ = try LabelFile(cut) } catch { return "what was cut is no label file: \(error)" }
            }
            return nil
        } catch { return error.description.isEmpty ? "an error without a word" : nil }
    }
}
