// Measures decoding in one process and prints a line of JSON: what the benchmark suite runs beside its peers.
//
//     evh5-bench histogram REC [WINDOW] every frame of histo/WINDOW (10s): decoding fused with the product's own kernel
//     evh5-bench frames REC SPEC WINDOW   every frame of SPEC/WINDOW
//     evh5-bench counts REC               decoding into a plain count plane of this tool's own, through EventReader
//     evh5-bench scan REC                 the time index, built from nothing
//     evh5-bench sum REC                  a sum over the mapped file: the memory speed that a scan is compared with
//     evh5-bench kernels                  the variants of kernels that this processor has, and the one in use
//
// Everything runs twice and the second run counts, so that memory and page cache are warm for all.

import Foundation
import Recordings
import Tensors

func end(_ reason: String) -> Never {
    FileHandle.standardError.write(Data("evh5-bench: \(reason)\n".utf8))
    exit(64)
}

let words = Array(CommandLine.arguments.dropFirst())
if words == ["kernels"] {
    print(String(decoding: try JSONEncoder().encode(Kernels()), as: UTF8.self))
    exit(0)
}
guard words.count >= 2 else {
    end("usage: evh5-bench histogram|frames|counts|scan|sum RECORDING [SPEC] [WINDOW], or evh5-bench kernels")
}

do {
    let recording = try Recording(path: words[1])
    let run: () throws -> Work
    switch words[0] {
    case "histogram": run = try frames(of: recording, "histo", window: words.count > 2 ? words[2] : "10s")
    case "frames" where words.count > 3: run = try frames(of: recording, words[2], window: words[3])
    case "counts": run = try counts(of: recording)
    case "scan": run = { try scan(recording) }
    case "sum": run = try sum(of: recording)
    default: end("there is no '\(words[0])'; there are histogram, frames (with SPEC and WINDOW), counts, scan, sum")
    }
    _ = try run()
    let stopwatch = Stopwatch()
    let work = try run()
    let time = stopwatch.time()
    let result = Result(
        what: words[0], format: recording.format.displayName, events: work.events, bytes: work.bytes, wall: time.wall,
        cpu: time.cpu, checksum: work.checksum, kernels: "\(KernelVariant.current)")
    print(String(decoding: try JSONEncoder().encode(result), as: UTF8.self))
} catch {
    end("\(error)")
}
