// Headers of recordings: whatever a file begins with is read or refused, the same by the page and as a whole.

import Recordings

enum HeaderTarget {
    @Sendable static func check(_ bytes: UnsafeRawBufferPointer) -> String? {
        let array = Array(bytes)
        var whole: RecordingHeader?
        do { whole = try RecordingHeader(bytes: array, name: "a.raw") } catch {
            if error.message.isEmpty { return "an error without a word" }
        }
        if let whole {
            guard whole.payloadOffset >= 0, whole.payloadOffset <= Int64(array.count) else {
                return "events begin at \(whole.payloadOffset) of \(array.count)"
            }
            if let geometry = whole.geometry {
                guard (1...16384).contains(geometry.width), (1...16384).contains(geometry.height) else {
                    return "a geometry of \(geometry)"
                }
            }
        }
        guard let file = MemoryFile(), file.set([bytes]) else { return nil }
        for encoding in [nil, RecordingEncoding.evt3, .dat1] {
            let hints = RecordingHints(geometry: Geometry(width: 304, height: 240), encoding: encoding)
            // A recording of it is indexed, or refused with a reason.
            guard let recording = try? Recording(path: file.path, hints: hints) else { continue }
            if encoding == nil {
                guard let whole, recording.header.format == whole.format, recording.header.digest == whole.digest,
                    recording.header.payloadOffset == whole.payloadOffset
                else { return "another header from a file" }
            }
            do { _ = try TimeIndex.build(recording) } catch { return "no index: \(error)" }
        }
        return nil
    }
}
