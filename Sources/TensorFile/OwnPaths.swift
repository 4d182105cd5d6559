// The objects of a virtual file that are evh5's and no additions: its datasets, and the groups that they are in.

import CHDF5

struct OwnPaths {
    /// Paths from the root, which they begin with a slash for: `/data`, `/events`, `/events/x`. Groups come before what
    /// is in them.
    let all: [String]
    /// Those of groups.
    let groups: Set<String>

    /// - Parameter datasets: without a slash before them.
    init(_ datasets: [String]) {
        var all: [String] = []
        var groups: Set<String> = []
        for path in datasets {
            var walked = ""
            let names = path.split(separator: "/")
            for name in names.dropLast() {
                walked += "/" + name
                if groups.insert(walked).inserted { all.append(walked) }
            }
            all.append("/" + path)
        }
        self.all = all
        self.groups = groups
    }

    /// The names in the group `path` (`/` for the root) that are evh5's.
    func names(in path: String) -> [String] {
        let prefix = path == "/" ? path : path + "/"
        return all.filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/") }
            .map { String($0.dropFirst(prefix.count)) }
    }

    /// The header of the object at `path`, to which hard links lead; nil when there is none.
    func address(of path: String, in file: hid_t) throws(TensorFileError) -> haddr_t? {
        var object = try OpenObject(root: file)
        var walked = ""
        for name in path.split(separator: "/") {
            guard object.kind == .group,
                let link = try object.links(walked).first(where: { $0.name == LinkName(String(name)) }),
                case .object(let address) = link.target
            else { return nil }
            walked += "/" + name
            object = try OpenObject(file, at: address, path: walked)
        }
        return object.address
    }
}
