// Checks damaged files, one after the other, in a process that may die of one: contents-check MODE EXPECTED FIRST COUNT
// FILE [FILE]. Prints "trial verdict" for each; whoever started it goes on after the trial it died of.

import ContentsFixture
import Foundation
import SanitizerFixture
import TensorFile

/// Out at once: the next trial may be the last.
func say(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }

let arguments = CommandLine.arguments
guard arguments.count >= 6, let damage = Damage(rawValue: arguments[1]), let first = Int(arguments[3]),
    let count = Int(arguments[4])
else { fatalError("usage: contents-check MODE EXPECTED FIRST COUNT FILE [FILE]") }
let expected = try JSONDecoder().decode(FileExpectation.self, from: Data(arguments[2].utf8))
let originals = try arguments[5...].map { try PagedFile(path: $0, computed: expected.computedRange) }

// A file that claims to be huge must not take the machine's memory, and one that never ends is ended.
// Sanitizers ask for terabytes of addresses that they never use.
if !isSanitized {
    var memory = rlimit(rlim_cur: 4 << 30, rlim_max: 4 << 30)
    setrlimit(__rlimit_resource_t(9), &memory)
}
var core = rlimit(rlim_cur: 0, rlim_max: 0)
setrlimit(__rlimit_resource_t(4), &core)
// A test runner's threads block signals, and children inherit that.
var none = sigset_t()
sigemptyset(&none)
sigprocmask(SIG_SETMASK, &none, nil)

for trial in first..<(first + count) {
    alarm(20)
    say("\(trial) ")
    let files = originals.map { $0.copy() }
    let file = try damage.apply(to: files, trial)
    let verdict: String
    do {
        switch damage {
        case .failingRead, .failingWrite:
            _ = try AddedContents.carryOver(from: file, expected, into: files[1], expected)
        case .flips, .hugeNumbers, .cuts, .torn, .missingPages: try AddedContents.verify(file, expected)
        }
        verdict = "accepted"
    } catch {
        verdict = "refused \(error.code.rawValue)"
    }
    say((file.wasTensorTouched ? "touched the tensor" : verdict) + "\n")
}
