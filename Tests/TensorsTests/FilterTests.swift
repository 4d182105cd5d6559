// Filters in specifications, and frames of what they leave.

import Recordings
import Tensors
import Testing

@Suite struct FilteredFrameTests {
    @Test(arguments: [
        ("histo,roi=1+2+3x4", "histo,roi=1+2+3x4"), ("histo,roi=001+02+3x4", "histo,roi=1+2+3x4"),
        ("histo,transpose", "histo,transpose"), ("histo,transpose=true", "histo,transpose"),
        ("histo,transpose=1", "histo,transpose"), ("histo,transpose=false", "histo"), ("histo,transpose=0", "histo"),
        ("histo,polarity=off", "histo,polarity=off"), ("histo,flip=xy,polarity=on", "histo,flip=xy,polarity=on"),
        ("histo,refractory=1000", "histo,refractory=1ms"), ("histo,noise=0.01s", "histo,noise=10ms"),
        ("histo,noise=1ms,hotpixels=hot,flip=x", "histo,flip=x,hotpixels=hot,noise=1ms"),
        ("histo,hotpixels=hot.npy", "histo,hotpixels=hot.npy"),
        ("histo,sample=pixel", "histo"), ("histo,downsample=1,sample=pixel", "histo"),
        ("histo,sample=pixel,downsample=2", "histo,downsample=2,sample=pixel"),
        ("histo,sample=sum,downsample=2", "histo,downsample=2"),
        (
            "histo,transpose,roi=1+2+3x4,refractory=1s,polarity=on,noise=2us,max_incr_per_pixel=2,flip=x,dtype=uint8",
            "histo,dtype=uint8,flip=x,max_incr_per_pixel=2,noise=2us,polarity=on,refractory=1s,roi=1+2+3x4,transpose"
        ),
    ])
    func filtersHaveOneSpelling(_ text: String, _ canonical: String) throws {
        #expect(try PreprocessingSpec(text).text == canonical)
        #expect(try PreprocessingSpec(canonical).text == canonical)
    }

    @Test(arguments: [
        "roi=", "roi=1+2+3x", "roi=1+2+3", "roi=1+2+3x0", "roi=1+2+0x4", "roi=+1+2+3x4", "roi=1+2+3x4x5", "roi=1+2+3+4",
        "roi=-1+2+3x4", "roi=1+2+16385x4", "roi=1.5+2+3x4", "flip=", "flip=z", "flip=yx", "flip", "polarity=1",
        "polarity", "refractory=0", "refractory=-1", "refractory=1.5us", "noise=0ms", "noise", "noise=x",
        "transpose=maybe", "transpose,transpose", "transpose=true,transpose", "sample=mean", "sample",
        "hotpixels", "hotpixels=", "hotpixels=.", "hotpixels=..", "hotpixels=a,hotpixels=b",
    ])
    func whatIsNoFilter(_ text: String) {
        #expect(throws: TensorError.self) { try PreprocessingSpec("histo,\(text)") }
    }

