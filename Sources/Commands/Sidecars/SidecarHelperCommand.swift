// `evh5 sidecar-helper`: the child process that reads files users wrote, by libhdf5 and under limits. Not for people.

import ArgumentParser
import Foundation
import SidecarStore

struct SidecarHelperCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sidecar-helper", abstract: "Check or carry over what users added (for the daemon).",
        shouldDisplay: false)

    enum Work: String, ExpressibleByArgument, CaseIterable {
        case verify
        case carryOver = "carry-over"
    }

    @Argument(help: "What to do.")
    var work: Work
    @Argument(help: "A sidecar's folder.")
    var folder: String
    @Option(help: "A committed state to verify, instead of the session.")
    var commit: Int?

    /// What the daemon is told, as one line of JSON.
    struct Answer: Codable {
        var note: String?
        /// The raw value of a `SidecarError.Code`.
        var code: String?
        var errno: Int32?
        var message: String?
    }

    func run() throws {
        limit()
        let helper = InProcessSidecarHelper()
        var answer = Answer()
        do throws(SidecarError) {
            switch (work, commit) {
            case (.verify, nil): try helper.verify(folder: folder)
            case (.verify, let commit?): try helper.verify(folder: folder, commit: commit)
            case (.carryOver, _): answer.note = try helper.carryOver(folder: folder)
            }
        } catch {
            answer = Answer(code: error.code.rawValue, errno: error.errno, message: error.message)
        }
        let text = try JSONEncoder().encode(answer)
        FileHandle.standardOutput.write(text + Data("\n".utf8))
        // A library that was fed nonsense need not be able to clean up.
        Foundation._exit(0)
    }

    /// A damaged file can lead libhdf5 round in circles or have it ask for any amount of memory.
    private func limit() {
        // Checking reads no array's bytes, so a minute is plenty; carrying over copies all of them, at 20 MB/s at the very least.
        let bytes = work == .carryOver ? SidecarHelperCommand.size(of: folder) : 0
        let seconds = 60 + UInt(bytes / 20_000_000)
        set(RLIMIT_CPU, seconds)
        alarm(UInt32(clamping: 2 * seconds))
        // Address space, not memory: libraries and stacks reserve some hundred MB that they never touch.
        set(RLIMIT_AS, 4 << 30)
        set(RLIMIT_CORE, 0)
    }

    private func set(_ resource: __rlimit_resource, _ limit: UInt) {
        var limits = rlimit(rlim_cur: limit, rlim_max: limit)
        setrlimit(__rlimit_resource_t(resource.rawValue), &limits)
    }

    private static func size(of folder: String) -> Int {
        guard let names = FileManager.default.enumerator(atPath: folder) else { return 0 }
        return names.reduce(0) { sum, name in
            let attributes = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
            return sum + ((attributes?[.size] as? NSNumber)?.intValue ?? 0)
        }
    }
}
