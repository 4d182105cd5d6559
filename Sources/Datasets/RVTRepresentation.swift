// Folders of tensors as RVT names them.
//
// After the factories of uzh-rpg/RVT b80f568, scripts/genx/preprocess_dataset.py.

import Tensors

/// A representation and its windows: `stacked_histogram_dt=50_nbins=10`.
public struct RVTRepresentation: Sendable {
    /// Those of RVT's configs, scripts/genx/conf_preprocess.
    public static let usual = ["stacked_histogram_dt=50_nbins=10", "mixeddensity_stack_ne=50000_nbins=10_cutoff=32"]

    private let preprocessing: String
    private let window: String
    private let isByTime: Bool

    /// `stacked_histogram_dt=<ms>_nbins=<n>` or `mixeddensity_stack_dt=<ms>_nbins=<n>_cutoff=<c>`; `ne=<events>` in
    /// place of `dt=<ms>` for windows of as many events. nil for another name.
    public init?(_ name: String) {
        let kinds = [("stacked_histogram", "stacked_histogram"), ("mixeddensity_stack", "mixed_density_stack")]
        guard let (rvtName, ownName) = kinds.first(where: { name.hasPrefix($0.0 + "_") }) else { return nil }
        var keys = ["nbins"]
        if ownName == "mixed_density_stack" { keys.append("cutoff") }
        let parts = name.dropFirst(rvtName.count + 1).split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == keys.count + 1 else { return nil }
        func number(_ part: Substring, _ key: String) -> Int? {
            guard part.hasPrefix(key + "="), let number = Int(part.dropFirst(key.count + 1)), number > 0,
                part == "\(key)=\(number)"
            else { return nil }
            return number
        }
        if let milliseconds = number(parts[0], "dt") {
            (window, isByTime) = ("\(milliseconds)ms", true)
        } else if let events = number(parts[0], "ne") {
            (window, isByTime) = ("\(events)ev", false)
        } else {
            return nil
        }
        var text = ownName
        for (part, key) in zip(parts.dropFirst(), keys) {
            guard let number = number(part, key) else { return nil }
            text += key == "nbins" ? ",num_bins=\(number)" : ",count_cutoff=\(number)"
        }
        preprocessing = text
    }

    /// The component of a path that says the tensor of a data set. gen4's has half the sides: one of 2x2 pixels of
    /// the whole frame.
    public func preprocessing(_ dataset: RVTRule.Dataset) -> String {
        dataset == .gen4 ? preprocessing + ",downsample=2,sample=nearest" : preprocessing
    }

    /// The component that says its windows: [end - dt, end], or the last events up to end.
    public func window(_ rule: RVTRule) -> String {
        isByTime ? "\(window),at=\(rule.text),closed=both" : "\(window),at=\(rule.text)"
    }

    /// The name of the file of tensors.
    public static func file(_ dataset: RVTRule.Dataset) -> String {
        dataset == .gen4 ? "event_representations_ds2_nearest.h5" : "event_representations.h5"
    }
}
