// Pixels of frames, against colours worked out by hand.

import Preview
import Testing

private let ground: [Int] = [18, 22, 30]

struct CellTests {
    @Test func `off is blue, on is orange, both add up`() throws {
        // Row by row: nothing, off, on, both; everything that is there is the most.
        let frame: [Float] = [0, 1, 0, 1, 0, 0, 1, 1]
        let image = try block([frame], channels: 2, height: 2, width: 2, .polarity, SheetStyle(cellWidth: 2)).images[0]
        #expect(image.width == 2 && image.height == 2)
        #expect(image.pixels.map(parts) == [ground, [70, 150, 255], [255, 190, 70], [255, 255, 255]])
    }

    @Test func `the same on light ground`() throws {
        let frame: [Float] = [0, 1, 0, 1, 0, 0, 1, 1]
        let style = SheetStyle(palette: .light, cellWidth: 2)
        let image = try block([frame], channels: 2, height: 2, width: 2, .polarity, style).images[0]
        // 18 + 222 - 255, 88 + 98 - 255 and 224 + 0 - 255, all below 0.
        #expect(image.pixels.map(parts) == [[255, 255, 255], [18, 88, 224], [222, 98, 0], [0, 0, 0]])
    }

    @Test func `brightness is a power of the share`() throws {
        // A quarter of the most: 0.25^0.7 = 0.378929. 18 + 0.378929 (255 - 18) = 107.8, 22 + 0.378929 168 = 85.7, 30 +
        // 0.378929 40 = 45.2.
        let image = try block(
            [[0, 0, 0.1, 0.4]], channels: 2, height: 1, width: 2, .polarity, SheetStyle(cellWidth: 2)
        )
        .images[0]
        #expect(image.pixels.map(parts) == [[108, 86, 45], [255, 190, 70]])
    }

    @Test func `pixels are means of blocks, of fewer values at the edges`() throws {
        // 5 x 3 values in a cell at most 3 wide: blocks of 2 x 2, the last column has one column, the last row one row.
        let on: [Float] = [
            4, 0, 0, 0, 3,
            0, 0, 0, 8, 1,
            0, 2, 1, 1, 2,
        ]
        let planes = Planes(
            [Float](repeating: 0, count: 15) + on, channels: 2, height: 3, width: 5, coloring: .polarity, cellWidth: 3)
        #expect(planes.reduction.factor == 2 && planes.reduction.columns == 3 && planes.reduction.rows == 2)
        #expect(planes.values == [[0, 0, 0, 0, 0, 0], [1, 2, 2, 1, 1, 2]])
    }

    @Test func `small frames are enlarged in whole pixels`() throws {
        let image = try block([[0, 1, 0, 0]], channels: 2, height: 1, width: 2, .polarity, SheetStyle(cellWidth: 7))
            .images[0]
        #expect(image.width == 6 && image.height == 3)
        for y in 0..<3 {
            #expect(
                image.pixels[y * 6..<y * 6 + 6].map(parts)
                    == [ground, ground, ground, [70, 150, 255], [70, 150, 255], [70, 150, 255]])
        }
    }

    @Test func `signed values have a colour for each sign, also where a block has both`() throws {
        let style = SheetStyle(cellWidth: 3)
        let image = try block([[-2, 0, 2]], channels: 1, height: 1, width: 3, .signed, style).images[0]
        #expect(image.pixels.map(parts) == [[70, 150, 255], ground, [255, 190, 70]])
        let mixed = Planes([-2, 2], channels: 1, height: 1, width: 2, coloring: .signed, cellWidth: 1)
        #expect(mixed.values == [[1], [1]])
    }

    @Test func `one channel is gray, or signed when something is negative`() throws {
        let style = SheetStyle(cellWidth: 2)
        #expect(
            try block([[0, 3]], channels: 1, height: 1, width: 2, .gray, style).images[0].pixels.map(parts)
                == [ground, [240, 242, 246]])
        #expect(
            try block([[-3, 3]], channels: 1, height: 1, width: 2, .gray, style).images[0].pixels.map(parts)
                == [[70, 150, 255], [255, 190, 70]])
    }

    @Test func `bins have hues from first to last, polarities together`() throws {
        // Three pixels, each with events in one bin; the second pixel's off and on.
        let frame: [Float] = [
            2, 0, 0, 0, 0, 0,
            0, 1, 0, 0, 1, 0,
            0, 0, 0, 0, 0, 2,
        ]
        let image = try block([frame], channels: 6, height: 1, width: 3, .bins(3), SheetStyle(cellWidth: 3)).images[0]
        #expect(image.pixels.map(parts) == [[124, 92, 255], [240, 84, 160], [255, 228, 110]])
        // Half in the first bin and half in the second: the hue between.
        let between = try block([[1, 1, 0]], channels: 3, height: 1, width: 1, .bins(3), SheetStyle(cellWidth: 1))
            .images[0]
        #expect(between.pixels.map(parts) == [[182, 88, 208]])
    }

    @Test func `bins as polarities are added up`() throws {
        let planes = Planes([1, 2, 3, 4, 5, 6], channels: 6, height: 1, width: 1, coloring: .polarity, cellWidth: 1)
        #expect(planes.values == [[9], [12]])
    }

    @Test func `off first, then on`() throws {
        let planes = Planes([1, 2, 3, 4, 5, 6], channels: 6, height: 1, width: 1, coloring: .halves, cellWidth: 1)
        #expect(planes.values == [[6], [15]])
    }

    @Test func `signed bins are added up by sign`() throws {
        let planes = Planes([1, -2, 3, -4, 5], channels: 5, height: 1, width: 1, coloring: .signed, cellWidth: 1)
        #expect(planes.values == [[6], [9]])
    }

    @Test func `tiles show each channel on its own scale`() throws {
        let frame: [Float] = [1, 0, 100, 0, 0, 0.01]
        let image = try block([frame], channels: 3, height: 1, width: 2, .tiles, SheetStyle(cellWidth: 6)).images[0]
        // Two tiles in a row of 2 pixels each, a gap of 2; a third below.
        let most = [240, 242, 246]
        #expect(image.width == 6 && image.height == 4)
        func at(_ x: Int, _ y: Int) -> [Int] { parts(image.pixels[y * 6 + x]) }
        #expect(
            [at(0, 0), at(1, 0), at(4, 0), at(5, 0), at(0, 3), at(1, 3)] == [most, ground, most, ground, ground, most])
        #expect(at(2, 0) == [9, 11, 16] && at(4, 3) == [9, 11, 16])
    }

    @Test func `values that are no numbers are nothing, infinite ones are the most`() throws {
        let frame: [Float] = [.nan, .infinity, 2, 0, 0, 0]
        let image = try block([frame], channels: 2, height: 1, width: 3, .polarity, SheetStyle(cellWidth: 3)).images[0]
        #expect(image.pixels.map(parts) == [ground, [70, 150, 255], [70, 150, 255]])
        let cube = try block(
            [[.nan, .infinity, 0]], channels: 3, height: 1, width: 1, .bins(3), SheetStyle(cellWidth: 1))
        #expect(cube.images[0].pixels.count == 1)
    }
}

