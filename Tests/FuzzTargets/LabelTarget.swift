// Label files: what is taken can be cut, and what was cut is a label file again. And lists of times
// and of pixels.

import Datasets
import Recordings
import Tensors

enum LabelTarget {
    @Sendable static func check(_ bytes: UnsafeRawBufferPointer) -> String? {
        for (origin, name) in [
            (.labels, "a_bbox.npy"), (.file("x"), "a_x.npy"), (.file("x"), "a_x.txt"),
        ] as [(TimesOrigin, String)] {
            do {
                let times = try TimesFile.times(origin, Array(bytes), name)
                let isRising = zip(times.starts, times.starts.dropFirst()).allSatisfy { $0 <= $1 }
                let isWhole = times.ends?.count ?? times.starts.count == times.starts.count
                guard isRising, isWhole else { return "times that fall, or lack their ends" }
            } catch  where error.description.isEmpty { return "an error without a word" } catch {}
        }
        for name in ["a_x.npy", "a_x.txt"] {
            do {
                let pixels = try PixelsFile.pixels(Array(bytes), name)
                let sensor = pixels.size ?? Geometry(width: 640, height: 480)
                let isInside = pixels.pixels.allSatisfy { $0.x < sensor.width && $0.y < sensor.height }
                guard isInside == (pixels.problem(on: sensor) == nil) else { return "pixels outside that are none" }
                guard pixels.pixels.allSatisfy({ $0.x >= 0 && $0.y >= 0 }) else { return "pixels below 0" }
            } catch  where error.description.isEmpty { return "an error without a word" } catch {}
        }
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
