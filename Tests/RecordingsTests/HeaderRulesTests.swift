// Headers as people's files have them, and what each must mean by the rules of the contract's section 1.

import Files
import Recordings
import Testing

@Suite struct HeaderRulesTests {
    /// A header, and what it is read as: an encoding and a geometry, or why it is not.
    struct Case: CustomTestStringConvertible, Sendable {
        let text: String
        let format: RecordingFormat?
        let geometry: String?
        let refusal: RecordingError.Code?

        init(_ lines: String..., is format: RecordingFormat, _ geometry: String? = nil) {
            text = lines.map { "% \($0)\n" }.joined()
            (self.format, self.geometry, refusal) = (format, geometry, nil)
        }

        init(_ lines: String..., refused refusal: RecordingError.Code) {
            text = lines.map { "% \($0)\n" }.joined()
            (format, geometry, self.refusal) = (nil, nil, refusal)
        }

        var testDescription: String { text.replacing("\n", with: " ") }
    }

    private static let openMV = "camera_integrator_name OpenMV"
    private static let camera = "camera_integrator_name Prophesee"
    private static let plugin = "plugin_integrator_name Prophesee"

    static let cases = [
        // EVT2.1 without endianness: nobody is named.
        Case("evt 2.1", "geometry 64x48", is: .evt21Legacy, "64x48"),
        Case("evt 2.1", "geometry 64x48", "system_ID 1", is: .evt21Legacy, "64x48"),
        Case("evt 2.1", "geometry 64x48", "system_ID 54", is: .evt21Legacy, "64x48"),
        Case("evt 2.1", "geometry 64x48", "system_ID 0", is: .evt21, "64x48"),
        Case("evt 2.1", "geometry 64x48", "system_ID 55", is: .evt21, "64x48"),
        Case("evt 2.1", "geometry 64x48", "system_ID x", is: .evt21Legacy, "64x48"),
        // Both are Prophesee, by two names or by one for both.
        Case("format EVT21;height=720;width=1280", camera, plugin, is: .evt21Legacy, "1280x720"),
        Case("format EVT21;height=720;width=1280", camera, plugin, "system_ID 49", is: .evt21Legacy, "1280x720"),
        Case("format EVT21;height=720;width=1280", camera, plugin, "system_ID 60", is: .evt21, "1280x720"),
        Case("format EVT21;height=720;width=1280", camera, plugin, "system_ID 0", is: .evt21, "1280x720"),
        Case("evt 2.1", "integrator_name Prophesee", "system_ID 49", is: .evt21Legacy, "1280x720"),
        // Somebody else built the camera or wrote the file, or one of the two is not named.
        Case("format EVT21;height=320;width=320", openMV, "plugin_integrator_name OpenMV", is: .evt21, "320x320"),
        Case("format EVT21;height=320;width=320", openMV, plugin, is: .evt21, "320x320"),
        Case("format EVT21;height=320;width=320", camera, "plugin_integrator_name Other", is: .evt21, "320x320"),
        Case("format EVT21;height=320;width=320", camera, is: .evt21, "320x320"),
        Case("format EVT21;height=320;width=320", plugin, is: .evt21, "320x320"),
        Case("evt 2.1", "integrator_name OpenMV", "geometry 320x320", is: .evt21, "320x320"),
        // An endianness decides, in `format` or as a key, whoever is named.
        Case("format EVT21;height=320;width=320;endianness=legacy", openMV, is: .evt21Legacy, "320x320"),
        Case("format EVT21;height=720;width=1280;endianness=little", camera, plugin, is: .evt21, "1280x720"),
        Case("evt 2.1", "endianness little", "geometry 64x48", is: .evt21, "64x48"),
        Case("evt 2.1", "Endianness Legacy", "geometry 64x48", "system_ID 60", is: .evt21Legacy, "64x48"),
        Case("evt 2.1", "endianness little", "format EVT21;endianness=legacy", refused: .headerContradiction),
        Case("evt 3.0", "endianness big", "geometry 64x48", refused: .notARecording),
        // A sensor's geometry holds for every encoding, and gives the encoding where none is named.
        Case("evt 3.0", "integrator_name Prophesee", "system_ID 26", is: .evt3, "1280x720"),
        Case("evt 2.0", "system_ID 49", is: .evt2, "1280x720"),
        Case("format EVT3", "system_ID 28", is: .evt3, "640x480"),
        Case("evt 2.1", "system_ID 40", is: .evt21Legacy, "640x480"),
        Case("Date 2014-02-28 13:37:42", "system_ID 28", is: .evt2, "640x480"),
        Case("system_ID 39", camera, plugin, is: .evt2, "1280x720"),
        Case("system_ID 50", camera, is: .evt3, "1280x720"),
        Case("system_ID 40", is: .evt3, "640x480"),
        Case("system_ID 162", is: .evt2, "640x480"),
        Case("system_ID 28", "geometry 320x240", is: .evt2, "320x240"),
        // A number of somebody else's means nothing to us.
        Case("system_ID 28", openMV, refused: .encodingMissing),
        Case("evt 3.0", "system_ID 26", "integrator_name OpenMV", is: .evt3),
        Case("evt 3.0", "system_ID 26", camera, "plugin_integrator_name OpenMV", is: .evt3),
        Case("system_ID 27", refused: .encodingMissing),
        Case("Date 2014-02-28 13:37:42", refused: .encodingMissing),
        // Keys in other cases; the last of a repeated one counts, whatever its case is.
        Case("EVT 3.0", "width 64", "HEIGHT 48", is: .evt3, "64x48"),
        Case("Format EVT2;Height=48;WIDTH=64", is: .evt2, "64x48"),
        Case("evt 3.0", "Geometry 64X48", "system_id 26", is: .evt3, "64x48"),
        Case("evt 2.0", "Evt 3.0", "SYSTEM_ID 26", is: .evt3, "1280x720"),
        // What contradicts itself, or is larger than any sensor.
        Case("evt 3.0", "geometry 64x48", "width 65", "height 48", refused: .headerContradiction),
        Case("evt 2.0", "format EVT3;height=48;width=64", refused: .headerContradiction),
        Case("evt 3.0", "geometry 99999x48", refused: .geometryUnusable),
        Case("evt 3.0", "Width 1", "Height 99999999999999999999", refused: .geometryUnusable),
    ]

