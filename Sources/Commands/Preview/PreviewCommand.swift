// `evh5 preview`: a contact sheet of frames as a PNG.

import ArgumentParser
import Files
import Foundation
import Preview

struct PreviewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preview", abstract: "Draw a contact sheet of frames as a PNG.",
        discussion: """
            $ evh5 preview traffic.raw -o traffic.png
            $ evh5 preview train/*.raw --preprocess event_cube,num_utbins=5 --delta-t 20ms --every 1s -o train.png
            $ evh5 preview /mnt/h5/timesurface/250ms/traffic.h5 features/traffic.h5 -o both.png

            A FILE is a recording, or any HDF5 file with a tensor: of a mount, of `evh5 generate`, of generate_hdf5. Each has its
            frames, spread evenly over the recording, with their times, and a legend. On events are orange, off events blue.
            Brightness is the power 0.7 of a value's share of the most that is shown, which is the mean and --sigmas standard
            deviations of all values shown that are not 0, or the largest. Where a cell has fewer pixels than the frame, each is the mean
            of a block.
            With --json: what was drawn; times in us, places in pixels.
            Exit codes: 3 (recording-unusable) when a file cannot be shown; the others are. 10 (output-unwritable).
            """)

    @Argument(help: "Recordings, or HDF5 files with a tensor.")
    var files: [String]
    @Option(name: .shortAndLong, help: "The picture to make, a .png.")
    var output: String
    @Option(
        help:
            "For recordings: a preprocessing with its parameters, as in paths, such as histo,downsample=2. (default: histo)"
    )
    var preprocess: String?
    @Option(
        name: [.long, .customLong("window")],
        help: "For recordings: a window as in paths, such as 250ms or 10000ev, or a number of us. (default: 50ms)")
    var deltaT: String?
    @Option(help: "For recordings: where the first frame begins, such as 1s, or a number of us. (default: 0)")
    var startTs: String?
    @Option(help: "How many frames of each file. (default: 8)")
    var frames: Int?
    @Option(help: "A frame every so long instead, such as 1s, or a number of us.", transform: PreviewCommand.time)
    var every: Int?
    @Option(help: "Pixels that a cell is wide at most.")
    var width = 320
    @Option(help: "Cells in a row at most.")
    var columns = 4
    @Option(help: "Where values are clipped, in standard deviations above their mean; 0: nowhere.")
    var sigmas = 3.0
    @Option(help: "How channels become colours. (default: what fits the preprocessing)")
    var colors: Colors?
    @Flag(help: "On light ground, for paper.")
    var light = false
    @Flag(help: "Replace a picture that is there.")
    var force = false
    @Flag(help: "Print what was drawn as JSON.")
    var json = false
    @OptionGroup(title: "Preprocessings of your own") var preprocessings: PreprocessingFlags
    @OptionGroup var flags: RecordingFlags

    /// `Coloring`, as users choose it.
    enum Colors: String, CaseIterable, ExpressibleByArgument {
        case polarity, halves, bins, signed, gray, tiles

        func coloring(_ input: PreviewInput) -> Coloring {
            switch self {
            case .polarity: .polarity
            case .halves: .halves
            case .bins: .bins(input.bins ?? input.frameShape[0])
            case .signed: .signed
            case .gray: .gray
            case .tiles: .tiles
            }
        }
    }

    func validate() throws {
        guard output.lowercased().hasSuffix(".png") else { throw ValidationError("-o takes the name of a .png") }
        guard frames == nil || every == nil else { throw ValidationError("--frames and --every exclude each other") }
        guard frames.map({ (1...10_000).contains($0) }) ?? true else {
            throw ValidationError("--frames takes a number from 1 to 10000")
        }
        guard (16...4096).contains(width) else { throw ValidationError("--width takes a number from 16 to 4096") }
        guard (1...1000).contains(columns) else { throw ValidationError("--columns takes a number from 1 to 1000") }
        guard (0...1e6).contains(sigmas) else { throw ValidationError("--sigmas takes a number from 0 on") }
    }

    func run() throws {
        let target = try PictureFile(output, force: force)
        let style = SheetStyle(palette: light ? .light : .dark, cellWidth: width, columns: columns, sigmas: sigmas)
        let source = try PreviewSource(flags, preprocessings, preprocess: preprocess, window: deltaT, start: startTs)
        if files.allSatisfy(PreviewSource.isHDF5), preprocess != nil || deltaT != nil || startTs != nil {
            throw CommandError(
                .usage,
                "an HDF5 file holds one preprocessing and window: --preprocess, --delta-t and --start-ts are for recordings"
            )
        }
        var shown: [Shown] = []
        var failures = 0
        /// The result of `body`; nil, and a line on stderr, when it throws anything but that the command line is wrong.
        func attempt<R>(_ path: String, _ body: () throws -> R) throws -> R? {
            do { return try body() } catch let error as CommandError where error.status == .usage { throw error } catch
            {
                Output.problem("evh5: \(escaped(path)): \(escaped("\(error)"))")
                failures += 1
                return nil
            }
        }
        for path in files {
            guard let one = try attempt(path, { try Shown(source.open(path), self) }) else { continue }
            shown.append(one)
        }
        do throws(PreviewError) {
            // Before hours are spent on frames that fit into no picture.
            _ = try SheetLayout(shown.map(\.tensor), style)
        } catch { throw CommandError(.usage, error.message, cause: error) }
        var drawn: [(shown: Shown, block: SheetBlock)] = []
        let progress = Progress("drawing", total: Int64(shown.count))
        for (number, one) in shown.enumerated() {
            if let block = try attempt(one.input.path, { try SheetBlock(one.tensor, style) }) {
                drawn.append((one, block))
            }
            progress.update(Int64(number + 1))
        }
        progress.end()
        if !drawn.isEmpty {
            let sheet: ContactSheet
            do throws(PreviewError) { sheet = try ContactSheet(drawn.map(\.block), style) } catch {
                throw CommandError(.failed, error.message, cause: error)
            }
            try target.write(sheet.png)
            try report(drawn, sheet)
        }
        if failures > 0 {
            throw CommandError(
                .recordingUnusable, "\(failures) of \(Quantity.text(files.count, "file")) cannot be shown")
        }
    }

    /// A file and the frames of it that are shown.
    private struct Shown {
        let input: PreviewInput
        let chosen: [Int]
        let tensor: SheetTensor

        init(_ input: PreviewInput, _ command: PreviewCommand) throws {
            self.input = input
            chosen = try FrameChoice(count: command.frames ?? 8, every: command.every).frames(of: input)
            var tensor = try input.tensor(showing: chosen)
            if let colors = command.colors { tensor.coloring = colors.coloring(input) }
            self.tensor = tensor
        }
    }

    /// What `--json` says.
    private struct Report: Encodable {
        struct File: Encodable {
            let path, preprocessing, window: String
            let shape: [Int]
            let dtype: String
            let geometry: String
            let parameters: [String: String]
            /// The values of full colour.
            let limits: [Float]
            let cells: [Cell]
        }
        struct Cell: Encodable {
            let frame: Int
            /// Where a period begins, or a frame of so many events ends, us.
            let time: Int64
            let x, y, width, height: Int
        }
        let output: String
        let width, height: Int
        let files: [File]
    }

    private func report(
        _ drawn: [(shown: Shown, block: SheetBlock)], _ sheet: ContactSheet
    ) throws(CommandError) {
        let count = sheet.cells.reduce(0) { $0 + $1.count }
        guard json else {
            return Output.line(
                "\(escaped(output)): \(sheet.width)x\(sheet.height), \(Quantity.text(count, "frame")) of \(Quantity.text(drawn.count, "file"))"
            )
        }
        var files: [Report.File] = []
        for (index, one) in drawn.enumerated() {
            let input = one.shown.input
            files.append(
                Report.File(
                    path: input.path, preprocessing: input.preprocessing, window: input.window,
                    shape: [input.frameCount] + input.frameShape, dtype: input.elementType, geometry: input.geometry,
                    parameters: Dictionary(input.parameters.map { ($0.name, $0.text) }, uniquingKeysWith: { $1 }),
                    limits: one.block.limits,
                    cells: zip(one.shown.chosen, sheet.cells[index]).map { frame, place in
                        Report.Cell(
                            frame: frame, time: input.time(of: frame) ?? 0, x: place.x, y: place.y, width: place.width,
                            height: place.height)
                    }))
        }
        try Output.json(Report(output: output, width: sheet.width, height: sheet.height, files: files))
    }

    @Sendable private static func time(_ text: String) throws -> Int {
        guard let time = Quantity.microseconds(text), time > 0 else {
            throw ValidationError("'\(text)' is no time such as 1s, 250ms or 50000us")
        }
        return time
    }
}

/// The PNG, which appears under its name when it is complete and replaces nothing but pictures.
private struct PictureFile {
    private let file: NewFile

    init(_ path: String, force: Bool) throws(CommandError) {
        file = try NewFile(path, force: force)
        let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        let start = try? File(path: path).bytes(in: 0..<Int64(signature.count))
        guard status.st_mode & S_IFMT == S_IFREG, start == signature || status.st_size == 0 else {
            throw CommandError(
                .outputUnwritable, "'\(path)' is there already and is no PNG; --force replaces pictures only")
        }
    }

    func write(_ bytes: [UInt8]) throws(CommandError) {
        do throws(FileError) { try AtomicFile.write(bytes, to: file.path) } catch {
            throw CommandError(.outputUnwritable, error.message, cause: error)
        }
    }
}
