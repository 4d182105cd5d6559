// The web page that a server shows.

import HTTPAdapter
import VirtualTree

enum ServedPages {
    /// nil where only files are shown.
    static func pages(_ catalog: VirtualCatalog) -> (any Pages)? { nil }
}
