// The header grammar of RAW and DAT files.

import Files
import Recordings
import Testing

@Suite struct HeaderTests {
    private func read(_ text: String, _ payload: [UInt8] = [0, 0, 0, 0]) throws -> RecordingHeader {
        try RecordingHeader(bytes: Array(text.utf8) + payload, name: "a.raw")
    }

    private func code(_ text: String, _ payload: [UInt8] = [0, 0, 0, 0]) -> RecordingError.Code? {
        do {
            _ = try read(text, payload)
            return nil
        } catch { return (error as? RecordingError)?.code }
    }

    @Test func fieldsAndPayload() throws {
        let text = "% Date 2020-09-25 07:48:31\n% evt 2.0\n% integrator_name  Prophesee \n% system_ID 21\n% end\n"
        let header = try read(text, Array("% evt 3.0\n".utf8))
        #expect(header.format == .evt2)
        #expect(header.payloadOffset == Int64(text.utf8.count))
        #expect(header.value("Date") == "2020-09-25 07:48:31")
        #expect(header.value("Integrator_Name") == "Prophesee")
        #expect(header.systemID == 21)
        #expect(header.geometry == Geometry(width: 640, height: 480))
        #expect(header.fields.count == 4)
        #expect(header.digest == crc32(Array(text.utf8)))
    }

    @Test func endsAtTheFirstLineThatIsNone() throws {
        let text = "% evt 3.0\n% system_ID 48\n"
        #expect(try read(text, [0x2D, 0x8B]).payloadOffset == 25)
        #expect(try read(text, [0x25, 0x0A]).payloadOffset == 25)
        #expect(try read(text, []).payloadOffset == 25)
        // Events that begin like a line: no text follows.
        #expect(try read(text, [0x25, 0x20, 0x00, 0x80, 0x0A]).payloadOffset == 25)
    }

    @Test func carriageReturnsAreAccepted() throws {
        let header = try read("% evt 3.0\r\n% geometry 1280x720\r\n% end\r\n")
        #expect(header.format == .evt3)
        #expect(header.geometry == Geometry(width: 1280, height: 720))
        #expect(header.payloadOffset == 39)
    }

    @Test func theLastOfARepeatedKeyWins() throws {
        #expect(try read("% evt 2.0\n% evt 3.0\n").format == .evt3)
        #expect(try read("% evt 3.0\n% geometry 10x10\n% geometry 20x30\n").geometry == Geometry(width: 20, height: 30))
    }

