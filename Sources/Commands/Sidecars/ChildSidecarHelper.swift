// The daemon's way of having files checked that users wrote: in a child process, which may crash.

import FUSEAdapter
import Files
import Foundation
import SidecarStore
import TensorFile

/// Runs `evh5 sidecar-helper` for each piece of work. A child that crashes, or meets its limits, found no valid file.
struct ChildSidecarHelper: SidecarHelper {
    func verify(folder: String) throws(SidecarError) { _ = try run(.verify, folder) }

    func verify(folder: String, commit: Int) throws(SidecarError) {
        _ = try run(.verify, folder, ["--commit", "\(commit)"])
    }

    func carryOver(folder: String) throws(SidecarError) -> String { try run(.carryOver, folder).note ?? "" }

    func contents(folder: String, commit: Int) throws(SidecarError) -> [AddedObject] {
        try run(.contents, folder, ["--commit", "\(commit)"]).contents ?? []
    }

    func series(
        folder: String, commit: Int, dataset: String, points: Int
    ) throws(SidecarError) -> AddedSeries {
        let options = ["--commit", "\(commit)", "--points", "\(points)", "--dataset=\(dataset)"]
        guard let series = try run(.series, folder, options).series else {
            throw SidecarError(.invalidResult, "the process that read '\(dataset)' said nothing")
        }
        return series
    }

    private func run(
        _ work: SidecarHelperCommand.Work, _ folder: String, _ options: [String] = []
    ) throws(SidecarError) -> SidecarHelperCommand.Answer {
        let status: Int32
        let output: String
        // The child ends itself in time; this is for one that cannot.
        let patience = Duration.seconds(HelperLimits(folder: folder).seconds + 30)
        do throws(MountError) {
            (status, output) = try Subprocess.runSelf(
                ["sidecar-helper", work.rawValue, folder] + options, killedAfter: patience)
        } catch {
            throw SidecarError(
                .io, errno: (error.cause as? FileError)?.errno ?? EIO,
                "the check could not be started: \(error.message)", cause: error)
        }
        let answer = output.split(separator: "\n").last.flatMap {
            try? JSONDecoder().decode(SidecarHelperCommand.Answer.self, from: Data($0.utf8))
        }
        guard status == 0, let answer else {
            throw SidecarError(
                .invalidResult,
                "libhdf5 cannot read what was written: the process that checked it \(ChildSidecarHelper.how(status))")
        }
        if let code = answer.code.flatMap(SidecarError.Code.init(rawValue:)) {
            throw SidecarError(code, errno: answer.errno, answer.message ?? "the check failed without a reason")
        }
        return answer
    }

    /// How a process ended that did not say what it found.
    private static func how(_ status: Int32) -> String {
        switch status - 128 {
        case SIGALRM, SIGXCPU, SIGKILL: "took too long or too much memory"
        case 1...: "crashed (signal \(status - 128))"
        default: "ended with exit code \(status)"
        }
    }
}
