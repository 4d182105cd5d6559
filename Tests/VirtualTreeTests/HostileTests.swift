// Random damage to everything that comes from outside: names, headers, events, labels. Nothing here may crash; what can
// be opened must be as long as it says. EVH5_FUZZ_SECONDS makes it longer.

import Foundation
import RandomFixture
import Testing
import VirtualTree

@Suite(.serialized) struct HostileTests {
    private static let seconds = ProcessInfo.processInfo.environment["EVH5_FUZZ_SECONDS"].flatMap(Double.init) ?? 0.5
    private static let seed = ProcessInfo.processInfo.environment["EVH5_FUZZ_SEED"].flatMap(UInt64.init) ?? 1

    /// Calls `body` until the time is over, at least 20 times.
    private func repeatedly(_ salt: UInt64, _ body: (inout SplitMix) throws -> Void) rethrows -> Int {
        var random = SplitMix(seed: Self.seed &* 1000 &+ salt)
        let end = Date(timeIntervalSinceNow: Self.seconds)
        var count = 0
        while count < 20 || Date() < end {
            try body(&random)
            count += 1
        }
        return count
    }

    /// Reads some of a file, if there is such a file; returns whether there was.
    private func look(_ tree: VirtualFileSystem, _ path: String, _ random: inout SplitMix) -> Bool {
        guard let entry = try? tree.walk(path) else { return false }
        let inode = entry.attributes.inode
        guard entry.attributes.kind == .regular, let opened = try? tree.open(inode, flags: O_RDONLY) else {
            _ = try? tree.names(path)
            return entry.attributes.kind == .directory
        }
        defer { tree.release(opened.handle) }
        let size = entry.attributes.size
        let places = [0, size / 2, size - 10, size, Int64.max, Int64.random(in: 0...max(1, size), using: &random)]
        for offset in places.map({ max(0, $0) }) {
            let wanted = 1 << Int.random(in: 0...16, using: &random)
            guard let result = try? tree.read(opened.handle, offset: offset, size: wanted) else { continue }
            #expect(Int64(result.count) == min(Int64(wanted), max(0, size - offset)), "\(path) at \(offset)")
            // Every byte must be there to be read.
            #expect(result.pieces.reduce(0) { $1.bytes.reduce($0) { $0 &+ Int($1) } } >= 0)
        }
        return true
    }

    @Test func names() throws {
        let source = try Source()
        try source.write("a.raw", evt2(line(200, step: 3000)))
        try source.write("sub/b.raw", evt2(line(20, step: 30_000)))
        try source.write("c.txt", [1])
        let tree = try source.tree { $0.memoryTarget = 4 << 20 }
        let words = [
            "histo", "diff", "timesurface", "event_cube", "event_cube_paper", "multi_channel_timesurface",
            "histo_quantized", "diff_quantized", ",", ",", ",", "=", "=", "max_incr_per_pixel", "num_utbins",
            "split_polarity", "true", "false", "height", "width", "downsample", "dtype", "uint8", "float32", "start_ts",
            "max_duration", "ms", "us", "s", "ev", "0", "1", "2", "3", "8", "64", "1e9", "-1", "0.5", "nan", "inf", ".",
            "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e308", "250ms", "10000ev", "/",
            "..",
            "a.h5", "a_0.h5", "a_9.h5", "sub", "c.txt", "é", "\u{301}", " ", "%", "negative_bit_length",
            "total_bit_length", "normalization", "99999999999999999999", "1us", "63.75", "e", "+", "0x10", "٣",
        ]
        _ = repeatedly(1) { random in
            func text(_ n: Int) -> String { (0..<n).map { _ in words.randomElement(using: &random) ?? "" }.joined() }
            let preprocessings = ["histo", "diff_quantized,negative_bit_length=", "event_cube,num_utbins=", "histo,"]
            let first =
                (preprocessings.randomElement(using: &random) ?? "") + text(Int.random(in: 0...4, using: &random))
            let windows = ["10ms", "1us", "1ev", "50ms,start_ts=", "50ms,max_duration=", ""]
            let second = (windows.randomElement(using: &random) ?? "") + text(Int.random(in: 0...3, using: &random))
            let last = ["a.h5", "a_0.h5", "sub/b.h5", "c.txt", text(2)].randomElement(using: &random) ?? ""
            _ = look(tree, first + "/" + second + "/" + last, &random)
            if let other = try? tree.walk("histo/10ms/" + text(2)) { tree.forget(other.attributes.inode, 1) }
        }
        // After all that it still answers.
        var random = SplitMix(seed: 7)
        #expect(look(tree, "histo/10ms/a.h5", &random) && look(tree, "diff/50ms/sub/b.h5", &random))
    }

