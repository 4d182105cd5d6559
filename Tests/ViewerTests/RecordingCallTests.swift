// Recordings in folders, their rates, triggers and labels.

import Foundation
import Recordings
import Testing
import Viewer

@Suite struct RecordingCallTests {
    private let all = events(2000, step: 100)

    @Test func `a folder has its folders, recordings and what is not shown`() throws {
        let look = try Look()
        try look.record("train/a.raw", all)
        try look.record("b.raw", all)
        try look.write("broken.raw", Array("no recording".utf8))
        let root = try look.ask("tree")
        #expect(root["folders"].texts == ["train"] && root["recordings"].count == 1)
        #expect(root["not_shown"][0]["path"].text == "broken.raw" && root["not_shown"].count == 1)
        let inner = try look.ask("tree", ["path": "train"])["recordings"][0]
        #expect(inner["path"].text == "train/a.raw" && inner["name"].text == "a.raw" && inner["file"].text == "train/a")
        #expect(inner["width"].number == 64 && inner["height"].number == 48 && inner["format"].text == "EVT3")
        #expect(inner["events"].number == 2000 && inner["duration_us"].number == 199_900)
        #expect(look.refusal("tree", ["path": "none"])?.code == .notFound)
        for path in ["..", "train/..", "/etc", "train//", "./train", "train/../.."] {
            #expect(look.refusal("tree", ["path": path])?.code == .notFound, "\(path)")
        }
    }

    @Test func `search finds parts of paths in any case, and says when there is more`() throws {
        let look = try Look()
        for name in ["day/Car1.raw", "day/bike.raw", "night/car2.raw", "CARS/x.raw"] { try look.record(name, all) }
        func paths(_ query: [String: String]) throws -> [String?] {
            let found = try look.ask("search", query)
            return (0..<(found["recordings"].count ?? 0)).map { found["recordings"][$0]["path"].text }
        }
        #expect(try paths(["q": "cAr"]) == ["CARS/x.raw", "day/Car1.raw", "night/car2.raw"])
        #expect(try paths(["q": "nothing"]) == [])
        let few = try look.ask("search", ["q": "car", "limit": "2"])
        #expect(few["recordings"].count == 2 && few["more"].flag == true)
    }

    @Test func `a link in circles does not keep the search`() throws {
        let look = try Look()
        try look.record("a/car.raw", all)
        try FileManager.default.createSymbolicLink(atPath: look.source + "/a/again", withDestinationPath: "..")
        #expect(try look.ask("search", ["q": "car"])["recordings"].count == 1)
    }

    @Test func `a recording says what it is`() throws {
        let look = try Look()
        try look.record("a.raw", all)
        let answer = try look.ask("recording", ["path": "a.raw"])
        #expect(answer["events"].number == 2000 && answer["begin_us"].number == 0 && answer["end_us"].number == 199_900)
        #expect(abs((answer["rate"].number ?? 0) - 2000 / 0.1999) < 1e-6)
        #expect(answer["damage"].count == 0 && answer["labels"].isNull && answer["header"]["evt"].text == "3.0")
        #expect(look.refusal("recording", ["path": "b.raw"])?.code == .notFound)
        #expect(look.refusal("recording", ["path": "../a.raw"])?.code == .notFound)
        #expect(look.refusal("recording", [:])?.code == .badQuery)
    }

    @Test func `the rate of a short recording is counted`() throws {
        let look = try Look()
        let bursts = all.filter { $0.t % 50_000 < 10_000 }
        try look.record("a.raw", bursts)
        let answer = try look.ask("rate", ["path": "a.raw", "bins": "20", "begin": "0", "end": "200000"])
        let expected = (0..<20).map { bin in Double(bursts.count { $0.t / 10_000 == bin }) }
        #expect(answer["counts"].numbers == expected && answer["exact"].flag == true)
        #expect(look.refusal("rate", ["path": "a.raw", "bins": "0"])?.code == .badQuery)
        #expect(look.refusal("rate", ["path": "a.raw", "bins": "1000000000000"])?.code == .badQuery)
        #expect(look.refusal("rate", ["path": "a.raw", "begin": "5", "end": "5"])?.code == .badQuery)
    }

