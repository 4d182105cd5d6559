// Stretches of frames as files.

import Foundation
import PictureFixture
import Recordings
import Testing
import Viewer

@Suite struct ExportTests {
    private let file = "histo/10ms/a.h5"

    private func look() throws -> Look {
        let look = try Look()
        try look.record("a.raw", events(4000, step: 50))
        return look
    }

    /// Types and contents of a PNG's chunks.
    private func chunks(_ png: [UInt8]) -> [(type: String, content: [UInt8])] {
        var (place, chunks) = (8, [(type: String, content: [UInt8])]())
        while place + 12 <= png.count {
            let length = png[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
            chunks.append(
                (
                    String(decoding: png[place + 4..<place + 8], as: UTF8.self),
                    Array(png[place + 8..<place + 8 + length])
                ))
            place += 12 + length
        }
        return chunks
    }

    @Test func `one frame is its picture`() throws {
        let look = try look()
        let answer = try look.viewer.answer("export", ["file": file, "first": "3"])
        #expect(answer.bytes == (try look.viewer.answer("picture", ["file": file, "frame": "3"]).bytes))
        #expect(
            answer.headers.contains { $0 == ("Content-Disposition", "attachment; filename=\"a_histo_10ms_3-3.png\"") })
    }

    @Test func `several frames are an animation whose first picture every viewer shows`() throws {
        let look = try look()
        let query = ["file": file, "first": "2", "last": "10", "step": "4", "fps": "20"]
        let answer = try look.viewer.answer("export", query)
        let found = chunks(answer.bytes)
        #expect(
            found.map(\.type)
                == ["IHDR", "acTL", "fcTL", "IDAT", "fcTL", "fdAT", "fcTL", "fdAT", "IEND"])
        #expect(found[1].content == [0, 0, 0, 3, 0, 0, 0, 0])
        // Numbered; 50 ms each.
        #expect([2, 4, 5, 6, 7].map { found[$0].content[3] } == [0, 1, 2, 3, 4])
        #expect(Array(found[2].content[20..<24]) == [0, 50, 3, 232])
        let first = try look.viewer.answer("picture", ["file": file, "frame": "2"]).bytes
        #expect(DecodedPNG(answer.bytes)?.pixels == DecodedPNG(first)?.pixels)
    }

    @Test func `films are made by ffmpeg, or it is said that it is missing`() throws {
        let look = try look()
        let formats = try #require(try look.ask("exports")["formats"].texts)
        for (format, mediaType) in [("gif", "image/gif"), ("mp4", "video/mp4")] {
            let query = ["file": file, "first": "0", "last": "9", "format": format]
            guard formats.contains(format) else {
                let refusal = look.refusal("export", query)
                #expect(refusal?.code == .missing && refusal?.message.contains("ffmpeg") == true)
                continue
            }
            let answer = try look.viewer.answer("export", query)
            #expect(answer.mediaType == mediaType && answer.bytes.count > 500)
            let start = format == "gif" ? Array("GIF89a".utf8) : Array("ftyp".utf8)
            #expect(Array(answer.bytes[(format == "gif" ? 0 : 4)...].prefix(start.count)) == start)
        }
    }

    @Test func `what nobody could use is refused before it is made`() throws {
        let look = try look()
        #expect(look.refusal("export", ["file": file, "first": "5", "last": "4"])?.code == .badQuery)
        #expect(look.refusal("export", ["file": file, "first": "0", "last": "20"])?.code == .notFound)
        #expect(look.refusal("export", ["file": file, "first": "0", "step": "0"])?.code == .badQuery)
        #expect(look.refusal("export", ["file": file, "first": "0", "fps": "100000"])?.code == .badQuery)
        let many = look.refusal("export", ["file": "histo/1us/a.h5", "first": "0", "last": "199000"])
        #expect(many?.code == .tooLarge && many?.message.contains("step=") == true)
    }
}
