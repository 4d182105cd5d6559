// Tensors: their shape and times, and values against histograms made here.

import Foundation
import Recordings
import Testing
import Viewer

@Suite struct TensorCallTests {
    private let all = events(4000, step: 50)

    private func look() throws -> Look {
        let look = try Look()
        try look.record("day/a.raw", all)
        return look
    }

    @Test func `a tensor says its shape and its times`() throws {
        let look = try look()
        let answer = try look.ask("tensor", ["file": "histo/50000us/day/a.h5"])
        #expect(answer["path"].text == "histo/50ms/day/a.h5" && answer["recording"].text == "day/a.raw")
        #expect(answer["shape"].numbers == [4, 2, 48, 64] && answer["dtype"].text == "float32")
        #expect(answer["channels"].texts == ["off", "on"] && answer["grid"].flag == true)
        #expect(answer["period_us"].number == 50_000 && answer["stride_us"].number == 50_000)
        #expect(answer["begin_us"].number == 0 && answer["end_us"].number == 200_000 && answer["datasets"].count == 0)
        let times = try look.ask("times", ["file": "histo/50ms/day/a.h5", "first": "1", "count": "2"])
        #expect(times["starts"].numbers == [50_000, 100_000] && times["ends"].numbers == [100_000, 150_000])
    }

    @Test func `windows of events have times of their own`() throws {
        let look = try look()
        let answer = try look.ask("tensor", ["file": "histo/1000ev/day/a.h5"])
        #expect(answer["shape"].numbers?.first == 4 && answer["period_us"].isNull && answer["grid"].flag == false)
        let times = try look.ask("times", ["file": "histo/1000ev/day/a.h5"])
        #expect(times["starts"].numbers == [0, 50_000, 100_000, 150_000])
        #expect(times["ends"].numbers == [49_950, 99_950, 149_950, 199_950])
    }

    @Test func `start_ts counts from where the file begins`() throws {
        let times = try look().ask("times", ["file": "histo/50ms,start_ts=20ms/day/a.h5", "count": "1"])
        #expect(times["starts"].numbers == [20_000] && times["ends"].numbers == [70_000])
    }

    @Test func `the frame of a time is the last whose window holds it, else the nearest`() throws {
        let look = try look()
        func frame(_ file: String, _ t: Int) throws -> Double? {
            try look.ask("find", ["file": "histo/\(file)/day/a.h5", "t": "\(t)"])["frame"].number
        }
        #expect(try frame("50ms", -10) == 0)
        #expect(try frame("50ms", 0) == 0)
        #expect(try frame("50ms", 49_999) == 0)
        #expect(try frame("50ms", 50_000) == 1)
        #expect(try frame("50ms", 10_000_000) == 3)
        // Windows of 10 ms, one each 50 ms: nearest to the end of one, and to the beginning of the next.
        #expect(try frame("10ms,stride=50ms", 20_000) == 0)
        #expect(try frame("10ms,stride=50ms", 40_000) == 1)
        // Overlapping ones.
        #expect(try frame("50ms,stride=10ms", 45_000) == 4)
        #expect(try frame("1000ev", 60_000) == 1)
    }

