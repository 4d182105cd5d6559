// From a request that may be asked to its answer.

import Foundation
import Logging
import NIOCore
import NIOHTTP1
import VirtualTree

/// A request that has passed all checks.
struct Request: Sendable {
    let head: HTTPRequestHead
    let target: RequestTarget
    let client: Client
    /// Given back to who showed the token in the address.
    let cookie: (String, String)?

    func header(_ name: String) -> String { head.headers[name].joined(separator: ",") }

    /// Whether an error is better told to a program.
    var wantsJSON: Bool { target.query["json"] != nil || header("Accept").contains("application/json") }
}

/// An answer, and the file that it is of: a client that goes on in it later is better served by the same one.
struct Routed: Sendable {
    var answer: Answer
    var document: VirtualDocument?
}

/// An answer and its first bytes.
struct Prepared: Sendable {
    let routed: Routed
    let first: ByteBuffer?
}

/// Answers requests. Calls may block and may come from many threads at once.
struct Router: Sendable {
    let catalog: VirtualCatalog
    let pages: (any Pages)?
    let logger: Logger

    private static let page = ".evh5/page/"
    private static let questions = ".evh5/api/"
    private static let metrics = "metrics"
    /// What browsers and crawlers ask for by themselves.
    private static let unasked = ["favicon.ico", "robots.txt"]

    /// - Parameter recent: what the same client was given before.
    func answer(_ request: Request, recent: VirtualDocument?) -> Routed {
        var routed: Routed
        do { routed = try route(request, recent) } catch {
            let refusal: Refusal
            switch error {
            case let error as FileSystemError:
                logger.log(level: error.level, "\(error.message)")
                refusal = Refusal(error)
            case let error as Refusal: refusal = error
            default:
                logger.error("'\(request.target.path)': \(error)")
                refusal = Refusal(.internalServerError, "failed", "\(error)")
            }
            let isQuestion = request.target.path.hasPrefix(Router.questions)
            routed = Routed(answer: Answer(refusal, asJSON: isQuestion || request.wantsJSON))
        }
        if let (name, value) = request.cookie, (200..<400).contains(routed.answer.status.code) {
            routed.answer.headers.add(name: name, value: value)
        }
        return routed
    }

    /// The answer with its first bytes: what cannot be computed is said before anything is sent.
    func prepare(_ request: Request, recent: VirtualDocument?, isHead: Bool) throws -> Prepared {
        let routed = answer(request, recent: recent)
        guard !isHead else { return Prepared(routed: routed, first: nil) }
        do { return Prepared(routed: routed, first: try routed.answer.body.next()) } catch {
            let error = error as? FileSystemError ?? FileSystemError(EIO, "\(error)")
            logger.log(level: error.level, "\(error.message)")
            let refused = Routed(answer: Answer(Refusal(error), asJSON: request.wantsJSON))
            return Prepared(routed: refused, first: try refused.answer.body.next())
        }
    }

    private func route(_ request: Request, _ recent: VirtualDocument?) throws -> Routed {
        let path = request.target.path
        if request.head.method == .OPTIONS {
            return Routed(answer: Answer(.noContent, [("Allow", "GET, HEAD, OPTIONS")]))
        }
        if path == Router.metrics {
            let type = ("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            return Routed(answer: Answer(.ok, [type], Body(Array(catalog.metrics().utf8))))
        }
        if let pages, let asked = try page(request, pages) { return Routed(answer: asked) }
        if Router.unasked.contains(path) { throw Refusal(.notFound, "not_found", "there is no '\(path)'") }
        return try tree(request, recent)
    }

    /// What a request is, for the figures.
    static func kind(_ method: HTTPMethod, _ path: String) -> RequestKind {
        if path.hasPrefix(page) || path.hasPrefix(questions) { return .page }
        if path == metrics || path == HealthProbe.path { return .statistics }
        if method == .HEAD { return .attributes }
        return path.isEmpty || path.hasSuffix("/") ? .folder : .read
    }

    // MARK: The page

    private func page(_ request: Request, _ pages: any Pages) throws -> Answer? {
        let path = request.target.path
        if path.isEmpty, !request.wantsJSON, request.header("Accept").contains("text/html") {
            guard let asset = pages.asset("") else { return nil }
            return answer(asset, request)
        }
        if path.hasPrefix(Router.page) {
            let name = String(path.dropFirst(Router.page.count))
            guard let asset = pages.asset(name) else {
                throw Refusal(.notFound, "not_found", "the page has no '\(name)'")
            }
            return answer(asset, request)
        }
        guard path.hasPrefix(Router.questions) else { return nil }
        var query = request.target.query
        query["token"] = nil
        do throws(PageError) {
            return answer(try pages.answer(String(path.dropFirst(Router.questions.count)), query), request)
        } catch {
            let status = (400...599).contains(error.status) ? error.status : 500
            throw Refusal(HTTPResponseStatus(statusCode: status), error.code, error.message)
        }
    }

    private func answer(_ page: PageAnswer, _ request: Request) -> Answer {
        let keeping =
            page.isImmutable ? "private, max-age=31536000, immutable" : page.version == nil ? "no-store" : "no-cache"
        var headers = page.headers + [("Content-Type", page.mediaType), ("Cache-Control", keeping)]
        if let version = page.version {
            let etag = "\"\(version)\""
            headers.append(("ETag", etag))
            if Conditions(etag: etag, modified: .max).verdict(request.head.headers) == .notModified {
                return Answer(.notModified, headers)
            }
        }
        return Answer(.ok, headers, Body(page.bytes))
    }

    // MARK: The tree

    private func tree(_ request: Request, _ recent: VirtualDocument?) throws -> Routed {
        let target = request.target
        let name = try catalog.look(at: target.path)
        // Other spellings lead to the one; a folder's links are relative to it.
        let isFolder = name.kind == .folder
        if name.path != target.path || (isFolder && !target.hasSlash && !request.wantsJSON) {
            let headers = [("Location", target.reference(to: name.path, isFolder: isFolder))]
            return Routed(answer: Answer(.temporaryRedirect, headers))
        }
        guard !isFolder else {
            let listing = FolderAnswer(folder: try catalog.folder(at: name.path), asJSON: request.wantsJSON)
            let headers = [("Content-Type", listing.mediaType), ("Cache-Control", "no-cache"), ("Vary", "Accept")]
            return Routed(answer: Answer(.ok, headers, listing.body))
        }
        guard !target.hasSlash else {
            throw Refusal(.notFound, "not_found", "'\(name.path)' is a file: there is nothing below it")
        }
        var document = try catalog.file(at: name.path)
        // Its reads go on where this client's last ones were.
        if let recent, recent.path == document.path, recent.version == document.version { document = recent }
        return Routed(answer: FileAnswer(document, for: request.client).answer(request.head), document: document)
    }
}
