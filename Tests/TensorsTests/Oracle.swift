// A slow second opinion on every preprocessing, written cell by cell from the definitions, sharing nothing with the
// kernels.

import Recordings

/// The definition of a frame's values; parameters by name, booleans as 0 and 1.
struct Oracle {
    let name: String
    var parameters: [String: Double] = [:]
    let geometry: Geometry
    let shift: Int
    var asUInt8 = false

    private func parameter(_ key: String, _ otherwise: Double) -> Double { parameters[key] ?? otherwise }

    /// The frame of exactly these events, row-major (channels, rows, columns).
    func frame(_ events: [Event], t0: Int64, duration: Int64) -> [Float] {
        let rows = geometry.height >> shift
        let columns = geometry.width >> shift
        var byCell: [[Event]] = Array(repeating: [], count: rows * columns)
        for event in events where Int(event.y) >> shift < rows && Int(event.x) >> shift < columns {
            byCell[(Int(event.y) >> shift) * columns + Int(event.x) >> shift].append(event)
        }
        let cells = byCell.map { cell($0, t0: t0, duration: duration) }
        let channels = cells.first?.count ?? 0
        return (0..<channels).flatMap { channel in
            cells.map { asUInt8 ? (255 * $0[channel]).rounded(.toNearestOrEven) : $0[channel] }
        }
    }

    /// One cell's channels.
    private func cell(_ events: [Event], t0: Int64, duration: Int64) -> [Float] {
        let pixels = Double(1 << shift) * Double(1 << shift)
        switch name {
        case "histo":
            let step = Float(1 / (parameter("max_incr_per_pixel", 5) * pixels))
            return [UInt8(0), 1].map { polarity in
                events.filter { $0.polarity == polarity }.reduce(Float(0)) { sum, _ in min(1, sum + step) }
            }
        case "diff":
            let step = Float(1 / (parameter("max_incr_per_pixel", 5) * pixels))
            return [events.reduce(Float(0)) { max(-1, min(1, $1.polarity == 1 ? $0 + step : $0 - step)) }]
        case "timesurface":
            return [UInt8(0), 1].map { polarity in
                guard let last = events.last(where: { $0.polarity == polarity }) else { return 0 }
                return Float(Double(last.t - t0) / Double(duration))
            }
        case "multi_channel_timesurface":
            let bins = Int(parameter("num_utbins", 3))
            let micro = Double(duration) / Double(bins)
            return (0..<2 * bins).map { channel in
                let values = events.filter { Int($0.polarity) == channel % 2 }.compactMap { event -> Float? in
                    // The greatest b with b micro <= t, found by looking, not by dividing.
                    let t = Double(event.t - t0)
                    let bin = (0..<bins).last { Double($0) * micro <= t } ?? 0
                    let value = t - Double(bin) * micro
                    return bin == channel / 2 && value >= 0 && value <= micro ? Float(value / micro) : nil
                }
                return values.last ?? 0
            }
        case "event_cube", "event_cube_paper":
            let isPaper = name == "event_cube_paper"
            let bins = Int(parameter("num_utbins", isPaper ? 5 : 3))
            let isSplit = parameter("split_polarity", 1) == 1
            let step = 1 / (parameter("max_incr_per_pixel", isPaper ? 63.75 : 5) * pixels)
            return (0..<(isSplit ? 2 * bins : bins)).map { channel in
                let bin = isSplit ? channel / 2 : channel
                return events.reduce(Float(0)) { sum, event in
                    if isSplit && Int(event.polarity) != channel % 2 { return sum }
                    // A tent of width 1 around the bin's centre; the right neighbour gets what the left one leaves.
                    let position = Double((event.t - t0) * Int64(bins)) / Double(duration) - 0.5
                    let below = position.rounded(.down)
                    let share: Double
                    if Double(bin) == below {
                        share = 1 - (position - below)
                    } else if Double(bin) == below + 1 {
                        share = 1 - (1 - (position - below))
                    } else {
                        return sum
                    }
                    let sign: Double = isSplit || event.polarity == 1 ? 1 : -1
                    return Float(max(-1, min(1, Double(sum) + sign * share * step)))
                }
            }
        case "histo_quantized", "diff_quantized":
            return quantized(events)
        default:
            return []
        }
    }

    private func quantized(_ events: [Event]) -> [Float] {
        let isDifference = name == "diff_quantized"
        let negative = Int(parameter("negative_bit_length", isDifference ? 8 : 4))
        let positive = Int(parameter("total_bit_length", 8)) - negative
        let largest = isDifference ? 1 << (negative - 1) : max(1 << negative, 1 << positive) - 1
        var byPixel: [[UInt16]: [Event]] = [:]
        for event in events { byPixel[[event.x, event.y], default: []].append(event) }
        return (0..<(isDifference ? 1 : 2)).map { channel in
            let sum = byPixel.values.reduce(0) { sum, pixel in
                if isDifference {
                    return sum
                        + pixel.reduce(0) { value, event in
                            let next = value + (event.polarity == 1 ? 1 : -1)
                            return next >= -largest && next <= largest - 1 ? next : value
                        }
                }
                let seen = pixel.filter { Int($0.polarity) == channel }.count
                return sum + min(seen, (1 << (channel == 0 ? negative : positive)) - 1)
            }
            let mean = Float(sum) / Float(1 << (2 * shift))
            return parameter("normalization", 0) == 1 ? mean / Float(largest) : mean
        }
    }
}
