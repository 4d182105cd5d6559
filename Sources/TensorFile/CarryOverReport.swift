// What became of added contents on their way to another layout.

/// What was carried over, and what could not be taken along as it was.
public struct CarryOverReport: Hashable, Codable, Sendable {
    /// Groups, datasets and named datatypes that were copied.
    public var objects = 0
    /// Attributes that were copied, those of `/` and `/data` included.
    public var attributes = 0
    /// Objects of the root group whose name is taken in the new file: old name and new one.
    public var renamed: [String: String] = [:]
    /// References to what is not in the new file: they are null there.
    public var lostReferences = 0
    /// Paths of links that could not be made anew: of kinds that programs define for themselves, or to what is no more.
    public var leftOut: [String] = []

    public init() {}

    /// The report in one line.
    public var note: String {
        var parts = ["\(objects) objects and \(attributes) attributes carried over"]
        for (old, new) in renamed.sorted(by: { $0.key < $1.key }) { parts.append("'\(old)' is now '\(new)'") }
        if lostReferences > 0 { parts.append("\(lostReferences) references lead nowhere now and are null") }
        if !leftOut.isEmpty { parts.append("left out: \(leftOut.joined(separator: ", "))") }
        return parts.joined(separator: "; ")
    }
}
