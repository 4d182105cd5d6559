// Runs one target under libFuzzer, which has the program's beginning: `FUZZ_TARGET=evt3 evh5-fuzz [its options] [files
// or folders]`. See docs/DEVELOPING.md.

import Foundation
import FuzzTargets

/// The target that FUZZ_TARGET names; a variable, as libFuzzer starts itself again with the options it was given.
private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
        // Without a target: the names, for scripts.
        for target in FuzzTarget.all { print(target.name, target.longest) }
        exit(name.isEmpty ? 0 : 64)
    }
    return target
}()

@_cdecl("LLVMFuzzerInitialize")
public func initialize(_ argumentCount: UnsafeMutableRawPointer, _ arguments: UnsafeMutableRawPointer) -> Int32 {
    _ = target
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    if let problem = target.check(UnsafeRawBufferPointer(start: bytes, count: size)) {
        fatalError("\(target.name): \(problem)")
    }
    return 0
}