    @Test func geometryByPrecedence() throws {
        #expect(
            try read("% format EVT3;height=48;width=64\n% system_ID 48\n").geometry == Geometry(width: 64, height: 48))
        #expect(try read("% evt 3.0\n% geometry 64x48\n% system_ID 48\n").geometry == Geometry(width: 64, height: 48))
        #expect(try read("% evt 3.0\n% Width 64\n% Height 48\n").geometry == Geometry(width: 64, height: 48))
        #expect(try read("% evt 3.0\n").geometry == nil)
        #expect(try read("% evt 3.0\n% Width 64\n").geometry == nil)
        #expect(try read("% evt 3.0\n% geometry 0x0\n").geometry == nil)
    }

    /// A number names a geometry for every encoding, and an encoding where the header names none.
    @Test func theSensorTable() throws {
        let vga = [21, 23, 25, 28, 29, 33, 34, 35, 40, 41, 151, 153, 161, 162]
        let hd = [26, 30, 31, 39, 46, 48, 49, 50]
        let evt3 = [30, 40, 46, 48, 49, 50]
        for id in 0...200 {
            let size = vga.contains(id) ? "640x480" : hd.contains(id) ? "1280x720" : nil
            for evt in ["2.0", "2.1", "3.0", "4.0"] {
                #expect(try read("% evt \(evt)\n% system_ID \(id)\n").geometry?.description == size)
            }
            let alone = "% Date 2014-02-28 13:37:42\n% system_ID \(id)\n"
            if size == nil {
                #expect(code(alone) == .encodingMissing)
            } else {
                let header = try read(alone)
                #expect(header.geometry?.description == size && header.format == (evt3.contains(id) ? .evt3 : .evt2))
            }
        }
    }

    @Test func contradictionsAreErrors() {
        #expect(code("% format EVT3;height=48;width=64\n% geometry 64x49\n") == .headerContradiction)
        #expect(code("% evt 3.0\n% geometry 64x48\n% Width 65\n% Height 48\n") == .headerContradiction)
        #expect(code("% evt 2.0\n% format EVT3;height=48;width=64\n") == .headerContradiction)
        #expect(code("% evt 2.1\n% endianness little\n% format EVT21;endianness=legacy\n") == .headerContradiction)
        #expect(code("% format EVT3;height=48;width=64\n% geometry 64x48\n% evt 3.0\n% Width 64\n% Height 48\n") == nil)
    }

    /// The last of the two bytes before DAT events may be those of another event type: then they are none.
    @Test func sensorsOfDAT() throws {
        let header = try read("% system_ID 28\n% Version 2\n", [12, 8])
        #expect(header.format == .dat && header.geometry?.description == "640x480")
    }

    @Test func legacyOfEVT21() throws {
        #expect(try read("% evt 2.1\n").format == .evt21Legacy)
        #expect(try read("% evt 2.1\n% system_ID 54\n").format == .evt21Legacy)
        #expect(try read("% evt 2.1\n% system_ID 55\n").format == .evt21)
        #expect(try read("% evt 2.1\n% endianness little\n").format == .evt21)
        #expect(try read("% format EVT21;height=720;width=1280;endianness=little\n% system_ID 49\n").format == .evt21)
        #expect(
            try read("% format EVT21;height=720;width=1280;endianness=legacy\n% system_ID 60\n").format == .evt21Legacy)
    }

    @Test func names() throws {
        #expect(try read("% format EVT4;height=720;width=1280\n").format == .evt4)
        #expect(try read("% evt 4.0\n").format == .evt4)
        #expect(try read("% format EVT2;height=720;width=1280\n").format == .evt2)
        #expect(code("% format HISTO3D;height=320;width=320\n") == .notARecording)
        #expect(code("% evt 5.0\n") == .notARecording)
        #expect(code("% evt 3.0\n% endianness big\n") == .notARecording)
    }

    @Test func dat() throws {
        let text = "% Data file containing CD events.\n% Version 2\n% Height 720\n% Width 1280\n"
        let header = try read(text, [12, 8, 1, 2])
        #expect(header.format == .dat)
        #expect(header.payloadOffset == Int64(text.utf8.count) + 2)
        #expect(header.geometry == Geometry(width: 1280, height: 720))
        #expect(try read(text, [0, 8]).format == .dat)
        #expect(code(text, [14, 8]) == .notARecording)
        #expect(code(text, [12, 16]) == .notARecording)
        #expect(code(text, [12]) == .notARecording)
        // The records may begin with anything, also with what looks like a line.
        #expect(try read(text, [12, 8] + Array("% evt 3.0\n".utf8)).payloadOffset == Int64(text.utf8.count) + 2)
    }

    @Test func whatIsNone() {
        #expect(code("", []) == .notARecording)
        #expect(code("hello world\n") == .notARecording)
        #expect(code("%evt 3.0\n") == .notARecording)
        #expect(code("% end\n") == .encodingMissing)
        #expect(code("\u{89}HDF\r\n\u{1A}\n") == .notARecording)
        // Neither a line nor a header without end is read to the end.
        #expect(code("% " + String(repeating: "x", count: 1 << 20)) == .notARecording)
        #expect(code(String(repeating: "% evt 3.0\n", count: 1 << 17)) == .notARecording)
    }

    @Test func openingARecording() throws {
        let folder = try TemporaryFolder()
        func open(_ path: String, _ geometry: Geometry? = nil) -> Result<Recording, RecordingError> {
            do throws(RecordingError) { return .success(try Recording(path: path, geometry: geometry)) } catch {
                return .failure(error)
            }
        }
        func code(_ result: Result<Recording, RecordingError>) -> RecordingError.Code? {
            if case .failure(let error) = result { error.code } else { nil }
        }
        let path = try folder.file("a.raw", Array("% evt 3.0\n% end\n".utf8))
        #expect(code(open(path)) == .geometryMissing)
        #expect(try open(path, Geometry(width: 5, height: 4)).get().geometry == Geometry(width: 5, height: 4))
        let other = try folder.file("b.raw", Array("% evt 3.0\n% geometry 8x8\n% end\n".utf8))
        #expect(try open(other, Geometry(width: 5, height: 4)).get().geometry == Geometry(width: 8, height: 8))
        // Headers around the size of the first read.
        for length in [3980, 3990, 4000, 4084, 4085, 4086, 4096, 5000, 60_000] {
            let text =
                "% evt 3.0\n% geometry 8x8\n% note " + String(repeating: "n", count: length)
                + "\n% geometry 9x9\n% end\n"
            let header = try Recording(path: folder.file("long.raw", Array(text.utf8) + [0, 0x80])).header
            #expect(header.payloadOffset == Int64(text.utf8.count) && header.geometry == Geometry(width: 9, height: 9))
        }
        #expect(code(open(folder.path)) == .notARecording)
        #expect(code(open(folder.path + "/none.raw")) == .unreadable)
    }
}
