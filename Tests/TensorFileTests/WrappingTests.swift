// What the bytes around a tensor depend on: sizes of virtual files are sums because it is so little.

import RandomFixture
import TensorFile
import Testing

@Suite struct WrappingTests {
    private typealias Attributes = [(name: String, value: AttributeValue)]

    private func text(_ length: Int, _ random: inout SplitMix) -> String {
        String(decoding: (0..<length).map { _ in UInt8.random(in: 0x20...0x7E, using: &random) }, as: UTF8.self)
    }

    /// A value of any kind; texts and arrays of any length.
    private func value(_ random: inout SplitMix) -> AttributeValue {
        switch Int.random(in: 0..<7, using: &random) {
        case 0: .fixedString(text(Int.random(in: 0..<40, using: &random), &random))
        case 1: .variableString(text(Int.random(in: 0..<300, using: &random), &random))
        case 2: .variableASCII(text(Int.random(in: 0..<300, using: &random), &random))
        case 3: .uint32(.random(in: .min ... .max, using: &random))
        case 4: .int64(.random(in: .min ... .max, using: &random))
        case 5: .bool(.random(using: &random))
        default: .int64Array((0..<Int.random(in: 0..<5, using: &random)).map { Int64($0) })
        }
    }

    /// Another value of the same kind and length.
    private func other(_ value: AttributeValue, _ random: inout SplitMix) -> AttributeValue {
        switch value {
        case .fixedString(let old): .fixedString(text(old.utf8.count, &random))
        case .variableString(let old): .variableString(text(old.utf8.count, &random))
        case .variableASCII(let old): .variableASCII(text(old.utf8.count, &random))
        case .uint32: .uint32(.random(in: .min ... .max, using: &random))
        case .int64: .int64(.random(in: .min ... .max, using: &random))
        case .float64: .float64(.random(in: -1e300...1e300, using: &random))
        case .bool: .bool(.random(using: &random))
        case .int64Array(let old): .int64Array(old.map { _ in .random(in: .min ... .max, using: &random) })
        }
    }

    /// Head and tail of equally long attributes are equally long, whatever the values, the number and size of frames,
    /// as long as there are any.
    @Test func dependsOnTheLengthsOfAttributesOnly() throws {
        var random = SplitMix(seed: 2026)
        func attributes(_ most: Int) -> Attributes {
            (0..<Int.random(in: 0...most, using: &random)).map { ("attribute_\($0)", value(&random)) }
        }
        for round in 0..<150 {
            // Up to many more than one block holds.
            let most = round % 10 == 0 ? 120 : 25
            let (data, root) = (attributes(most), attributes(most))
            let timestamps = Bool.random(using: &random)
            func lengths(_ frames: Int, _ kind: ElementKind) throws -> [Int] {
                let layout = try FileLayout.make(
                    TensorFileDescription(
                        frameCount: frames,
                        frameShape: (0..<3).map { _ in
                            Int.random(in: 1...1 << Int.random(in: 1...12, using: &random), using: &random)
                        },
                        elementType: kind, dataAttributes: data.map { ($0.name, other($0.value, &random)) },
                        rootAttributes: root.map { ($0.name, other($0.value, &random)) },
                        hasLastTimestamps: timestamps))
                #expect(
                    layout.size == Int64(layout.head.count + layout.tail.count)
                        + Int64(frames) * Int64(layout.map.datasets[0].blockBytes + (timestamps ? 8 : 0)))
                return [layout.head.count, layout.tail.count]
            }
            let some = try lengths(1, .float32)
            let kinds: [ElementKind] = [.float32, .uint8, .int8]
            for _ in 0..<4 {
                let frames = 1 << Int.random(in: 0..<30, using: &random) + Int.random(in: 0..<3, using: &random)
                #expect(try lengths(frames, kinds.randomElement(using: &random) ?? .uint8) == some)
            }
            // Without frames it is another file, and always the same.
            let none = try lengths(0, .float32)
            #expect(try lengths(0, .uint8) == none)
        }
    }
}
