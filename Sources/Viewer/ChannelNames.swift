// What the channels of a tensor are called.

import Preview
import Tensors

/// Names by what a preprocessing's channels are.
enum ChannelNames {
    static func names(_ plan: TensorPlan) -> [String] {
        let count = plan.channels
        switch plan.coloring {
        case .polarity:
            let pairs = count / 2
            return (0..<count).map { polarity($0 % 2) + (pairs > 1 ? " \($0 / 2 + 1)" : "") }
        case .halves: return (0..<count).map { polarity(2 * $0 / count) + ", bin \($0 % (count / 2) + 1)" }
        case .bins(let bins):
            let each = count / bins
            return (0..<count).map { "bin \($0 / each + 1)" + (each == 2 ? ", " + polarity($0 % 2) : "") }
        case .signed: return count == 1 ? ["difference"] : (0..<count).map { "bin \($0 + 1)" }
        case .gray: return ["value"]
        case .tiles: return (0..<count).map { "channel \($0 + 1)" }
        }
    }

    private static func polarity(_ number: Int) -> String { number == 0 ? "off" : "on" }
}

extension TensorPlan {
    /// What people choose for it.
    var coloring: Coloring { Coloring.standard(name: spec.preprocessingSpec.name, channels: channels, bins: bins) }

    /// The parameter `num_utbins`, if it has one.
    var bins: Int? {
        guard case .int64(let bins) = attributes.first(where: { $0.name == "num_utbins" })?.value else { return nil }
        return Int(bins)
    }
}