    @Test func sizesAreThoseOfWhatIsLeft() throws {
        func text(_ component: String, _ geometry: Geometry = Geometry(width: 100, height: 60)) throws -> String {
            try PreprocessingSpec(component).resolved(for: geometry).text
        }
        #expect(
            try text("histo,height=32,roi=10+0+64x40,transpose,width=20")
                == "histo,downsample=2,roi=10+0+64x40,transpose")
        #expect(try text("histo,height=15,sample=pixel,width=25") == "histo,downsample=4,sample=pixel")
        for outside in ["roi=0+0+101x60", "roi=100+0+1x1", "roi=90+50+10x11", "roi=0+0+3x3,downsample=4"] {
            #expect(throws: TensorError.self) { try text("histo,\(outside)") }
        }
    }

    private let geometry = Geometry(width: 20, height: 12)

    /// A frame of filtered events is one of the events that plain Swift leaves.
    @Test(arguments: [
        "histo", "event_cube", "timesurface", "voxel_grid", "stacked_histogram", "event_count", "histo_quantized",
    ])
    func framesAreOfWhatIsLeft(_ name: String) throws {
        let events = randomEvents(3000, in: geometry, until: 50_000, seed: 14)
        let kept = events.filter { $0.polarity == 1 && (3..<16).contains($0.x) && (2..<10).contains($0.y) }
        let moved = kept.map { Event(x: Int($0.y) - 2, y: 12 - (Int($0.x) - 3), polarity: 1, t: $0.t) }
        let filtered = try plan("\(name),polarity=on,roi=3+2+13x8,flip=x,transpose", "10ms", geometry, events)
        let expected = try plan(name, "10ms", Geometry(width: 8, height: 13), moved)
        // Frames of a period are those of the recording, whatever is left of it.
        #expect(filtered.frameCount == 5 && filtered.width == 8 && filtered.height == 13)
        for frame in 0..<min(5, expected.frameCount) { #expect(try filtered.bytes(frame) == expected.bytes(frame)) }
        let counted = try plan("\(name),polarity=on,roi=3+2+13x8,flip=x,transpose", "100ev", geometry, events)
        let few = try plan(name, "100ev", Geometry(width: 8, height: 13), moved)
        #expect(counted.frameCount == kept.count / 100 && counted.measure.frameCount == nil)
        for frame in 0..<counted.frameCount { #expect(try counted.bytes(frame) == few.bytes(frame)) }
        #expect(try counted.lastTimestamps(0..<few.frameCount) == few.lastTimestamps(0..<few.frameCount))
    }

    /// A specification is applied with its list only; with another list it is another tensor of the same name.
    @Test func hotPixelsAreLeftOut() throws {
        let events = randomEvents(3000, in: geometry, until: 50_000, seed: 14)
        let spec = try TensorSpec(preprocessing: "event_count,hotpixels=hot,roi=3+2+13x8", window: "10ms")
        func plan(_ spec: TensorSpec, _ events: [Event]) throws -> TensorPlan {
            try TensorPlan(
                spec: spec, geometry: geometry, totals: EventTotals(events), source: .array(events))
        }
        #expect(throws: TensorError.self) { try plan(spec, events) }
        #expect(
            try spec.traits(for: geometry).attributes.contains {
                $0.name == "event_input_width" && $0.value == .int64(13)
            })
        let lists = [[(4, 3), (19, 11)], [(4, 3), (5, 3)]].map { pixels in
            HotPixels(pixels.map { HotPixels.Pixel(x: $0.0, y: $0.1) })
        }
        let plans = try lists.map { try plan(spec.with($0), events) }
        for (list, filtered) in zip(lists, plans) {
            let left = events.filter { event in
                !list.pixels.contains { $0.x == Int32(event.x) && $0.y == Int32(event.y) }
            }
            let expected = try plan(
                TensorSpec(preprocessing: "event_count,roi=3+2+13x8", window: "10ms"), left)
            #expect(left.count < events.count && filtered.spec == plans[0].spec)
            for frame in 0..<5 { #expect(try filtered.bytes(frame) == expected.bytes(frame)) }
        }
        #expect(plans[0].measure.listDigest != plans[1].measure.listDigest && plans[0].measure.listDigest != nil)
        let outside = #expect(throws: TensorError.self) {
            try plan(spec.with(HotPixels([.init(x: 0, y: 12)]) { "line \($0 + 7)" }), events)
        }
        #expect(outside?.message.contains("line 7: (0, 12)") == true)
    }

    @Test func oneOfEachCellsPixelsIsNotDividedByTheirNumber() throws {
        let events = randomEvents(2000, in: geometry, until: 20_000, seed: 3)
        for k in [2, 4] {
            let sampled = try plan("histo,downsample=\(k),sample=pixel", "10ms", geometry, events)
            let left = events.filter { Int($0.x) % k == k / 2 && Int($0.y) % k == k / 2 }.map {
                Event(x: Int($0.x) / k, y: Int($0.y) / k, polarity: Int($0.polarity), t: $0.t)
            }
            let expected = try plan("histo", "10ms", Geometry(width: 20 / k, height: 12 / k), left)
            for frame in 0..<2 { #expect(try sampled.bytes(frame) == expected.bytes(frame)) }
            let attributes = Dictionary(uniqueKeysWithValues: sampled.attributes.map { ($0.name, $0.value) })
            #expect(attributes["event_input_width"] == .int64(20))
        }
        let whole = try PreprocessingSpec("histo_quantized,downsample=2,sample=pixel")
        #expect(whole.preprocessing.elementType(shift: 0) == .uint8)
    }

    @Test func namesCannotMeanFilters() throws {
        #expect(throws: TensorError.self) {
            try PreprocessingRegistry(adding: [(name: "part", component: "histo,roi=0+0+5x5")])
        }
    }
}
