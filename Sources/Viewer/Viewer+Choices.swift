// What can be chosen: preprocessings, windows, filters, and how their paths are spelled.

import Tensors
import VirtualTree

extension Viewer {
    /// A key of a path component.
    private struct Parameter: Encodable {
        let name, kind: String
        /// As a path has it.
        let `default`: String
        var minimum: Double?
        var maximum: Double?
        var choices: [String]?
        let hint: String

        init(_ name: String, _ kind: String, default value: String, choices: [String]? = nil, hint: String) {
            (self.name, self.kind, `default`, self.choices, self.hint) = (name, kind, value, choices, hint)
        }

        init(_ definition: ParameterDefinition) {
            let kind: String
            switch definition.kind {
            case .positiveNumber: (kind, minimum) = ("float", 0)
            case .number: kind = "float"
            case .integer(let range):
                kind = "int"
                if range.lowerBound > .min { minimum = Double(range.lowerBound) }
                if range.upperBound < .max { maximum = Double(range.upperBound) }
            case .boolean: kind = "bool"
            case .text: kind = "text"
            case .choice(let list): (kind, choices) = ("text", list)
            case .duration: kind = "time"
            }
            name = definition.name
            self.kind = kind
            `default` = definition.defaultValue.text
            hint = definition.summary
        }
    }

    private static let common = [
        Parameter(
            "downsample", "int", default: "1", choices: (0...6).map { "\(1 << $0)" },
            hint: "Both sides divided by this power of two."),
        Parameter(
            "sample", "text", default: "sum", choices: ["sum", "nearest", "pixel"],
            hint: "What becomes of the pixels of a cell of a smaller frame."),
        Parameter(
            "dtype", "text", default: "", choices: ["", "uint8"],
            hint: "uint8: values of 0 to 1 as bytes, where the preprocessing has no others."),
    ]

    private static let filters = [
        Parameter("roi", "text", default: "", hint: "X+Y+WIDTHxHEIGHT in pixels, such as 100+50+640x360."),
        Parameter("polarity", "text", default: "", choices: ["", "on", "off"], hint: "Only events of this polarity."),
        Parameter(
            "flip", "text", default: "", choices: ["", "x", "y", "xy"], hint: "Left and right, above and below."),
        Parameter("transpose", "bool", default: "false", hint: "x and y change places."),
        Parameter("refractory", "time", default: "", hint: "A pixel's events within this time of one are left out."),
        Parameter("noise", "time", default: "", hint: "Events without a neighbour within this time are left out."),
    ]

    func choices() throws -> ViewerAnswer {
        struct Preprocessing: Encodable {
            let name, title: String
            let parameters: [Parameter]
        }
        struct Windows: Encodable {
            let suggested: [String]
        }
        struct Answer: Encodable {
            let preprocessings: [Preprocessing]
            let common: [Parameter]
            let windows: Windows
            let filters: [Parameter]
            let versions: [String: String]
        }
        return try json(
            Answer(
                preprocessings: catalog.preprocessings.map { definition in
                    Preprocessing(
                        name: definition.name, title: definition.summary,
                        parameters: definition.parameters.map { Parameter($0) })
                }, common: Self.common, windows: Windows(suggested: catalog.suggestedWindows), filters: Self.filters,
                versions: ["evh5": catalog.programVersion, "tensor": "\(tensorVersion)"]))
    }

    func spell(_ query: Query) throws -> ViewerAnswer {
        struct Answer: Encodable {
            let path: String
        }
        let spec = try catalog.spelled(preprocessing: query.text("preprocessing"), window: query.text("window"))
        return try json(Answer(path: "\(spec.preprocessingText)/\(spec.windowText)"))
    }
}