    @Test func `values are those of the events`() throws {
        let look = try look()
        let expected = histogram(all, 50_000..<100_000)
        for (x, y) in [(0, 0), (31, 17), (62, 34), (63, 47), (5, 3)] {
            let values = try look.ask(
                "values", ["file": "histo/50ms/day/a.h5", "frame": "1", "x": "\(x)", "y": "\(y)"])["values"]
            #expect(values.numbers == [0, 1].map { Double(expected[($0 * 48 + y) * 64 + x]) })
        }
        #expect(expected.contains { $0 > 0.2 })
        // The same as bytes.
        let bytes = try look.ask(
            "values", ["file": "histo,dtype=uint8/50ms/day/a.h5", "frame": "1", "x": "5", "y": "3"])["values"]
        #expect(
            bytes.numbers == [0, 1].map { Double((expected[($0 * 48 + 3) * 64 + 5] * 255).rounded(.toNearestOrEven)) })
    }

    @Test func `numbers that lead out of the tensor are refused`() throws {
        let look = try look()
        let file = "histo/50ms/day/a.h5"
        #expect(look.refusal("values", ["file": file, "frame": "4", "x": "0", "y": "0"])?.code == .notFound)
        #expect(look.refusal("values", ["file": file, "frame": "0", "x": "64", "y": "0"])?.code == .badQuery)
        #expect(look.refusal("values", ["file": file, "frame": "-1", "x": "0", "y": "0"])?.code == .badQuery)
        #expect(look.refusal("times", ["file": file, "count": "10001"])?.code == .badQuery)
        #expect(try look.ask("times", ["file": file, "first": "9000000000"])["starts"].count == 0)
        for wrong in [
            "a.h5", "histo/50ms/day/a.raw", "histo/50ms/day", "histo/50ms/day/b.h5", "events/day/a.h5", "../x.h5",
        ] {
            let refusal = look.refusal("tensor", ["file": wrong])
            #expect(refusal?.code == .notFound || refusal?.code == .badQuery, "\(wrong)")
        }
    }

    @Test func `a file without frames has none`() throws {
        let look = try Look()
        try look.record("none.raw", [])
        let answer = try look.ask("tensor", ["file": "histo/50ms/none.h5"])
        #expect(answer["shape"].numbers?.first == 0)
        #expect(look.refusal("find", ["file": "histo/50ms/none.h5", "t": "0"])?.code == .notFound)
        #expect(look.refusal("picture", ["file": "histo/50ms/none.h5", "frame": "0"])?.code == .notFound)
    }

    @Test func `who means another state of the recording is told`() throws {
        let look = try look()
        let file = "histo/50ms/day/a.h5"
        let version = try #require(try look.ask("tensor", ["file": file])["version"].text)
        #expect(look.refusal("values", ["file": file, "frame": "0", "x": "0", "y": "0", "v": version]) == nil)
        try look.record("day/a.raw", Array(all.prefix(3000)))
        let refusal = look.refusal("values", ["file": file, "frame": "0", "x": "0", "y": "0", "v": version])
        #expect(refusal?.code == .changed && refusal?.status == 409)
        #expect(try look.ask("tensor", ["file": file])["version"].text != version)
    }

    @Test func `choices name what paths take`() throws {
        let look = try Look()
        let answer = try look.ask("choices")
        let names = (0..<(answer["preprocessings"].count ?? 0)).map { answer["preprocessings"][$0]["name"].text }
        #expect(names.contains("histo") && names.contains("voxel_grid"))
        #expect(answer["windows"]["suggested"].texts?.contains("50ms") == true)
        #expect(answer["filters"][0]["name"].text == "roi")
        // Each default is one that a path takes.
        for (i, name) in names.enumerated() {
            let parameters = answer["preprocessings"][i]["parameters"]
            for j in 0..<(parameters.count ?? 0) {
                let parameter = parameters[j]
                let text = "\(name ?? ""),\(parameter["name"].text ?? "")=\(parameter["default"].text ?? "")"
                #expect(
                    try look.ask("spell", ["preprocessing": text, "window": "50ms"])["path"].text
                        == "\(name ?? "")/50ms")
            }
        }
    }

    @Test func `paths are spelled, and near misses are named`() throws {
        let look = try Look()
        let spelled = try look.ask("spell", ["preprocessing": "histo,max_incr_per_pixel=5", "window": "0.05s"])
        #expect(spelled["path"].text == "histo/50ms")
        let refusal = try #require(look.refusal("spell", ["preprocessing": "hist", "window": "50ms"]))
        #expect(refusal.code == .badQuery && refusal.message.contains("did you mean 'histo'?"))
        let other = try #require(look.refusal("spell", ["preprocessing": "histo,downsampel=2", "window": "50ms"]))
        #expect(other.message.contains("did you mean 'downsample'?"))
        #expect(look.refusal("spell", ["preprocessing": "histo", "window": "soon"])?.code == .badQuery)
    }
}
