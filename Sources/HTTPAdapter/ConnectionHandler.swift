// One client's connection: its requests one after the other, what they may cost, and answers as fast as they are taken.

import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import VirtualTree

/// Reads requests, has them answered by the pool's threads, and sends the answers. Belongs to one event loop.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        /// For a request, or for its end.
        case waiting
        case looking
        case sending(Sending)
        case closing
    }

    /// An answer on its way.
    private struct Sending {
        let body: Body
        let keepsAlive: Bool
        /// Parts that the client has not taken yet.
        var underway = 0
        var isMaking = false
        var isMade = false
    }

    /// Parts made ahead of the client: one is sent while the next one is made.
    private static let most = 2

    private let router: Router
    private let check: AccessCheck
    private let options: ServerOptions
    private let pool: NIOThreadPool
    private let connections: Connections
    private let headLimit: HeadLimit
    private let logger: Logger

    private var state = State.waiting
    private var head: HTTPRequestHead?
    private var deadline: Scheduled<Void>?
    /// The file that was answered with last.
    private var recent: VirtualDocument?
    /// Tells answers that come too late.
    private var number = 0
    private let asker = Asker()

    init(
        _ router: Router, _ check: AccessCheck, _ options: ServerOptions, _ pool: NIOThreadPool,
        _ connections: Connections, _ headLimit: HeadLimit, _ logger: Logger
    ) {
        self.router = router
        self.check = check
        self.options = options
        self.pool = pool
        self.connections = connections
        self.headLimit = headLimit
        self.logger = logger
    }

    func channelActive(context: ChannelHandlerContext) {
        wait(options.firstRequestSeconds, context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        state = .closing
        number += 1
        deadline?.cancel()
        recent = nil
        asker.isGone.store(true, ordering: .relaxed)
        connections.remove(context.channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Malformed requests were answered by the handler before this one.
        logger.debug("http: a connection ends: \(error)")
        close(context)
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .waiting = state else { return }
        switch ConnectionHandler.unwrapInboundIn(data) {
        case .head(let head):
            headLimit.reset()
            self.head = head
            // Nobody has a reason to send one, and who waits for its end waits as long as the client likes.
            let hasBody =
                head.headers.contains(name: "Transfer-Encoding")
                || head.headers["Content-Length"].contains { $0.trimmed != "0" }
            if hasBody {
                refuse(Refusal(.payloadTooLarge, "body", "requests have no body here"), head, context)
            }
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            look(head, context)
        }
    }

    private func look(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        connections.isBusy(context.channel)
        let target: RequestTarget
        do throws(RequestTarget.Malformed) { target = try RequestTarget(head.uri) } catch {
            refuse(Refusal(.badRequest, "malformed", error.message), head, context)
            return
        }
        let local = context.channel.localAddress?.ipAddress.flatMap { IPAddress($0) }
        let request: Request
        switch check.verdict(head, target, local: local) {
        case .refused(let refusal):
            refuse(refusal, head, context)
            return
        case .allowed(let tokenInAddress):
            request = Request(head: head, target: target, cookie: tokenInAddress ? check.cookie() : nil)
        }
        logger.debug("http: \(head.method) '\(target.path)' \(head.headers.first(name: "Range") ?? "")")
        state = .looking
        number += 1
        let current = number
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(options.answerSeconds)) {
            self.isTooSlow(head, current, context)
        }
        let (router, recent, asker) = (router, recent, asker)
        let isHead = head.method == .HEAD
        pool.runIfActive(eventLoop: context.eventLoop) {
            try asker.asking { try router.prepare(request, recent: recent, isHead: isHead) }
        }.whenComplete { result in
            let (handler, context) = bound.value
            guard handler.number == current, case .looking = handler.state else { return }
            switch result {
            case .success(let prepared):
                handler.recent = prepared.routed.document
                handler.send(prepared.routed.answer, first: prepared.first, head, context)
            case .failure: handler.close(context)
            }
        }
    }

    private func isTooSlow(_ head: HTTPRequestHead, _ current: Int, _ context: ChannelHandlerContext) {
        guard number == current, case .looking = state else { return }
        // Who asks again finds it further on.
        asker.wantsEnd.store(true, ordering: .relaxed)
        let message =
            "this takes longer than \(options.answerSeconds) s; the work goes on, so ask again in a while"
        refuse(Refusal(.serviceUnavailable, "slow", message, [("Retry-After", "10")]), head, context)
    }

    /// Answers what was not looked at, and ends the connection.
    private func refuse(_ refusal: Refusal, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        connections.note(refusal, from: context.channel.remoteAddress?.ipAddress, logger)
        number += 1
        let accept = head.headers["Accept"].joined(separator: ",")
        var answer = Answer(refusal, asJSON: accept.contains("application/json"))
        answer.headers.replaceOrAdd(name: "Connection", value: "close")
        let first = head.method == .HEAD ? nil : try? answer.body.next()
        send(answer, first: first, head, context)
    }

    // MARK: Answers

    private func send(
        _ answer: Answer, first: ByteBuffer?, _ head: HTTPRequestHead, _ context: ChannelHandlerContext
    ) {
        var headers = answer.headers
        let hasNoBody = [.noContent, .notModified].contains(answer.status)
        if !hasNoBody, let length = answer.body.length {
            headers.replaceOrAdd(name: "Content-Length", value: "\(length)")
        }
        let isOld = head.version != .http1_1
        // Without a length, HTTP/1.0 knows the end by the connection's.
        let isOpenEnded = answer.body.length == nil && isOld
        let keepsAlive = head.isKeepAlive && !isOpenEnded && !headers[canonicalForm: "Connection"].contains("close")
        if !keepsAlive {
            headers.replaceOrAdd(name: "Connection", value: "close")
        } else if isOld {
            headers.replaceOrAdd(name: "Connection", value: "keep-alive")
        }
        for (name, value) in CommonHeaders.all where !headers.contains(name: name) {
            headers.add(name: name, value: value)
        }
        if let now = HTTPDate.text(Int64(time(nil))) { headers.add(name: "Date", value: now) }
        var sending = Sending(body: answer.body, keepsAlive: keepsAlive)
        let response = HTTPResponseHead(version: isOld ? .http1_0 : .http1_1, status: answer.status, headers: headers)
        context.write(ConnectionHandler.wrapOutboundOut(.head(response)), promise: nil)
        sending.isMade = hasNoBody || head.method == .HEAD || first == nil
        state = .sending(sending)
        if let first, !sending.isMade { write(first, context) }
        goOn(context)
    }

    private func write(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        guard case .sending(var sending) = state else { return }
        sending.underway += 1
        state = .sending(sending)
        armStall(context)
        let current = number
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        context.writeAndFlush(ConnectionHandler.wrapOutboundOut(.body(.byteBuffer(bytes)))).whenComplete { result in
            PartMemory.shared.give(bytes)
            let (handler, context) = bound.value
            guard handler.number == current, case .sending(var sending) = handler.state else { return }
            guard case .success = result else {
                handler.close(context)
                return
            }
            sending.underway -= 1
            handler.state = .sending(sending)
            if sending.underway > 0 { handler.armStall(context) } else { handler.deadline?.cancel() }
            handler.goOn(context)
        }
    }

    /// Makes the next part when there is room for it, or ends the answer.
    private func goOn(_ context: ChannelHandlerContext) {
        guard case .sending(var sending) = state, !sending.isMaking else { return }
        if sending.isMade {
            finish(sending, context)
            return
        }
        guard sending.underway < ConnectionHandler.most else { return }
        sending.isMaking = true
        state = .sending(sending)
        let current = number
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let (body, asker) = (sending.body, asker)
        pool.runIfActive(eventLoop: context.eventLoop) { try asker.asking { try body.next() } }.whenComplete { result in
            let (handler, context) = bound.value
            guard handler.number == current, case .sending(var sending) = handler.state else { return }
            sending.isMaking = false
            switch result {
            case .success(let bytes?):
                handler.state = .sending(sending)
                handler.write(bytes, context)
                handler.goOn(context)
            case .success(nil):
                sending.isMade = true
                handler.state = .sending(sending)
                handler.goOn(context)
            case .failure(let error):
                // The status is out: an answer that breaks off is all that can be said.
                if let error = error as? FileSystemError {
                    handler.logger.log(level: error.level, "\(error.message)")
                }
                handler.close(context)
            }
        }
    }

    private func finish(_ sending: Sending, _ context: ChannelHandlerContext) {
        let current = number
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        state = .waiting
        connections.isIdle(context.channel)
        if sending.underway == 0 { wait(options.idleSeconds, context) }
        if !sending.keepsAlive { state = .closing }
        context.writeAndFlush(ConnectionHandler.wrapOutboundOut(.end(nil))).whenComplete { _ in
            let (handler, context) = bound.value
            guard sending.keepsAlive else {
                handler.close(context)
                return
            }
            if handler.number == current { handler.wait(handler.options.idleSeconds, context) }
        }
    }

    // MARK: Ends

    private func wait(_ seconds: Int64, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(seconds)) { self.close(context) }
    }

    private func armStall(_ context: ChannelHandlerContext) { wait(options.stalledSeconds, context) }

    private func close(_ context: ChannelHandlerContext) {
        state = .closing
        number += 1
        deadline?.cancel()
        context.close(promise: nil)
    }
}
