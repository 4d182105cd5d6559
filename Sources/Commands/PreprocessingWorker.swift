// `evh5 preprocessing-worker`: the process that runs a preprocessing of the user's own that is a shared library. Not
// for people.

import ArgumentParser
import UserPreprocessings

struct PreprocessingWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preprocessing-worker", abstract: "Compute frames by a library (for the daemon).",
        shouldDisplay: false)

    func run() { NativeWorker.run() }
}
