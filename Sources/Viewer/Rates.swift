// Rates of events, remembered: a page asks for them again whenever it is opened.

import Files
import Recordings
import Synchronization
import VirtualTree

/// Counts the events of recordings in equal parts of time.
final class Rates: Sendable {
    private struct Key: Hashable {
        let identity: RecordingIdentity
        let bins: Int
        let times: Range<Int64>
    }

    private struct Known {
        let counts: [Int64]
        let isExact: Bool
    }

    /// Where bookmarks are too far apart to show how the rate changes, events are counted, if that takes a moment only.
    private static let quickBytes: Int64 = 64 << 20

    private let known = Mutex(RecentTable<Key, Known>(limit: 64))

    func counts(
        _ scanned: ScannedRecording, bins: Int, in times: Range<Int64>
    ) throws -> (counts: [Int64], isExact: Bool) {
        let key = Key(identity: scanned.index.identity, bins: bins, times: times)
        if let known = known.withLock({ $0[key] }) { return (known.counts, known.isExact) }
        let index = scanned.index
        let isExact = !index.isFine(bins: bins, in: times) && index.bytes(in: times) <= Self.quickBytes
        let counts =
            isExact
            ? try EventReader(scanned.recording, index).counts(bins: bins, in: times)
            : index.counts(bins: bins, in: times)
        known.withLock { $0[key] = Known(counts: counts, isExact: isExact) }
        return (counts, isExact)
    }
}
