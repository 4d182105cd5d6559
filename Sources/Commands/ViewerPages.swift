// The web page, as the server takes it.

import HTTPAdapter
import Viewer

/// A viewer's page and answers by HTTP.
struct ViewerPages: Pages {
    let viewer: Viewer

    func asset(_ name: String) -> PageAnswer? {
        Viewer.asset(name).map { PageAnswer(mediaType: $0.mediaType, bytes: $0.bytes, version: $0.version) }
    }

    func answer(_ name: String, _ query: [String: String]) throws(PageError) -> PageAnswer {
        do throws(ViewerError) {
            let answer = try viewer.answer(name, query)
            return PageAnswer(
                mediaType: answer.mediaType, bytes: answer.bytes, version: answer.version,
                isImmutable: answer.isImmutable, headers: answer.headers.map { ($0.name, $0.value) })
        } catch { throw PageError(status: error.status, code: error.code.rawValue, message: error.message) }
    }
}
