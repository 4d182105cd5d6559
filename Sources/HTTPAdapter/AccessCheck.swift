// Who may ask: the checks that come before anything is looked up.

import NIOHTTP1

/// Keeps out other web sites that a browser has open (by name rebinding, or by asking across origins), other users of
/// the machine (by the token), and methods that change something.
package struct AccessCheck: Sendable {
    package enum Verdict: Sendable {
        /// With whether the token came in the address: then a browser gets a cookie for it.
        case allowed(tokenInAddress: Bool)
        case refused(Refusal)
    }

    let token: AccessToken?
    /// In lower case.
    let hostNames: Set<String>
    /// Other programs of the same machine have the same cookies, whatever their port.
    let cookieName: String

    package init(_ options: ServerOptions, port: Int) {
        token = options.token
        hostNames = Set(options.hostNames.map { $0.lowercased() })
        cookieName = "evh5-\(port)"
    }

    /// - Parameter local: the address that the client connected to.
    package func verdict(_ head: HTTPRequestHead, _ target: RequestTarget, local: IPAddress?) -> Verdict {
        guard let host = host(head.headers) else {
            return .refused(Refusal(.badRequest, "no_host", "a request needs one Host header"))
        }
        guard isOurs(host.name, local) else {
            return .refused(
                Refusal(
                    .forbidden, "wrong_host",
                    "this server is not called '\(host.name)'; --host-name lets it be called so"))
        }
        if let refusal = crossing(head, host.text) { return .refused(refusal) }
        guard [.GET, .HEAD, .OPTIONS].contains(head.method) else {
            return .refused(
                Refusal(
                    .methodNotAllowed, "read_only", "this server only shows; writing is for mounts",
                    [("Allow", "GET, HEAD, OPTIONS")]))
        }
        guard let token else { return .allowed(tokenInAddress: false) }
        if let shown = target.query["token"], token.matches(shown) { return .allowed(tokenInAddress: true) }
        if let bearer = bearer(head.headers), token.matches(bearer) { return .allowed(tokenInAddress: false) }
        if cookies(head.headers).contains(where: token.matches) { return .allowed(tokenInAddress: false) }
        return .refused(
            Refusal(
                .unauthorized, "no_token",
                "open the address that evh5 printed, with its token, or send the header Authorization: Bearer TOKEN",
                [("WWW-Authenticate", "Bearer realm=\"evh5\"")]))
    }

    /// The host that a request names, and all of the header; the port may be another one, as behind `ssh -L`.
    private func host(_ headers: HTTPHeaders) -> (name: String, text: String)? {
        let values = headers["Host"]
        guard values.count == 1, let text = values.first?.trimmed.lowercased(), !text.isEmpty else { return nil }
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || isPort(rest) else { return nil }
            return (String(text[text.index(after: text.startIndex)..<end]), text)
        }
        let name = text.prefix { $0 != ":" }
        guard !name.isEmpty, name.count == text.count || isPort(text[name.endIndex...]) else { return nil }
        return (String(name), text)
    }

    private func isPort(_ text: Substring) -> Bool {
        text.first == ":" && text.dropFirst().utf8.allSatisfy { (48...57).contains($0) }
    }

    /// A name that somebody's name server leads here is not ours; an address cannot be led elsewhere.
    private func isOurs(_ name: String, _ local: IPAddress?) -> Bool {
        if name == "localhost" || hostNames.contains(name) { return true }
        guard let address = IPAddress(name) else { return false }
        return address.isLoopback || address == local
    }

    /// Why what a page of another origin asks is refused: what it asks, a browser sends with our cookie where both are
    /// of one host. A link that is followed is no such thing.
    private func crossing(_ head: HTTPRequestHead, _ host: String) -> Refusal? {
        let refusal = Refusal(.forbidden, "cross_origin", "pages of other origins may not ask this server")
        for origin in head.headers["Origin"] {
            let ours = ["http://" + host, "https://" + host]
            guard ours.contains(origin.trimmed.lowercased()) else { return refusal }
        }
        let sites = head.headers["Sec-Fetch-Site"].map { $0.trimmed.lowercased() }
        guard sites.contains(where: { $0 != "same-origin" && $0 != "none" }) else { return nil }
        let isFollowedLink =
            head.headers["Sec-Fetch-Mode"] == ["navigate"] && head.headers["Sec-Fetch-Dest"] == ["document"]
        return isFollowedLink && head.method == .GET ? nil : refusal
    }

    private func bearer(_ headers: HTTPHeaders) -> String? {
        guard let value = headers.first(name: "Authorization"), value.lowercased().hasPrefix("bearer ") else {
            return nil
        }
        return String(value.dropFirst(7)).trimmed
    }

    private func cookies(_ headers: HTTPHeaders) -> [String] {
        headers["Cookie"].flatMap { $0.split(separator: ";") }.compactMap { pair in
            let text = String(pair).trimmed
            return text.hasPrefix(cookieName + "=") ? String(text.dropFirst(cookieName.count + 1)) : nil
        }
    }

    /// The header that has a browser show the token from now on: to this server only, and never to scripts.
    func cookie() -> (String, String)? {
        token.map { ("Set-Cookie", "\(cookieName)=\($0.text); Path=/; HttpOnly; SameSite=Strict") }
    }
}

/// A request that gets nothing, and why.
package struct Refusal: Error, Sendable {
    package let status: HTTPResponseStatus
    /// For programs.
    package let code: String
    /// What was wrong and what to do.
    package let message: String
    let headers: [(String, String)]

    init(_ status: HTTPResponseStatus, _ code: String, _ message: String, _ headers: [(String, String)] = []) {
        (self.status, self.code, self.message, self.headers) = (status, code, message, headers)
    }
}
