// The web page that a server shows.

import HTTPAdapter
import Viewer
import VirtualTree

enum ServedPages {
    /// nil where only files are shown.
    static func pages(_ catalog: VirtualCatalog) -> (any Pages)? { ViewerPages(viewer: Viewer(catalog: catalog)) }
}
