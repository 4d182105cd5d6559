// What every answer says, unless it says otherwise itself.

enum CommonHeaders {
    /// Of a server that is asked by its own page and by programs only.
    static let all = [
        ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin"),
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
                + "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
        ), ("Cache-Control", "no-store"),
    ]
}
