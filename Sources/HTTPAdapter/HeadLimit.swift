// How much a client may say before its request is whole.

import NIOCore
import NIOHTTP1

/// Counts bytes in front of the parser, which has limits for headers but none for the first line.
final class HeadLimit: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let limit: Int
    private var count = 0

    init(_ limit: Int) { self.limit = limit }

    /// A head is whole.
    func reset() { count = 0 }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = HeadLimit.unwrapInboundIn(data)
        // Requests that were sent together are behind each other in one read, so that what was read last does not
        // count.
        guard count <= limit else {
            context.fireErrorCaught(HTTPParserError.headerOverflow)
            context.close(promise: nil)
            return
        }
        count += bytes.readableBytes
        context.fireChannelRead(data)
    }
}
