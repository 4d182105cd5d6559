// `evh5 sidecar-helper`: the child process that reads files users wrote, by libhdf5 and under limits. Not for people.
//
// It exits with 0 whatever it found, after one line of JSON that says so; anything else means that it could not finish.

import ArgumentParser
import Foundation
import SidecarStore
import TensorFile

struct SidecarHelperCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sidecar-helper", abstract: "Check, carry over or read what users added (for the daemon).",
        shouldDisplay: false)

    enum Work: String, ExpressibleByArgument, CaseIterable {
        case verify
        case carryOver = "carry-over"
        case contents, series
    }

    @Argument(help: "What to do.")
    var work: Work
    @Argument(help: "A sidecar's folder.")
    var folder: String
    @Option(help: "A committed state, instead of the session.")
    var commit: Int?
    @Option(help: "Of series: an added dataset.")
    var dataset = ""
    @Option(help: "Of series: how many points at most.")
    var points = 1000

    /// What the daemon is told, as one line of JSON.
    struct Answer: Codable {
        var note: String?
        var contents: [AddedObject]?
        var series: AddedSeries?
        /// The raw value of a `SidecarError.Code`.
        var code: String?
        var errno: Int32?
        var message: String?
    }

    func run() throws {
        HelperLimits(folder: folder).apply()
        let helper = InProcessSidecarHelper()
        var answer = Answer()
        do throws(SidecarError) {
            switch (work, commit) {
            case (.verify, nil): try helper.verify(folder: folder)
            case (.verify, let commit?): try helper.verify(folder: folder, commit: commit)
            case (.carryOver, _): answer.note = try helper.carryOver(folder: folder)
            case (.contents, let commit): answer.contents = try helper.contents(folder: folder, commit: commit ?? 0)
            case (.series, let commit):
                answer.series = try helper.series(
                    folder: folder, commit: commit ?? 0, dataset: dataset, points: points)
            }
        } catch {
            answer = Answer(code: error.code.rawValue, errno: error.errno, message: error.message)
        }
        let text = try JSONEncoder().encode(answer)
        FileHandle.standardOutput.write(text + Data("\n".utf8))
        // A library that was fed nonsense need not be able to clean up.
        Foundation._exit(0)
    }
}
