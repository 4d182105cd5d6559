// Headers of recordings: whatever a file begins with is read or refused, the same by the page and as a whole.

import Files
import Recordings

enum HeaderTarget {
    @Sendable static func check(_ bytes: UnsafeRawBufferPointer) -> String? {
        let array = Array(bytes)
        var whole: RecordingHeader?
        do { whole = try RecordingHeader(bytes: array, name: "a.raw") } catch {
            if error.message.isEmpty { return "an error without a word" }
        }
        if let whole {
            guard whole.payloadOffset > 0, whole.payloadOffset <= Int64(array.count) else {
                return "events begin at \(whole.payloadOffset) of \(array.count)"
            }
            if let geometry = whole.geometry {
                guard (1...16384).contains(geometry.width), (1...16384).contains(geometry.height) else {
                    return "a geometry of \(geometry)"
                }
            }
        }
        guard let file = MemoryFile(), file.set([bytes]) else { return nil }
        let read = (try? File(path: file.path)).flatMap { try? RecordingHeader.read($0) }
        guard read?.format == whole?.format, read?.geometry == whole?.geometry, read?.digest == whole?.digest,
            read?.payloadOffset == whole?.payloadOffset
        else { return "another header from a file" }
        // A recording of it is indexed, or refused with a reason.
        if let recording = try? Recording(path: file.path, geometry: Geometry(width: 640, height: 480)) {
            do { _ = try TimeIndex.build(recording) } catch { return "no index: \(error)" }
        }
        return nil
    }
}
