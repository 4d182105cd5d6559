// Filters of events as they are written in paths: `roi=100+50+640x360,polarity=on,transpose`.

import Recordings

extension SpecComponent {
    /// Keys that may stand without a value.
    static let flags: Set<String> = ["transpose"]

    /// What the keys of filters are called.
    package static let filterKeys = ["flip", "hotpixels", "noise", "polarity", "refractory", "roi", "transpose"]

    /// Removes and returns the filters.
    ///
    /// - Throws: `.invalidParameter`, or what this component's errors are.
    package mutating func takeFilters() throws(TensorError) -> EventFilterChain {
        var chain = EventFilterChain()
        if let name = take("hotpixels") {
            guard Self.isFileName(name) else {
                throw TensorError(.invalidParameter, "hotpixels=\(name): \(name) is no name of a list of pixels")
            }
            chain.hotPixels = EventFilterChain.NamedPixels(name: name)
        }
        chain.refractory = try takeTime("refractory", from: 1)
        chain.noise = try takeTime("noise", from: 1)
        if let text = take("polarity") {
            guard text == "on" || text == "off" else {
                throw TensorError(.invalidParameter, "polarity=\(text): polarity is on or off")
            }
            chain.polarity = text == "on" ? 1 : 0
        }
        if let text = take("roi") { chain.region = try Self.region(text) }
        if let text = take("flip") {
            guard ["x", "y", "xy"].contains(text) else {
                throw TensorError(
                    .invalidParameter, "flip=\(text): flip is x (left and right), y (above and below) or xy")
            }
            chain.flipsX = text != "y"
            chain.flipsY = text != "x"
        }
        if let text = take("transpose") {
            switch text {
            case "true", "1": chain.transposes = true
            case "false", "0": break
            default: throw TensorError(.invalidParameter, "transpose=\(text): transpose has no value, or true or false")
            }
        }
        return chain
    }

    /// Whether `text` can be the name of a file beside recordings.
    static func isFileName(_ text: String) -> Bool { text != "." && text != ".." }

    private static func region(_ text: String) throws(TensorError) -> EventFilterChain.Region {
        let parts = text.split(separator: "+", omittingEmptySubsequences: false)
        let numbers = (parts.dropLast() + (parts.last?.split(separator: "x", omittingEmptySubsequences: false) ?? []))
            .map { NumberText.integer($0).flatMap { $0 <= 16384 ? Int($0) : nil } }
        guard parts.count == 3, numbers.count == 4, let x = numbers[0], let y = numbers[1], let width = numbers[2],
            let height = numbers[3], width > 0, height > 0
        else {
            throw TensorError(
                .invalidParameter,
                "roi=\(text): roi is X+Y+WIDTHxHEIGHT in pixels of the sensor, such as roi=100+50+640x360")
        }
        return EventFilterChain.Region(x: x, y: y, width: width, height: height)
    }
}

extension EventFilterChain {
    /// The one spelling of each filter.
    package var items: [String] {
        var items: [String] = []
        if flipsX || flipsY { items.append("flip=\(flipsX ? "x" : "")\(flipsY ? "y" : "")") }
        if let hotPixels { items.append("hotpixels=\(hotPixels.name)") }
        if let noise { items.append("noise=\(TimeText.text(noise))") }
        if let polarity { items.append("polarity=\(polarity == 1 ? "on" : "off")") }
        if let refractory { items.append("refractory=\(TimeText.text(refractory))") }
        if let region { items.append("roi=\(region.x)+\(region.y)+\(region.width)x\(region.height)") }
        if transposes { items.append("transpose") }
        return items
    }

    /// The size that events of this geometry have afterwards, whatever the lists are that the filters name.
    ///
    /// - Throws: `.notApplicable` when the region is not inside of the sensor, or nothing is left of it.
    package func size(on geometry: Geometry, sampling: Int = 0) throws(TensorError) -> Geometry {
        guard let output = output(of: geometry) else {
            throw TensorError(
                .notApplicable, "\(items.first { $0.hasPrefix("roi=") } ?? "roi") is not inside of \(geometry)")
        }
        let size = Geometry(width: output.width >> sampling, height: output.height >> sampling)
        guard size.width > 0, size.height > 0 else {
            throw TensorError(.notApplicable, "nothing is left of \(geometry) with downsample=\(1 << sampling)")
        }
        return size
    }

    /// The filters for recordings of this geometry; nil when there are none.
    ///
    /// - Throws: `.notApplicable` as `size(on:sampling:)`, and when the list of hot pixels was not read or has one
    ///   outside of the sensor.
    package func applied(to geometry: Geometry, sampling: Int = 0) throws(TensorError) -> AppliedFilters? {
        if isEmpty, sampling == 0 { return nil }
        _ = try size(on: geometry, sampling: sampling)
        if let problem = hotPixels?.list?.problem(on: geometry) { throw TensorError(.notApplicable, problem) }
        guard let applied = AppliedFilters(self, on: geometry, sampling: sampling) else {
            let name = hotPixels.map { "the list \($0.name) is not known here" }
            throw TensorError(.notApplicable, name ?? "\(geometry) is no geometry to filter")
        }
        return applied
    }

    /// The same with the list that they name.
    package func with(_ list: HotPixels) -> EventFilterChain {
        var chain = self
        chain.hotPixels?.list = list
        return chain
    }
}