    @Test func recordings() throws {
        let headers = [
            "% evt 2.0\n% geometry 16x8\n% end\n", "% evt 2.1\n% geometry 16x8\n% end\n",
            "% evt 2.1\n% endianness little\n% geometry 16x8\n% end\n", "% evt 3.0\n% geometry 16x8\n% end\n",
            "% evt 4.0\n% geometry 16x8\n% end\n", "% Version 2\n% geometry 16x8\n\u{c}\u{8}",
            "% format EVT3;height=8;width=16\n% end\n", "% system_ID 49\r\n% evt 3.0\r\n",
        ]
        let specs = [
            "histo/1us", "histo/10ms", "diff/1s", "timesurface/50ms", "event_cube/20ms", "histo/3ev", "histo/1ev",
            "multi_channel_timesurface,num_utbins=7/1ms", "histo,downsample=2/7us", "histo_quantized/10ms",
            "diff_quantized/3ev,start_ts=1ms", "event_cube_paper,dtype=uint8/100ms",
            "timesurface,split_polarity=false/9ev",
            "histo/10ms,start_ts=5ms", "histo/1s,max_duration=1000000s",
        ]
        let source = try Source()
        let tree = try source.tree { $0.memoryTarget = 4 << 20 }
        var found = 0
        var name = 0
        _ = try repeatedly(2) { random in
            var bytes = Array((headers.randomElement(using: &random) ?? "").utf8)
            for _ in 0..<(Int.random(in: 0...3, using: &random) / 3) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let types: [UInt8] = [0, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x80, 0x80, 0xA0, 0xB0, 0xC0, 0xE0, 0xF0]
            for i in 0..<Int.random(in: 0...3000, using: &random) {
                let byte = UInt8.random(in: 0...255, using: &random)
                // Type nibbles where they lie in words, so that not all is noise.
                bytes.append(i % 2 == 1 ? (types.randomElement(using: &random) ?? 0) | byte & 0xF : byte & 0x1F)
            }
            name = (name + 1) % 8
            let isDAT = bytes.starts(with: Array("% Version".utf8))
            try source.write("r\(name)." + (isDAT ? "dat" : "raw"), bytes)
            for _ in 0..<3 {
                let spec = specs.randomElement(using: &random) ?? ""
                if look(tree, spec + (spec.contains("max_d") ? "/r\(name)_0.h5" : "/r\(name).h5"), &random) {
                    found += 1
                }
            }
        }
        #expect(found > 0)
    }

    @Test func labels() throws {
        let header = "{'descr': [('ts', '<u8'), ('x', '<f4')], 'fortran_order': False, 'shape': (4,), }"
        let padded = header + String(repeating: " ", count: 127 - 10 - header.utf8.count) + "\n"
        let good =
            [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(padded.utf8.count), 0] + Array(padded.utf8)
            + [UInt8](repeating: 1, count: 48)
        let source = try Source()
        try source.write("a.raw", evt2(line(200, step: 3000)))
        let tree = try source.tree()
        let parts = [
            "'ts'", "'t'", "<u8", "<f4", "<V0", "|S65536", "<U9", "(", ")", "[", "]", "4", "-1", "99999999999",
        ]
        _ = try repeatedly(3) { random in
            var bytes = good
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                if Bool.random(using: &random) {
                    bytes[at] = UInt8.random(in: 0...255, using: &random)
                } else {
                    let part = Array((parts.randomElement(using: &random) ?? "").utf8)
                    bytes.replaceSubrange(at..<min(bytes.count, at + part.count), with: part)
                }
            }
            bytes.removeLast(
                Int.random(in: 0...9, using: &random) == 0 ? Int.random(in: 0...bytes.count, using: &random) : 0)
            try source.write("a_bbox.npy", bytes)
            _ = look(tree, "histo/50ms,start_ts=1ms/a_bbox.npy", &random)
            _ = look(tree, "histo/50ms,max_duration=100ms/a_1_bbox.npy", &random)
        }
        try source.write("a_bbox.npy", good)
        var random = SplitMix(seed: 7)
        #expect(look(tree, "histo/50ms,start_ts=2ms/a_bbox.npy", &random))
    }
}