    @Test(arguments: cases) func isRead(_ this: Case) throws {
        do throws(RecordingError) {
            let header = try RecordingHeader(bytes: Array(this.text.utf8), name: "a.raw")
            #expect(this.refusal == nil)
            #expect(header.format == this.format && header.geometry?.description == this.geometry)
        } catch {
            #expect(error.code == this.refusal, "\(error)")
            #expect(error.message.contains("'a.raw'"))
        }
    }

    // MARK: Where the text ends

    private func read(_ text: String, _ payload: [UInt8], name: String = "a.raw") throws -> RecordingHeader {
        try RecordingHeader(bytes: Array(text.utf8) + payload, name: name)
    }

    @Test(arguments: [
        "% evt 2.0\0% geometry 64x48\0", "% evt 2.0\n% geometry 64x48\0", "% evt 2.0\0\n% geometry 64x48\0\n",
        "% evt 2.0\0% geometry 64x48\0% end\0",
    ])
    func aStringsEndIsALinesEnd(_ text: String) throws {
        let header = try read(text, [7, 0, 0, 0x80])
        #expect(header.format == .evt2 && header.geometry?.description == "64x48")
        #expect(header.payloadOffset == Int64(text.utf8.count))
        let dat = try read("% Data file containing TD data\0% Version 2\0% Width 64\0% Height 48\0", [0, 8, 1, 2])
        #expect(dat.format == .dat && dat.geometry?.description == "64x48" && dat.payloadOffset == 68)
    }

    /// Events whose first bytes are those of a line: TIME_HIGH 0x...2025, and rows of EVT3.
    @Test func eventsThatBeginLikeALine() throws {
        let text = "% evt 2.0\n% geometry 64x48\n"
        let payloads: [[UInt8]] = [
            words([0x8000_2025, 0x1000_0801] as [UInt32]), words([0x8ABC_2025, 0x0A0A_0A0A] as [UInt32]),
            words([0x8041_2025, 0x0A61_6263] as [UInt32]), [0x25, 0x20, 0x00, 0x80, 0x0A],
            [0x25, 0x20, 0xFF, 0x80, 0x41, 0x42, 0x0A, 0x41],
        ]
        for payload in payloads {
            #expect(try read(text, payload).payloadOffset == Int64(text.utf8.count))
            #expect(try read(text + "% end\n", payload).payloadOffset == Int64(text.utf8.count) + 6)
        }
        // Letters of other alphabets in a line are none of these.
        for line in ["% place Zürich", "% operator Søren Kierkegård", "% note 実験"] {
            let header = try read("% evt 2.0\n% geometry 64x48\n\(line)\n", [7, 0, 0, 0x80])
            #expect(header.fields.count == 3 && header.geometry != nil)
        }
        // Latin-1, where another line follows.
        let latin = Array("% evt 2.0\n% operator S".utf8) + [0xF8] + Array("ren\n% geometry 64x48\n".utf8)
        #expect(try RecordingHeader(bytes: latin + [7, 0, 0, 0x80], name: "a.raw").geometry?.description == "64x48")
    }

    // MARK: What settings give

    private func hints(_ geometry: String?, _ encoding: RecordingEncoding?) -> RecordingHints {
        RecordingHints(geometry: geometry.flatMap { Geometry($0) }, encoding: encoding)
    }