struct ScaleTests {
    @Test func `full colour is mean and sigmas of what is not 0`() {
        // Ten values: mean 2.8, variance (9 * 1.8^2 + 16.2^2) / 10 = 29.16, deviation 5.4.
        let values: [Float] = [1, 1, 1, 1, 1, 1, 1, 1, 1, 19]
        let zeros = [Float](repeating: 0, count: 1000)
        let two = ColorScale([values, zeros], sigmas: 2)
        #expect(abs(two.limit - 13.6) < 1e-4 && two.isClipped)
        #expect(two.share(13.6) > 0.999 && two.share(19) == 1 && abs(two.share(3.4) - 0.25) < 1e-4)
    }

    @Test func `never above the largest, which it is without sigmas`() {
        #expect(ColorScale([[1, 2, 3]], sigmas: 5) == ColorScale([[3, 2, 1]], sigmas: 0))
        #expect(ColorScale([[1, 1, 1, 50]], sigmas: 0).limit == 50)
        #expect(!ColorScale([[1, 2, 3]], sigmas: 5).isClipped)
    }

    @Test func `there is a scale where there is nothing`() {
        let scale = ColorScale([[0, 0], []], sigmas: 3)
        #expect(scale.limit == 1 && scale.share(0) == 0)
    }

    @Test func `all frames of a block share the scale`() throws {
        let images = try block(
            [[0.1, 0], [0.4, 0]], channels: 2, height: 1, width: 1, .polarity, SheetStyle(cellWidth: 1)
        )
        .images
        #expect(images.map { parts($0.pixels[0]) } == [[38, 71, 115], [70, 150, 255]])
    }
}

struct ColoringTests {
    @Test(
        arguments: [
            ("histo", 2, nil, Coloring.polarity), ("timesurface", 2, nil, .polarity),
            ("histo_quantized", 2, nil, .polarity),
            ("diff", 1, nil, .signed), ("diff_quantized", 1, nil, .signed), ("mine", 1, nil, .gray),
            ("mine", 2, nil, .polarity),
            ("mine", 5, nil, .tiles), ("event_cube", 6, 3, .bins(3)), ("event_cube", 3, 3, .bins(3)),
            ("stacked_histogram", 20, nil, .halves), ("voxel_grid", 5, nil, .signed),
            ("event_volume", 5, nil, .signed), ("mixed_density_stack", 10, nil, .signed),
            ("event_count", 2, nil, .polarity), ("event_image", 4, nil, .tiles),
            ("tore", 6, nil, .tiles), ("ergo12", 12, nil, .tiles),
            ("exponential_timesurface", 2, nil, .polarity), ("event_cube", 2, 1, .polarity),
            ("event_cube", 1, 1, .gray), ("mine", 7, 3, .tiles),
        ] as [(String, Int, Int?, Coloring)])
    func standard(_ name: String, _ channels: Int, _ bins: Int?, _ expected: Coloring) throws {
        let coloring = Coloring.standard(name: name, channels: channels, bins: bins)
        #expect(coloring == expected)
        try coloring.check(channels: channels)
    }

    @Test(arguments: [(Coloring.polarity, 3), (.bins(2), 3), (.bins(0), 2), (.gray, 2), (.halves, 3)])
    func refused(_ coloring: Coloring, _ channels: Int) {
        #expect(throws: PreviewError.self) { try coloring.check(channels: channels) }
    }
}
