// Questions to a mount whose daemon may be stopped or hang: the caller never does.

import CFUSE
import Foundation

/// What a mount answered.
package enum Question {
    /// Bytes of an answer, and 0; or none and an errno, ETIMEDOUT when there was no answer.
    package struct Answer: Sendable {
        package let bytes: [UInt8]
        package let errno: Int32
    }

    /// The most bytes of an answer.
    private static let room = 4 << 20

    static func ask(_ question: evh5_question, _ path: String, within patience: Duration) -> Answer {
        let milliseconds = Int32(clamping: Int64(patience / .milliseconds(1)))
        var result = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: question == EVH5_ASK_BYTES ? room : 4096) { memory, count in
            result = evh5_ask(question, path, milliseconds, memory.baseAddress, memory.count)
            count = max(0, result)
        }
        return Answer(bytes: bytes, errno: Int32(clamping: max(0, -result)))
    }

    /// The bytes of a file.
    package static func bytes(of path: String) -> Answer { ask(EVH5_ASK_BYTES, path, within: Mounts.patience) }

    /// Whether something is at `path`: 0, or an errno.
    package static func status(of path: String) -> Int32 {
        ask(EVH5_ASK_STAT, path, within: Mounts.patience).errno
    }
}
