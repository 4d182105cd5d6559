// `evh5 warm --dry-run`: how much there is to store, and about how much room it takes.

import FUSEAdapter
import Files
import Foundation
import FrameStore
import TensorFile
import VirtualTree

/// What warming the files of a mount would come to.
struct WarmEstimate: Encodable {
    let mountPoint: String
    let files: Int
    /// Frames of all files; of more files than are looked at, by the bytes of those that are.
    private(set) var frames = 0
    /// Bytes of all files as they are shown, unpacked.
    let bytes: Int64
    /// About the bytes that their frames take in the cache; nil when no frame could be sampled.
    private(set) var cacheBytes: Int64?
    /// Bytes that frames may take there, and those that they take now.
    let limit: Int64
    let used: Int64
    /// Files that were looked at, of how many a frame was computed and stored, and how many are of events.
    private(set) var counted = 0
    private(set) var sampled = 0
    private(set) var eventFiles = 0
    private(set) var failures: [Warm.Failure] = []

    private enum CodingKeys: CodingKey {
        case mountPoint, files, frames, bytes, cacheBytes, limit, used, counted, sampled, eventFiles
    }

    private static let mostCounted = 200
    private static let mostSampled = 16

    /// Looks at the shapes of some files, and reads a frame of a few, which the mount computes and stores.
    init(_ group: WarmGroup) throws(CommandError) {
        let before = try MountStatus.read(group.mount)
        guard let cache = before.cache else {
            throw CommandError(.outputUnwritable, "the mount keeps no frames on disk (--max-cache-size 0)")
        }
        mountPoint = group.mount.mountPoint
        files = group.files.count
        bytes = group.bytes
        limit = cache.limit
        used = cache.bytes
        var small: [Sample] = []
        var large: [Sample] = []
        // Of events nothing is stored but the index of their times, in not more bytes than it has.
        var indexes = (index: 0.0, files: 0.0)
        for place in WarmEstimate.spread(group.files.count, over: WarmEstimate.mostCounted) {
            let (path, size) = group.files[place]
            do throws(TensorFileError) {
                let sample = Sample(tensor: try StoredTensor(path: path), size: size)
                if sample.frameBytes < WarmEstimate.smallFrame { small.append(sample) } else { large.append(sample) }
            } catch {
                if let events = StoredEvents(path: path, areColumns: !path.hasSuffix(".hdf5")) {
                    indexes.index += Double(events.indexBytes)
                    indexes.files += Double(size)
                    eventFiles += 1
                    continue
                }
                failures.append(Warm.Failure(path: path, reason: error.message))
            }
        }
        counted = small.count + large.count + eventFiles
        let seen = (small + large).reduce(0.0) { $0 + Double($1.tensor.frameCount) }
        let looked = (small + large).reduce(indexes.files) { $0 + Double($1.size) }
        guard looked > 0 else { return }
        frames = Int((seen * Double(bytes) / looked).rounded())
        var room = indexes.index / looked * Double(bytes)
        for samples in [small, large] where !samples.isEmpty {
            guard let share = try cost(of: samples, group, read: samples == small ? readPart : readFrame) else {
                return
            }
            room += share * samples.reduce(0.0) { $0 + Double($1.size) } / looked * Double(bytes)
        }
        cacheBytes = Int64(min(9e18, room))
    }

    /// A file that was looked at.
    private struct Sample: Equatable {
        let tensor: StoredTensor
        let size: Int64

        var frameBytes: Int { tensor.frameShape.reduce(tensor.elementType.hasSuffix("8") ? 1 : 4, *) }

        static func == (a: Sample, b: Sample) -> Bool { a.tensor.path == b.tensor.path }
    }

    /// Smaller frames share entries, and are read many at a time.
    private static let smallFrame = 64 << 10

    /// Bytes of the cache for each byte of such files; nil when nothing could be read. What was read is in the cache
    /// then.
    private mutating func cost(
        of samples: [Sample], _ group: WarmGroup, read: (Sample) -> Int?
    ) throws(CommandError) -> Double? {
        let reader = WarmReader(WarmGroup(group.mount), nil, progress: nil)
        guard let before = try reader.settle().cache else { return nil }
        var bytesRead = 0.0
        var taken = 0.0
        for place in WarmEstimate.spread(samples.count, over: WarmEstimate.mostSampled) {
            guard let bytes = read(samples[place]) else { continue }
            bytesRead += Double(bytes)
            taken += 1
        }
        sampled += Int(taken)
        guard let after = try reader.settle().cache, bytesRead > 0 else { return nil }
        let stored = after.stored - before.stored
        let isSmall = samples[0].frameBytes < WarmEstimate.smallFrame
        if stored > 0 {
            // Of small frames all that was read is in the entries; of a large one a part was read, and all of it
            // stored.
            let entries =
                isSmall ? Double(after.bytes - before.bytes) : Double(after.bytes - before.bytes) / Double(stored)
            return max(0, entries / (isSmall ? bytesRead : bytesRead / taken))
        }
        // They are in the cache already: what frames take there on the average tells as much.
        guard after.entries > 0 else { return nil }
        let each = Double(after.bytes) / Double(after.entries)
        return isSmall ? min(1, each / 4096) : each / (bytesRead / taken)
    }

    /// Reads a frame in the middle of the file; its bytes.
    private func readFrame(_ sample: Sample) -> Int? {
        guard sample.tensor.frameCount > 0, (try? sample.tensor.frame(sample.tensor.frameCount / 2)) != nil else {
            return nil
        }
        return sample.frameBytes
    }

    /// Reads up to 1 MiB in the middle of the file; how much that is.
    private func readPart(_ sample: Sample) -> Int? {
        guard let file = try? File(path: sample.tensor.path) else { return nil }
        let length = min(sample.size, 1 << 20)
        let start = (sample.size - length) / 2 / 4096 * 4096
        return (try? file.bytes(in: start..<start + length))?.count
    }

    /// At most `count` of the numbers below `total`, spread evenly.
    private static func spread(_ total: Int, over count: Int) -> [Int] {
        let picked = min(total, count)
        return (0..<picked).map { total / picked * $0 + total % picked * $0 / picked }
    }

    func print() {
        let about = counted < files ? "about " : ""
        var rows = [
            ("mount", mountPoint), ("files", "\(files)"), ("frames", "\(about)\(frames)"),
            ("unpacked", Quantity.text(bytes: Int(bytes))),
        ]
        let room =
            "\(Quantity.text(bytes: Int(limit))) (--max-cache-size), of which \(Quantity.text(bytes: Int(used))) are used"
        if let cacheBytes {
            rows.append(
                (
                    "in the cache",
                    "about \(Quantity.text(bytes: Int(cacheBytes))), by a look into \(sampled + eventFiles) files"
                ))
        } else {
            rows.append(("in the cache", "not known: no frame could be sampled"))
        }
        rows.append(("room there", room))
        Output.table(rows)
        if let cacheBytes, cacheBytes > limit {
            Output.line(
                "The cache is too small for them: mount with --max-cache-size \(Quantity.text(bytes: Int(cacheBytes) / 10 * 12)) or more, or warm less."
            )
        }
    }
}