    @Test func `triggers come with channel and edge`() throws {
        let look = try Look()
        let triggers = (0..<10).map { Trigger(t: Int64($0) * 20_000, id: Int16($0 % 2), p: Int16($0 & 1)) }
        try look.record("a.raw", all, triggers: triggers)
        let answer = try look.ask("triggers", ["path": "a.raw"])
        #expect(answer["t"].numbers == triggers.map { Double($0.t) } && answer["more"].flag == false)
        #expect(
            answer["id"].numbers == triggers.map { Double($0.id) }
                && answer["p"].numbers == triggers.map { Double($0.p) })
        let some = try look.ask("triggers", ["path": "a.raw", "start": "20000", "end": "60000", "limit": "1"])
        #expect(some["t"].numbers == [20_000] && some["more"].flag == true)
    }

    /// As numpy writes an array of (t, x, y, w, h, class_id, track_id, class_confidence).
    private func npy(_ boxes: [(t: UInt64, x: Float, id: UInt8)]) -> [UInt8] {
        var header =
            "{'descr': [('t', '<u8'), ('x', '<f4'), ('y', '<f4'), ('w', '<f4'), ('h', '<f4'), ('class_id', '|u1'), "
            + "('track_id', '<u4'), ('class_confidence', '<f4')], 'fortran_order': False, 'shape': (\(boxes.count),), }"
        header += String(repeating: " ", count: 63 - (header.utf8.count + 10) % 64) + "\n"
        var bytes = [0x93] + Array("NUMPY".utf8) + [1, 0]
        func put<T>(_ value: T) { withUnsafeBytes(of: value) { bytes += $0 } }
        put(UInt16(header.utf8.count))
        bytes += header.utf8
        for (number, box) in boxes.enumerated() {
            put(box.t)
            for side in [box.x, 2, 3, 4] as [Float] { put(side) }
            bytes.append(box.id)
            put(UInt32(number))
            put(Float(0.5))
        }
        return bytes
    }

    @Test func `labels have names, in the order of time`() throws {
        let look = try Look()
        try look.record("day/a.raw", all)
        try look.write("day/a_bbox.npy", npy([(50_000, 1, 0), (10_000, 2, 7), (50_000, 3, 1)]))
        try look.write("label_map_dictionary.json", Array(#"{"0": "car", "1": "bike"}"#.utf8))
        let answer = try look.ask("labels", ["path": "day/a.raw"])["boxes"]
        #expect((0..<3).map { answer[$0]["t"].number } == [10_000, 50_000, 50_000])
        #expect((0..<3).map { answer[$0]["x"].number } == [2, 1, 3])
        #expect((0..<3).map { answer[$0]["class"].text } == ["class 7", "car", "bike"])
        #expect(
            answer[0]["track_id"].number == 1 && answer[0]["confidence"].number == 0.5 && answer[0]["h"].number == 4)
        let some = try look.ask("labels", ["path": "day/a.raw", "start": "50000", "end": "50001", "limit": "1"])
        #expect(some["boxes"].count == 1 && some["more"].flag == true)
        #expect(try look.ask("label_times", ["path": "day/a.raw"])["t"].numbers == [10_000, 50_000])
        let recording = try look.ask("recording", ["path": "day/a.raw"])
        #expect(recording["labels"].number == 3 && recording["classes"].texts == ["car", "bike"])
        // Another file, and one that is none.
        try look.write("day/a_bbox.npy", npy([(7, 1, 0)]))
        #expect(try look.ask("labels", ["path": "day/a.raw"])["boxes"].count == 1)
        try look.write("day/a_bbox.npy", Array("nothing".utf8))
        #expect(look.refusal("labels", ["path": "day/a.raw"])?.code == .failed)
        #expect(try look.ask("recording", ["path": "day/a.raw"])["labels_problem"].text?.contains("a_bbox.npy") == true)
    }

    @Test func `a recording without labels has none`() throws {
        let look = try Look()
        try look.record("a.raw", all)
        #expect(try look.ask("labels", ["path": "a.raw"])["boxes"].count == 0)
        #expect(try look.ask("label_times", ["path": "a.raw"])["t"].count == 0)
    }
}
