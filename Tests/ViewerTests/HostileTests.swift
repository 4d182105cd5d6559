// Questions that nobody would ask: an answer or a reason, and never more work than a picture takes.

import RandomFixture
import Testing
import Viewer

@Suite struct HostileTests {
    private static let calls: [String: [String]] = [
        "tree": ["path"], "search": ["q", "limit"], "recording": ["path"], "rate": ["path", "bins", "begin", "end"],
        "triggers": ["path", "start", "end", "limit"], "labels": ["path", "start", "end", "limit"],
        "label_times": ["path"], "choices": [], "spell": ["preprocessing", "window"], "tensor": ["file", "v"],
        "times": ["file", "first", "count"], "find": ["file", "t"], "values": ["file", "frame", "x", "y"],
        "series": ["file", "dataset", "points"],
        "picture": ["file", "frame", "format", "channels", "layout", "colors", "width", "light", "limit"],
        "scale": ["file", "channels", "layout", "colors", "width", "limit"],
        "export": ["file", "first", "last", "step", "fps", "channels", "width"], "exports": [], "nothing": ["x"],
    ]

    /// Often what the parameter takes, so that the rest is looked at too.
    private static func value(_ name: String, _ random: inout SplitMix) -> String {
        let fitting: [String: [String]] = [
            "path": ["a.raw", "day", "", "day/b.raw"],
            "preprocessing": ["histo", "event_cube,num_utbins=4", "voxel_grid"],
            "file": [
                "histo/50ms/a.h5", "event_cube/20ms/day/b.h5", "timesurface,downsample=2/1000ev/a.h5",
                "histo/10parts/a.h5", "diff/1ms,stride=7ms/a.h5", "events/a.h5", "histo/50ms,max_duration=100ms/a_1.h5",
            ],
            "window": ["50ms", "7parts", "10ev,max_period=1ms"], "format": ["png", "rgba"],
            "channels": ["all", "0", "1,0"],
            "layout": ["one", "side"], "colors": ["polarity", "halves", "bins", "signed", "gray", "tiles"],
            "limit": ["tensor", "frame", "0.5", "1,2", "5"], "dataset": ["/x", "data"], "light": ["0", "1"],
        ]
        let odd = [
            "0", "1", "3", "63", "64", "-1", "9223372036854775807", "-9223372036854775808", "18446744073709551616",
            "1e9",
            "nan", "inf", " 1", "0x10", "..", "../a.raw", "/", "//", "a.raw/", "\u{202E}", "\u{0}", "%00", "é",
            String(repeating: "9", count: 9000), String(repeating: "a/", count: 2000), "1125899906842624",
        ]
        if let list = fitting[name], random.next() % 4 != 0 { return list[Int(random.next() % UInt64(list.count))] }
        if fitting[name] == nil, random.next() % 2 == 0 { return "\(random.next() % 70)" }
        return odd[Int(random.next() % UInt64(odd.count))]
    }

    @Test func `any question has an answer or a reason`() throws {
        let look = try Look()
        try look.record("a.raw", events(4000, step: 50))
        try look.record("day/b.raw", events(300, step: 1000, width: 7, height: 5), width: 7, height: 5)
        var random = SplitMix(seed: 15)
        var (answered, refused) = (0, 0)
        let names = Self.calls.keys.sorted()
        for _ in 0..<5000 {
            let name = names[Int(random.next() % UInt64(names.count))]
            var query: [String: String] = [:]
            for parameter in Self.calls[name] ?? [] where random.next() % 8 != 0 {
                query[parameter] = Self.value(parameter, &random)
            }
            do {
                let answer = try look.viewer.answer(name, query)
                #expect(answer.bytes.count < 70_000_000, "\(name) \(query)")
                answered += 1
            } catch {
                #expect(!error.message.isEmpty && error.status >= 400, "\(name) \(query)")
                refused += 1
            }
        }
        #expect(answered > 500 && refused > 500)
    }
}
