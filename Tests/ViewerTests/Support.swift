// A source of small recordings whose events are known, and a viewer of it.

import Foundation
import Logging
import Recordings
import SidecarStore
import Testing
import Viewer
import VirtualTree

/// The folder of all sources; removed when the tests end.
private let sources: String = {
    let path = NSTemporaryDirectory() + "evh5-viewer-\(getpid())"
    atexit { try? FileManager.default.removeItem(atPath: NSTemporaryDirectory() + "evh5-viewer-\(getpid())") }
    return path
}()

/// A source folder with its viewer.
struct Look {
    let source: String
    let catalog: VirtualCatalog
    let viewer: Viewer

    init() throws {
        source = sources + "/" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var options = VirtualCatalog.Options()
        options.sidecarDirectory = source + "-sidecars"
        options.sidecarHelper = InProcessSidecarHelper()
        catalog = try VirtualCatalog(source: source, options: options, logger: logger)
        viewer = Viewer(catalog: catalog)
    }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        let file = source + "/" + name
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: file))
    }

    /// Writes an EVT3 recording.
    func record(
        _ name: String, _ events: [Event], triggers: [Trigger] = [], width: Int = 64, height: Int = 48
    ) throws {
        try write(name, [])
        var writer = try RecordingWriter(
            path: source + "/" + name, format: .evt3, geometry: Geometry(width: width, height: height))
        var rest = triggers[...]
        for event in events {
            while let trigger = rest.first, trigger.t <= event.t {
                try writer.append(trigger)
                rest.removeFirst()
            }
            try writer.append(event)
        }
        for trigger in rest { try writer.append(trigger) }
        try writer.finish()
        // What is written to at this moment is not remembered.
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -100)], ofItemAtPath: source + "/" + name)
    }

    /// An answer as JSON.
    func ask(_ name: String, _ query: [String: String] = [:]) throws -> Answered {
        let answer = try viewer.answer(name, query)
        #expect(answer.mediaType == "application/json")
        return Answered(try JSONSerialization.jsonObject(with: Data(answer.bytes)))
    }

    /// Frames that were computed so far, by the status that `evh5 status` shows.
    func computedFrames() throws -> Int {
        let file = try catalog.file(at: ".evh5/status.json")
        let bytes = try file.read(0..<file.size).pieces.flatMap { Array($0.bytes) }
        return try JSONDecoder().decode(MountStatus.self, from: Data(bytes)).frames.computed
    }

    func refusal(_ name: String, _ query: [String: String]) -> ViewerError? {
        do {
            _ = try viewer.answer(name, query)
            return nil
        } catch { return error }
    }
}

/// A value of JSON.
struct Answered {
    private let value: Any

    init(_ value: Any) { self.value = value }

    subscript(_ name: String) -> Answered { Answered((value as? [String: Any])?[name] ?? NSNull()) }
    subscript(_ i: Int) -> Answered {
        let list = value as? [Any] ?? []
        return Answered(i < list.count ? list[i] : NSNull())
    }
    var text: String? { value as? String }
    var texts: [String]? { value as? [String] }
    var number: Double? { (value as? NSNumber)?.doubleValue }
    var numbers: [Double?]? { (value as? [Any])?.map { ($0 as? NSNumber)?.doubleValue } }
    var flag: Bool? { (value as? NSNumber)?.boolValue }
    var count: Int? { (value as? [Any])?.count }
    var isNull: Bool { value is NSNull }
}

/// `count` events by a fixed rule, `step` us apart, all over the sensor, some pixels more than once.
func events(_ count: Int, step: Int, width: Int = 64, height: Int = 48) -> [Event] {
    (0..<count).map { i in
        let place = i * 7919 % 1009
        return Event(
            x: place * 31 % width, y: place * 17 % height, polarity: place % 3 == 0 ? 0 : 1, t: Int64(i * step))
    }
}

/// Histograms by definition: events of each pixel and polarity in a window, at most five, of five.
func histogram(_ events: [Event], _ times: Range<Int64>, width: Int = 64, height: Int = 48) -> [Float] {
    var counts = [Int](repeating: 0, count: 2 * width * height)
    for event in events where times.contains(event.t) {
        counts[(Int(event.polarity) * height + Int(event.y)) * width + Int(event.x)] += 1
    }
    return counts.map { Float(min(5, $0)) / 5 }
}
