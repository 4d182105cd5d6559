// The server: a socket, event loops, and threads for what blocks.

import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import VirtualTree

/// Why there is no server.
public struct HTTPServerError: Error, Sendable, CustomStringConvertible {
    public enum Code: Sendable, Hashable {
        /// The address is not this machine's, in use, or not permitted.
        case cannotListen
        /// Others could connect, and nothing would keep them out.
        case unprotected
    }

    public let code: Code
    /// What went wrong and what to do.
    public let message: String
    public let cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        (self.code, self.message, self.cause) = (code, message, cause)
    }

    public var description: String { message }
}

/// Shows a catalog's tree by HTTP, from `init` until `stop`. Only reads.
public final class HTTPServer: Sendable {
    /// Where it listens; the port is never 0.
    public let address: ListenAddress
    private let options: ServerOptions
    private let loops: MultiThreadedEventLoopGroup
    private let pool: NIOThreadPool
    private let connections: Connections
    private let listening: any Channel
    private let isStopped = Atomic(false)

    /// - Throws: `HTTPServerError` when nothing may or can listen there.
    public init(
        _ catalog: VirtualCatalog, pages: (any Pages)? = nil, options: ServerOptions, logger: Logger
    ) throws(HTTPServerError) {
        guard options.token != nil || options.address.isLoopback else {
            throw HTTPServerError(
                .unprotected, "\(options.address) can be reached from other machines: without a token it is refused")
        }
        let loops = MultiThreadedEventLoopGroup(
            numberOfThreads: min(4, max(1, ProcessInfo.processInfo.activeProcessorCount / 2)))
        let pool = NIOThreadPool(numberOfThreads: options.maxThreads)
        pool.start()
        let connections = Connections(limit: options.maxConnections)
        let router = Router(catalog: catalog, pages: pages, logger: logger)
        let health = HealthProbe(catalog)
        // The port, by which the cookie is called, is known once it listens, and before anybody is taken in.
        let check = Mutex<AccessCheck?>(nil)
        do {
            listening = try ServerBootstrap(group: loops)
                .serverChannelOption(.backlog, value: 256)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
                .childChannelOption(.maxMessagesPerRead, value: 1)
                .childChannelInitializer { channel in
                    guard let check = check.withLock({ $0 }), connections.add(channel) else {
                        return channel.close()
                    }
                    return channel.eventLoop.makeCompletedFuture {
                        try HTTPServer.prepare(channel, options) { limit in
                            ConnectionHandler(router, health, check, options, pool, connections, limit, logger)
                        }
                    }
                }
                .bind(host: options.address.host, port: options.address.port).wait()
        } catch {
            loops.shutdownGracefully { _ in }
            pool.shutdownGracefully { _ in }
            let why = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw HTTPServerError(
                .cannotListen, "cannot listen on \(options.address): \(why); choose another address or port",
                cause: error)
        }
        address = ListenAddress(host: options.address.host, port: listening.localAddress?.port ?? 0)
        let port = address.port
        check.withLock { $0 = AccessCheck(options, port: port) }
        self.options = options
        self.loops = loops
        self.pool = pool
        self.connections = connections
    }

    private static func prepare(
        _ channel: any Channel, _ options: ServerOptions, _ handler: (HeadLimit) -> ConnectionHandler
    ) throws {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = options.headLimit
        limits.maxHeaderListSize = options.headLimit
        limits.maxHeaderFieldCount = 100
        let limit = HeadLimit(options.headLimit)
        let operations = channel.pipeline.syncOperations
        try operations.addHandler(limit)
        try operations.addHandler(HTTPResponseEncoder())
        try operations.addHandler(
            ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)))
        try operations.addHandler(HTTPServerPipelineHandler())
        try operations.addHandler(NIOHTTPResponseHeadersValidator())
        try operations.addHandler(HTTPServerProtocolErrorHandler())
        try operations.addHandler(handler(limit))
    }

    /// How many clients are connected.
    public var connectionCount: Int { connections.count }

    /// The address to open, with the token in it.
    public var url: String {
        // Who listens everywhere is found here on loopback.
        let host =
            switch address.host {
            case "0.0.0.0": "127.0.0.1"
            case "::": "::1"
            default: address.host
            }
        let place = ListenAddress(host: host, port: address.port)
        return "http://\(place)/" + (options.token.map { "?token=\($0.text)" } ?? "")
    }

    /// Ends all connections, also in the middle of answers. Waits for no computation.
    public func stop() {
        guard !isStopped.exchange(true, ordering: .relaxed) else { return }
        let closed = DispatchGroup()
        closed.enter()
        let futures = [listening.close()] + connections.closeAll()
        EventLoopFuture.andAllComplete(futures, on: listening.eventLoop).whenComplete { _ in closed.leave() }
        _ = closed.wait(timeout: .now() + 0.5)
        // Threads that compute tell their event loops when they have done so.
        let loops = loops
        pool.shutdownGracefully { _ in loops.shutdownGracefully { _ in } }
    }
}
