// What the store has on the disk: commits, journals and session headers, damaged or made up.

import CXXHash
import SidecarStore

/// Input: a mode, then a commit file, a journal, or `base.json`.
enum SidecarTarget {
    @Sendable static func check(_ bytes: UnsafeRawBufferPointer) -> String? {
        var input = FuzzInput(bytes)
        switch input.byte() % 4 {
        case 0: return checkCommit(Array(input.rest), mend: false)
        case 1: return checkCommit(Array(input.rest), mend: true)
        case 2: return checkJournal(&input)
        default: return checkHeader(input.rest)
        }
    }

    private static func hash(_ bytes: [UInt8]) -> [UInt8] {
        let hash = bytes.withUnsafeBytes { XXH3_64bits($0.baseAddress, $0.count) }
        return withUnsafeBytes(of: hash.littleEndian) { Array($0) }
    }

    private static func number(_ bytes: [UInt8], _ range: Range<Int>) -> Int {
        bytes[range].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    /// With `mend`, the checksums fit: what is tried then is what comes after them.
    private static func checkCommit(_ bytes: [UInt8], mend: Bool) -> String? {
        var bytes = bytes
        if mend, bytes.count >= 64 {
            let head = 56 + number(bytes, 12..<16) + number(bytes, 24..<28) * 24
            if head + 8 <= bytes.count {
                bytes.replaceSubrange(48..<56, with: hash(Array(bytes[(head + 8)...])))
                bytes.replaceSubrange(head..<head + 8, with: hash(Array(bytes[..<head])))
            }
        }
        return bytes.withUnsafeBytes { bytes in
            guard let file = MemoryFile(), file.set([bytes]) else { return nil }
            guard let state = try? CommittedState.read(file.path) else { return nil }
            guard state.size >= 0, state.extents.end <= state.size else { return "extents behind the file's end" }
            guard state.head.heldBytes >= state.head.fileBytes else { return "it holds \(state.head.heldBytes) bytes" }
            return checkExtents(state.extents)
        }
    }

    private static func checkJournal(_ input: inout FuzzInput) -> String? {
        let size = Int64(input.number(UInt16.self))
        let dataBytes = Int64(input.number(UInt16.self))
        let base = ExtentMap(sorted: [Extent(start: 0, length: 1 + size / 2, file: 1, offset: 0)]) ?? ExtentMap()
        do {
            let contents = try SessionJournal.replay(
                Array(input.rest), over: base, size: size, file: 2, dataBytes: dataBytes, path: "map")
            guard contents.size >= 0, contents.bytes >= 0 else { return "a size of \(contents.size)" }
            var problem = checkExtents(contents.view)
            contents.view.visit { extent in
                if extent.file == 2, extent.offset + extent.length > dataBytes {
                    problem = "bytes that were never written: \(extent), of \(dataBytes)"
                }
            }
            return problem
        } catch { return error.message.isEmpty ? "an error without a word" : nil }
    }

    private static func checkHeader(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard let file = MemoryFile(), file.set([bytes]) else { return nil }
        do { _ = try SessionHeader.read(file.path) } catch {
            return error.message.isEmpty ? "an error without a word" : nil
        }
        return nil
    }

    private static func checkExtents(_ map: ExtentMap) -> String? {
        var last: Int64 = 0
        var problem: String?
        var count = 0
        map.visit { extent in
            if extent.start < last || extent.length <= 0 { problem = "extents overlap at \(extent)" }
            last = extent.end
            count += 1
        }
        return problem ?? (count == map.count ? nil : "\(count) extents, not \(map.count)")
    }
}
