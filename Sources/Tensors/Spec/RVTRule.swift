// The rules by which RVT's preprocessing makes frames and windows of a sequence's labels; Datasets applies them.

/// Which of RVT's rules: those of a data set, and those of its training split, which leaves out some labels more.
public struct RVTRule: Hashable, Sendable {
    /// As RVT's script calls them: Prophesee's GEN1 (304x240) and 1 Megapixel (1280x720) automotive data sets.
    public enum Dataset: String, CaseIterable, Sendable { case gen1, gen4 }

    public let dataset: Dataset
    public let isTraining: Bool

    public init(_ dataset: Dataset, isTraining: Bool) {
        (self.dataset, self.isTraining) = (dataset, isTraining)
    }

    /// `rvt_gen1` or `rvt_gen1_train`; nil for another text.
    public init?(_ text: String) {
        for dataset in Dataset.allCases {
            for isTraining in [false, true] {
                let rule = RVTRule(dataset, isTraining: isTraining)
                guard rule.text == text else { continue }
                self = rule
                return
            }
        }
        return nil
    }

    /// As a path says it after `at=`.
    public var text: String { "rvt_\(dataset.rawValue)\(isTraining ? "_train" : "")" }
}
