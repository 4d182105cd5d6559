// Whole sheets: where cells are, that text is there, with fonts and without.

import Foundation
import PictureFixture
import Preview
import Testing

private let background: UInt32 = 0x090B10

struct SheetTests {
    private static let frame: [Float] = [0, 1, 0, 1, 0, 0, 1, 1]

    private static func sheet(_ frames: Int, _ style: SheetStyle = SheetStyle(cellWidth: 40, columns: 3)) throws
        -> ContactSheet
    {
        let one = try block(
            [[Float]](repeating: frame, count: frames), channels: 2, height: 2, width: 2, .polarity, style)
        return try ContactSheet([one, one], style)
    }

    @Test func `cells are where the sheet says, unchanged, in rows`() throws {
        let sheet = try Self.sheet(5)
        let picture = try #require(DecodedPNG(sheet.png))
        #expect(picture.width == sheet.width && picture.height == sheet.height)
        #expect(sheet.cells.map(\.count) == [5, 5])
        for (index, cell) in sheet.cells.joined().enumerated() {
            #expect(cell.width == 40 && cell.height == 40)
            let row = index % 5 / 3
            #expect(cell.y == sheet.cells[index / 5][0].y + row * (40 + 18 + 8))
            for (x, y, color) in [
                (0, 0, [18, 22, 30]), (20, 0, [70, 150, 255]), (0, 20, [255, 190, 70]), (20, 20, [255, 255, 255]),
            ] {
                for corner in [(0, 0), (19, 0), (0, 19), (19, 19)] {
                    #expect(parts(picture[cell.x + x + corner.0, cell.y + y + corner.1]) == color)
                }
            }
            #expect(picture[cell.x - 1, cell.y] == background && picture[cell.x + 40, cell.y] == background)
        }
    }

    @Test func `every cell has its label, every block its heading and legend`() throws {
        let sheet = try Self.sheet(3, SheetStyle(cellWidth: 200, columns: 3))
        let picture = try #require(DecodedPNG(sheet.png))
        for cells in sheet.cells {
            let first = cells[0]
            for cell in cells {
                let label = cell.y + cell.height + 2..<cell.y + cell.height + 17
                #expect(picture.colors(x: cell.x..<cell.x + 30, y: label).count > 5, "the time")
                #expect(picture.colors(x: cell.x + 150..<cell.x + 200, y: label).count > 5, "the number")
            }
            let head = first.y - 70..<first.y - 10
            #expect(picture.colors(x: 20..<80, y: head).count > 10, "the heading")
            let bar = picture.colors(x: sheet.width - 260..<sheet.width - 20, y: head)
            #expect(bar.count > 100 && bar.isSuperset(of: [0x4696FF, 0xFFBE46]), "the legend")
        }
        // Different times look different.
        let labels = sheet.cells[0].map { cell in
            (cell.y + cell.height + 2..<cell.y + cell.height + 17).flatMap { y in
                (0..<60).map { picture[cell.x + $0, y] }
            }
        }
        #expect(Set(labels).count == 3)
    }

    @Test func `a narrow sheet has its legend below the heading`() throws {
        let style = SheetStyle(cellWidth: 40, columns: 1)
        let sheet = try Self.sheet(1, style)
        let picture = try #require(DecodedPNG(sheet.png))
        #expect(sheet.width < 400)
        let cell = sheet.cells[0][0]
        #expect(picture.colors(x: 20..<21, y: 20..<cell.y).contains(0x4696FF))
    }

    @Test func `text that is too long ends in dots`() throws {
        let canvas = try Canvas(width: 300, height: 40, color: Palette.dark.sheet)
        let font = Canvas.Font(size: 12)
        let long = String(repeating: "recording ", count: 20)
        let fitted = canvas.fitted(long, font, into: 200)
        #expect(fitted.hasSuffix("...") && canvas.width(of: fitted, font) <= 200 && fitted.count > 15)
        #expect(canvas.fitted("short", font, into: 200) == "short")
        #expect(canvas.fitted(long, font, into: 1) == "...")
    }

    @Test func `a tensor without frames has a heading`() throws {
        let style = SheetStyle()
        let empty = try block([], channels: 2, height: 2, width: 2, .polarity, style)
        let sheet = try ContactSheet([empty], style)
        #expect(sheet.cells == [[]] && DecodedPNG(sheet.png) != nil)
    }

    @Test func `pictures that are too large are refused before a frame is computed`() {
        let tensor = SheetTensor(
            title: "", details: [], channels: 2, height: 1, width: 1, coloring: .polarity, duration: nil,
            labels: [(time: String, number: String)](repeating: ("", ""), count: 9), frame: { _ in [0, 1] })
        #expect {
            try SheetLayout([tensor], SheetStyle(cellWidth: 4000, columns: 9))
        } throws: {
            ($0 as? PreviewError)?.code == .tooLarge
        }
        #expect(throws: Never.self) { try SheetLayout([tensor], SheetStyle(cellWidth: 400, columns: 9)) }
    }

    @Test func `what a frame throws is thrown`() {
        struct Broken: Error {}
        let tensor = SheetTensor(
            title: "", details: [], channels: 2, height: 1, width: 1, coloring: .polarity, duration: nil,
            labels: [("", ""), ("", "")], frame: { if $0 == 1 { throw Broken() } else { [0, 0] } })
        #expect(throws: Broken.self) { try SheetBlock(tensor, SheetStyle()) }
    }

    @Test(
        arguments: [
            (0.4266, "0.43"), (5, "5"), (12.34, "12"), (1.25, "1.3"), (0.0012345, "0.0012"), (255, "255"), (0, "0.0"),
        ] as [(Float, String)])
    func numbers(_ value: Float, _ expected: String) { #expect(Legend.text(value) == expected) }
}
