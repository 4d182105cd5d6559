// What evh5 and a worker process say to each other; worker.py speaks the same.

/// A message from evh5: twelve int64 in the processor's order, the last being the length of the payload that follows.
struct WorkerMessage {
    enum Kind: Int64 {
        /// Payload: JSON. Answered with the path of a module's source (Python only).
        case find = 0
        /// Payload: JSON. The function is loaded; a library answers with its description, JSON.
        case load = 1
        /// Payload: the parameters' values, as JSON for Python and as doubles for a library.
        case frame = 2
    }

    static let wordCount = 12
    /// Bytes before the payload.
    static let headBytes = wordCount * 8

    var kind: Kind
    var memorySize = 0
    var tensorOffset = 0
    var eventsOffset = 0
    var eventCount = 0
    var channels = 0
    var height = 0
    var width = 0
    var shift = 0
    var duration: Int64 = 0
    var payload: [UInt8]

    /// As it is sent.
    var bytes: [UInt8] {
        let words: [Int64] = [
            kind.rawValue, Int64(memorySize), Int64(tensorOffset), Int64(eventsOffset), Int64(eventCount),
            Int64(channels), Int64(height), Int64(width), Int64(shift), duration, 0, Int64(payload.count),
        ]
        return words.withUnsafeBytes { Array($0) } + payload
    }

    init(kind: Kind, payload: [UInt8]) {
        self.kind = kind
        self.payload = payload
    }

    /// A message's head; its payload is still to be read. nil when it is none.
    init?(head: [UInt8]) {
        guard head.count == WorkerMessage.headBytes else { return nil }
        let words = head.withUnsafeBytes { raw in
            (0..<WorkerMessage.wordCount).map { Int(raw.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
        }
        guard let kind = Kind(rawValue: Int64(words[0])), words[11] >= 0, words[11] <= WorkerAnswer.longest else {
            return nil
        }
        self.kind = kind
        memorySize = words[1]
        tensorOffset = words[2]
        eventsOffset = words[3]
        eventCount = words[4]
        channels = words[5]
        height = words[6]
        width = words[7]
        shift = words[8]
        duration = Int64(words[9])
        payload = [UInt8](repeating: 0, count: words[11])
    }
}

/// A worker's answer: two int64 (0 or an error, the text's length) and a text.
struct WorkerAnswer {
    static let headBytes = 16
    /// Bytes of a text; an answer that says it has more is none.
    static let longest = 1 << 20

    let isError: Bool
    let text: String

    /// As it is sent.
    var bytes: [UInt8] {
        let text = Array(self.text.utf8.suffix(WorkerAnswer.longest))
        let words: [Int64] = [isError ? 1 : 0, Int64(text.count)]
        return words.withUnsafeBytes { Array($0) } + text
    }
}