    @Test func settingsGiveWhatAHeaderLacks() throws {
        let folder = try TemporaryFolder()
        let payload = words([0x8000_0001, 0x1000_0000 | 5 << 11 | 7] as [UInt32])
        func open(_ head: String, _ hints: RecordingHints) throws -> Recording {
            try Recording(path: folder.file("a.raw", Array(head.utf8) + payload), hints: hints)
        }
        func code(_ head: String, _ hints: RecordingHints) -> RecordingError.Code? {
            do { _ = try open(head, hints) } catch { return (error as? RecordingError)?.code }
            return nil
        }
        let bare = "% Date 2020\n"
        #expect(code(bare, hints("64x48", nil)) == .encodingMissing)
        #expect(code(bare, hints(nil, .evt2)) == .geometryMissing)
        let given = try open(bare, hints("64x48", .evt2))
        #expect(try given.format == .evt2 && EventReader(given, TimeIndex.build(given)).all() == [event(5, 7, 1, 0)])
        // No header at all.
        #expect(code("", hints("64x48", nil)) == .notARecording)
        #expect(code("", hints(nil, .evt2)) == .notARecording)
        let headless = try open("", hints("64x48", .evt2))
        #expect(headless.header.payloadOffset == 0 && headless.header.fields.isEmpty)
        #expect(try EventReader(headless, TimeIndex.build(headless)).all() == [event(5, 7, 1, 0)])
        // A header that says more is believed.
        let full = try open("% evt 4.0\n% geometry 32x32\n% end\n", hints("64x48", .evt2))
        #expect(full.format == .evt4 && full.geometry.description == "32x32")
        #expect(try open("% system_ID 40\n", hints("64x48", .evt2)).format == .evt3)
        // DAT's two bytes may be missing or there.
        let records = words([10, 3 << 14 | 2, 11, 1 << 28 | 40 << 14 | 60] as [UInt32])
        for head in [[], [12, 8]] as [[UInt8]] {
            let dat = try Recording(path: folder.file("b.dat", head + records), hints: hints("64x48", .dat))
            #expect(try EventReader(dat, TimeIndex.build(dat)).all() == [event(2, 3, 0, 10), event(60, 40, 1, 11)])
        }
    }

    @Test func rulesAreMatchedInOrder() {
        let rules = RecordingRules(
            geometries: [
                .init(glob: "cars/*", Geometry(width: 9, height: 8)), .init(glob: "*", Geometry(width: 5, height: 4)),
            ],
            encodings: [.init(glob: "*.dat", .dat1)])
        #expect(rules.hints(for: "cars/a.dat") == hints("9x8", .dat1))
        #expect(rules.hints(for: "deep/down/a.dat") == hints("5x4", .dat1))
        #expect(rules.hints(for: "a.raw") == hints("5x4", nil))
        #expect(RecordingRules().hints(for: "a.raw") == RecordingHints())
        #expect(RecordingEncoding.allCases.allSatisfy { RecordingEncoding($0.rawValue.uppercased()) == $0 })
        #expect(RecordingEncoding("evt5") == nil)
    }

    // MARK: What an encoding can name

    @Test(arguments: RecordingFormat.allCases) func geometriesHaveAnEnd(_ format: RecordingFormat) throws {
        let folder = try TemporaryFolder()
        let most = format.largestGeometry
        let bits: (x: Int, y: Int) =
            switch format {
            case .dat: (14, 14)
            case .dat1: (9, 8)
            default: (11, 11)
            }
        #expect(most == Geometry(width: 1 << bits.x, height: 1 << bits.y))
        let encoding: RecordingEncoding =
            switch format {
            case .evt2: .evt2
            case .evt21: .evt21
            case .evt21Legacy: .evt21Legacy
            case .evt3: .evt3
            case .evt4: .evt4
            case .dat: .dat2
            case .dat1: .dat1
            }
        func code(_ width: Int, _ height: Int) throws -> RecordingError.Code? {
            let path = try folder.file("a.raw", header(format, "\(width)x\(height)"))
            do { _ = try Recording(path: path, hints: hints(nil, encoding)) } catch {
                #expect(error.message.contains("\(width)x\(height)"))
                return error.code
            }
            return nil
        }
        #expect(try code(most.width, most.height) == nil)
        #expect(try code(most.width + 1, most.height) == .geometryUnusable)
        #expect(try code(most.width, most.height + 1) == .geometryUnusable)
        #expect(try code(16384, 16384) == (format == .dat ? nil : .geometryUnusable))
        // The same where a setting gives it.
        let headless = try folder.file("c.raw", [1, 2, 3, 4, 5, 6, 7, 8])
        let large = hints("\(most.width + 1)x\(most.height)", encoding)
        if format != .dat {
            #expect(throws: RecordingError.self) { try Recording(path: headless, hints: large) }
        }
    }
}
