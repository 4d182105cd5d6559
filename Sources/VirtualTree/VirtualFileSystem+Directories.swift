// Listings: a folder's names are fixed when it is opened.

import Datasets
import Files
import Foundation
import Tensors

/// A name of an opened folder.
struct Listed: Sendable {
    let name: String
    let key: String
    let kind: Attributes.Kind
    /// What the name is, where that was found out already.
    let place: Place?
}

extension VirtualFileSystem {
    public func openDirectory(_ inode: Inode) throws(FileSystemError) -> Handle {
        let node = try node(inode)
        library.dropOutdated()
        let own = [(".", node.key), ("..", split(node.key).folder)].map { name, key in
            Listed(name: name, key: key, kind: .directory, place: nil)
        }
        let listed = try own + list(node)
        return directories.withLock { $0.insert(listed) }
    }

    public func releaseDirectory(_ handle: Handle) {
        let listed = directories.withLock { $0.remove(handle) }
        _ = consume listed
    }

    public func readDirectory(
        _ handle: Handle, from offset: Int, counting: Bool, _ body: (DirectoryEntry) -> Bool
    ) throws(FileSystemError) {
        guard let listed = directories.withLock({ $0[handle] }) else {
            throw FileSystemError(EBADF, "no open folder \(handle)")
        }
        guard offset >= 0, offset < listed.count else { return }
        for (i, item) in listed.enumerated().dropFirst(offset) {
            let node = nodes.withLock { Node(inode: $0.inode(of: item.key), key: item.key, place: item.place ?? .root) }
            // The reference is counted first: the kernel may give it back as soon as the entry is out.
            let entry = item.place.flatMap { place in
                (counting ? knownWithoutWork(node) : nil).map { counted($0, item.key, place) }
            }
            let inode = entry?.attributes.inode ?? node.inode
            let accepted = body(
                DirectoryEntry(name: item.name, inode: inode, kind: item.kind, nextOffset: i + 1, entry: entry))
            guard accepted else {
                if entry != nil { forget(inode, 1) }
                return
            }
        }
    }

    /// What is known of a node without a scan; a listing must not read recordings.
    private func knownWithoutWork(_ node: Node) -> Known? {
        switch node.place {
        case .tensor(_, let path, _): library.knownFacts(node.key, path: path).flatMap { knownWithoutWork(node, $0) }
        case .labels: nil
        default: try? known(node)
        }
    }

    private func knownWithoutWork(_ node: Node, _ facts: TensorLibrary.Facts) -> Known? {
        switch sidecars.peek(facts.sidecarKey, facts.recording) {
        case .none: known(node, facts, nil)
        case .fits(let added): known(node, facts, added)
        case .needsWork: nil
        }
    }

    private func list(_ node: Node) throws(FileSystemError) -> [Listed] {
        func folders(_ names: some Sequence<String>) -> [Listed] {
            names.map { name in
                let place = try? place(of: name, in: node)
                return Listed(name: name, key: join(node.key, name), kind: .directory, place: place)
            }
        }
        switch node.place {
        case .root:
            let used = used.withLock { $0.preprocessings }
            return folders(registry.names + used.subtracting(registry.names).sorted())
        case .preprocessing(let preprocessing):
            let configured = options.windows.compactMap {
                try? TensorSpec(preprocessing: preprocessing, window: $0, registry: registry).windowText
            }
            let used = used.withLock { $0.windows[preprocessing] ?? [] }
            return folders(configured + used.subtracting(configured).sorted())
        case .control:
            return [
                Listed(
                    name: VirtualFileSystem.statusName, key: join(node.key, VirtualFileSystem.statusName),
                    kind: .regular, place: .status)
            ]
        case .folder(let spec, let path): return try list(path, spec, node)
        default: throw FileSystemError(ENOTDIR, "'\(node.key)' is not a folder", level: .debug)
        }
    }

    private func list(_ path: String, _ spec: TensorSpec, _ node: Node) throws(FileSystemError) -> [Listed] {
        let view = try views.view(path)
        var listed: [String: Listed] = [:]
        func add(_ name: String) {
            guard listed[name] == nil, let place = try? place(of: name, in: path, spec, node, view) else { return }
            let kind: Attributes.Kind =
                switch place {
                case .link: .symbolicLink
                case .tensor, .companion, .labels, .status: .regular
                default: .directory
                }
            listed[name] = Listed(name: name, key: join(node.key, name), kind: kind, place: place)
        }
        for (base, file) in view.names.recordings({ isRecording(join(path, $0)) }) {
            guard spec.maxDuration != nil else {
                add(base + ".h5")
                continue
            }
            for part in 0..<((try? library.partCount(spec, path: join(path, file))) ?? 0) {
                add("\(base)_\(part).h5")
                if view.labels(of: base) != nil { add("\(base)_\(part)" + RecordingName.labelSuffix) }
            }
        }
        for (name, item) in view.others {
            if item.isDirectory {
                // A link that leads back shows its name here and ELOOP when it is followed.
                let place = try? place(of: name, in: path, spec, node, view)
                listed[name] =
                    listed[name] ?? Listed(name: name, key: join(node.key, name), kind: .directory, place: place)
            } else {
                add(name)
            }
        }
        return listed.values.sorted { $0.name < $1.name }
    }
}
