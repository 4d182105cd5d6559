// Keeping a disk cache within its bounds, which several processes share without talking to each other.

import Files
import Foundation

extension DiskCache {
    /// A walk may take this share of the writer's time.
    private static let walkShare = 0.02
    /// Others on the same folder go unnoticed until this share of the limit was stored here.
    private static let blindShare = 0.0625
    /// What an eviction leaves of the limit, so that the next one is not due at once.
    private static let keptShare: Int64 = 10

    /// Makes room for an entry of `cost` bytes; false when there can be none.
    func makeRoom(_ cost: Int64) -> Bool {
        guard cost <= options.limit else { return false }
        let (bytes, unwalked, walked) = state.withLock { ($0.figures.bytes, $0.unwalked, $0.walked) }
        if Double(unwalked) > Double(options.limit) * DiskCache.blindShare,
            DiskCache.now() - walked.ended > walked.lasted / DiskCache.walkShare
        {
            walk()
        }
        let now = state.withLock { $0.figures.bytes }
        if max(bytes, now).saturating(adding: cost) > options.limit || missingSpace(cost) > 0 { evict(for: cost) }
        let lacking = missingSpace(cost)
        if lacking > 0 {
            let message =
                "frames are not kept on disk: less than \(Int(options.freeShare * 100)) % of the disk of "
                + "'\(folder)' would be free; free some space"
            state.withLock {
                $0.figures.problem = message
                $0.pausedUntil = DiskCache.now() + options.retryAfter
            }
            tell("space", message)
            return false
        }
        return state.withLock { $0.figures.bytes }.saturating(adding: cost) <= options.limit
    }

    /// Counts what is in the folder.
    func walk() {
        let started = DiskCache.now()
        let listing = CacheFolder.list(folder)
        for path in listing.leftovers { unlink(path) }
        adopt(listing, started)
        if let problem = listing.problem { report(problem) }
    }

    private func adopt(_ listing: CacheListing, _ started: Double) {
        var held: [String: Int64] = [:]
        for entry in listing.entries {
            if let key = entry.key { held[key] = (held[key] ?? 0).saturating(adding: entry.bytes) }
        }
        let bytes = listing.bytes
        state.withLock { [held] state in
            state.held = held
            state.figures.bytes = bytes
            state.figures.entries = listing.entries.count
            state.unwalked = 0
            state.walked = (DiskCache.now(), DiskCache.now() - started)
        }
    }

    /// Removes the entries used least recently until `cost` more bytes fit.
    private func evict(for cost: Int64) {
        let started = DiskCache.now()
        var listing = CacheFolder.list(folder)
        for path in listing.leftovers { unlink(path) }
        listing.entries.sort { $0.used > $1.used }
        var bytes = listing.bytes
        let target = max(0, options.limit - max(cost, options.limit / DiskCache.keptShare))
        var evicted = 0
        var missing = missingSpace(cost)
        while let oldest = listing.entries.last, bytes > target || missing > 0 {
            listing.entries.removeLast()
            bytes = bytes.saturating(subtracting: oldest.bytes)
            missing = missing.saturating(subtracting: oldest.bytes)
            // Another process may have removed it already: just as well.
            if unlink(oldest.path) == 0 { evicted += 1 }
        }
        adopt(listing, started)
        state.withLock { [evicted] in $0.figures.evicted += evicted }
    }

    /// Bytes that lack for `cost` more bytes to leave the share of the disk free that must be; 0 when none.
    private func missingSpace(_ cost: Int64) -> Int64 {
        var figures = statvfs()
        guard statvfs(folder, &figures) == 0, figures.f_blocks > 0 else { return 0 }
        // What a filesystem says of itself may be anything.
        let block = Int64(clamping: figures.f_frsize)
        // Multiplied first: a small disk has fewer than a thousand blocks.
        let share =
            Int64(clamping: UInt64(figures.f_blocks)).saturating(multipliedBy: Int64(options.freeShare * 1000)) / 1000
        let wanted = share.saturating(multipliedBy: block).saturating(adding: cost)
        return max(
            0,
            wanted.saturating(subtracting: Int64(clamping: UInt64(figures.f_bavail)).saturating(multipliedBy: block)))
    }
}
