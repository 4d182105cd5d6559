// Writes to a store for as long as it lives, so that tests can kill it:
//     sidecar-fixture run STORE RECORDING FIRST sessions FIRST, FIRST + 1, ...; "ready", "committing I", "committed I"
//     on stdout
//     sidecar-fixture fixture FOLDER               makes the store that later versions must be able to read
//     sidecar-fixture write FOLDER BYTES           the speed of writing BYTES in 1 MiB pieces, and of committing

import Foundation
import SidecarFixture
import SidecarStore

let words = Array(CommandLine.arguments.dropFirst())

func print(line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
}

func store(_ folder: String) -> SidecarStore {
    SidecarStore(directory: folder, readOnly: false, helper: FixtureHelper()) { message in
        FileHandle.standardError.write(Data((message.text + "\n").utf8))
    }
}

switch words.first {
case "run" where words.count == 4:
    let base = try base(words[2])
    let store = store(words[1])
    var model = SessionSeries.state(before: Int(words[3])!, base.layout)
    print(line: "ready")
    for number in Int(words[3])!... {
        let writer = try store.openForWriting(base)
        try writer.apply(SessionSeries.edits(number, &model))
        print(line: "committing \(number)")
        _ = try writer.commit(final: true)
        print(line: "committed \(number)")
        writer.close()
    }
case "fixture" where words.count == 2:
    try StoreFixture.make(words[1])
case "write" where words.count == 3:
    try Speed.measure(words[1], Int64(words[2])!)
default:
    FileHandle.standardError.write(Data("usage: sidecar-fixture run|fixture|write ...\n".utf8))
    exit(64)
}
