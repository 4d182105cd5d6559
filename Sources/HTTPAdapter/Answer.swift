// Answers: status, headers, and bytes that are made when the client has room for them.

import Foundation
import NIOCore
import NIOHTTP1
import Synchronization
import VirtualTree

/// The bytes of an answer.
struct Body: Sendable {
    /// Bytes in all; nil when that is not known before the end.
    let length: Int64?
    /// The next bytes, a MiB or less; nil at the end. Called by one thread at a time; may block.
    let next: @Sendable () throws -> ByteBuffer?

    static let empty = Body(length: 0) { nil }

    init(length: Int64?, next: @escaping @Sendable () throws -> ByteBuffer?) {
        self.length = length
        self.next = next
    }

    init(_ bytes: [UInt8]) {
        let rest = Mutex<ByteBuffer?>(ByteBuffer(bytes: bytes))
        self.init(length: Int64(bytes.count)) {
            rest.withLock { rest in
                guard var bytes = rest, bytes.readableBytes > 0 else { return nil }
                let part = bytes.readSlice(length: min(bytes.readableBytes, Body.most))
                rest = bytes
                return part
            }
        }
    }

    /// What `parts` are, one after the other.
    init(_ parts: [Body]) {
        let lengths = parts.map(\.length)
        let total = lengths.contains(nil) ? nil : lengths.reduce(0) { $0 + ($1 ?? 0) }
        let current = Mutex(0)
        self.init(length: total) {
            while true {
                let i = current.withLock { $0 }
                guard i < parts.count else { return nil }
                if let bytes = try parts[i].next() { return bytes }
                current.withLock { $0 += 1 }
            }
        }
    }

    /// Bytes of a file.
    init(_ document: VirtualDocument, _ range: Range<Int64>) {
        let position = Mutex(range.lowerBound)
        self.init(length: Int64(range.count)) {
            let start = position.withLock { $0 }
            guard start < range.upperBound else { return nil }
            let end = min(range.upperBound, start + Int64(Body.most))
            let read = try document.read(start..<end)
            guard read.count == Int(end - start) else {
                throw FileSystemError(EIO, "'\(document.path)' has become shorter while it was read")
            }
            var bytes = PartMemory.shared.take()
            for piece in read.pieces { bytes.writeBytes(piece.bytes) }
            position.withLock { $0 = end }
            return bytes
        }
    }

    /// What a client that takes nothing can make us hold twice.
    static let most = 1 << 20
}

/// An answer to a request.
struct Answer: Sendable {
    var status: HTTPResponseStatus
    var headers: HTTPHeaders
    var body: Body

    init(_ status: HTTPResponseStatus, _ headers: [(String, String)] = [], _ body: Body = .empty) {
        self.status = status
        self.headers = HTTPHeaders(headers)
        self.body = body
    }

    /// Text of ours.
    init(_ status: HTTPResponseStatus, text: String) {
        self.init(status, [("Content-Type", "text/plain; charset=utf-8")], Body(Array((text + "\n").utf8)))
    }

    /// JSON of ours, which nobody keeps.
    init(_ status: HTTPResponseStatus, json: some Encodable) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes = (try? encoder.encode(json)).map(Array.init) ?? []
        self.init(status, [("Content-Type", "application/json")], Body(bytes))
    }

    init(_ refusal: Refusal, asJSON: Bool) {
        if asJSON {
            self.init(refusal.status, json: ["error": ["code": refusal.code, "message": refusal.message]])
        } else {
            self.init(refusal.status, text: refusal.message)
        }
        for (name, value) in refusal.headers { headers.replaceOrAdd(name: name, value: value) }
    }
}

extension Refusal {
    /// Of an error of the tree.
    init(_ error: FileSystemError) {
        let (status, code): (HTTPResponseStatus, String) =
            switch error.errno {
            case ENOENT, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG, ENXIO: (.notFound, "not_found")
            case EACCES, EPERM: (.forbidden, "forbidden")
            case EINTR, ESTALE, EBUSY, EAGAIN: (.serviceUnavailable, "busy")
            case ENOMEM, EFBIG: (.insufficientStorage, "too_large")
            default: (.internalServerError, "failed")
            }
        let headers = status == .serviceUnavailable ? [("Retry-After", "1")] : []
        self.init(status, code, error.message, headers)
    }
}
