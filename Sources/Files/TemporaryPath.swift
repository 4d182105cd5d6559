// What unfinished files are called beside the name they will get, and how long names may be.

import Foundation

/// The path of an unfinished file in the folder of `path`: `prefix`, its name, `suffix`.
///
/// Where that is longer than the file system takes, a checksum stands for the end of the name; its extension stays.
public func temporaryPath(for path: String, prefix: String = "", suffix: String) -> String {
    let name = (path as NSString).lastPathComponent
    let folder = (path as NSString).deletingLastPathComponent
    let room = nameLimit(in: folder) - prefix.utf8.count - suffix.utf8.count
    let whole = prefix + (name.utf8.count <= room ? name : shortened(name, to: room)) + suffix
    if folder.isEmpty { return whole }
    return folder == "/" ? "/" + whole : folder + "/" + whole
}

/// `name` in at most `room` bytes: as much of its beginning as fits, a checksum of all of it, and its extension.
private func shortened(_ name: String, to room: Int) -> String {
    let digits = String(crc32(Array(name.utf8)), radix: 16)
    let last = (name as NSString).pathExtension
    let end = "~" + digits + (last.isEmpty || last.utf8.count > 8 ? "" : "." + last)
    var beginning = ""
    var length = end.utf8.count
    for character in name.unicodeScalars {
        length += character.utf8.count
        guard length <= room else { break }
        beginning.unicodeScalars.append(character)
    }
    return beginning + end
}

/// Refuses a path whose last name is longer than names may be in its folder.
///
/// - Throws: `FileError` with ENAMETOOLONG.
public func checkNameLength(_ path: String) throws(FileError) {
    let limit = nameLimit(in: (path as NSString).deletingLastPathComponent)
    let length = (path as NSString).lastPathComponent.utf8.count
    guard length > limit else { return }
    throw FileError(
        errno: ENAMETOOLONG,
        message: "cannot create '\(path)': its name has \(length) bytes, and names may have \(limit); shorten it")
}

/// The most bytes of a name in `folder`; where that cannot be said, as for a folder that is still to be made, Linux's
/// NAME_MAX.
private func nameLimit(in folder: String) -> Int {
    let limit = pathconf(folder.isEmpty ? "." : folder, Int32(_PC_NAME_MAX))
    return limit > 0 ? limit : Int(NAME_MAX)
}
