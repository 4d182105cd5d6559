// Checking every byte of a sidecar.

import Files
import Foundation

extension SidecarMaintenance {
    /// What checking a sidecar found.
    public struct Check: Codable, Sendable, Hashable {
        public var name: String
        /// Files that were read, and their bytes.
        public var files = 0
        public var bytes: Int64 = 0
        /// What is wrong; empty when all is well.
        public var problems: [String] = []
    }

    /// Reads every file of a sidecar and compares the checksums, and lets libhdf5 walk through the current state.
    ///
    /// Nothing is changed or locked: what a daemon tidies away meanwhile is left out.
    ///
    /// - Parameter progress: is told the bytes that were read, each time some more were.
    public func verify(_ entry: SidecarEntry, progress: (Int64) -> Void = { _ in }) -> Check {
        var check = Check(name: entry.name)
        let paths = SidecarPaths(folder: entry.folder)
        let states = committedStates(paths, &check)
        var records: [Int64: (record: DataFileRecord, commit: Int)] = [:]
        for state in states {
            for record in state.head.files {
                if let known = records[record.number], known.record != record {
                    check.problems.append(
                        "states \(known.commit) and \(state.number) disagree on data/\(record.number)")
                }
                records[record.number] = (record, state.number)
            }
        }
        for (record, commit) in records.values.sorted(by: { $0.record.number < $1.record.number }) {
            do throws(SidecarError) {
                try verify(record, paths)
                check.files += 1
                check.bytes += record.length
                progress(check.bytes)
            } catch {
                if !calls.isMissing(paths.commit(commit)) { check.problems.append(error.message) }
            }
        }
        if let current = states.last(where: { $0.number == entry.current }), check.problems.isEmpty {
            do throws(SidecarError) { try helper.verify(folder: entry.folder, commit: current.number) } catch {
                if !calls.isMissing(paths.commit(current.number)) {
                    check.problems.append("state \(current.number) is no valid file: \(error.message)")
                }
            }
        }
        return check
    }

    /// All states that are kept, each read whole.
    private func committedStates(_ paths: SidecarPaths, _ check: inout Check) -> [CommittedState] {
        var states: [CommittedState] = []
        func read(_ path: String) -> CommittedState? {
            do throws(SidecarError) { return try CommittedState.read(path, calls) } catch {
                check.problems.append(error.message)
                return nil
            }
        }
        let current = read(paths.current)
        if current == nil, check.problems.isEmpty {
            guard (try? paths.wasCommitted(calls)) != false else { return [] }
            check.problems.append("'\(paths.current)' is missing")
        }
        var numbers: [Int] = []
        do throws(SidecarError) { numbers = try calls.numbers(paths.commits) } catch {
            check.problems.append(error.message)
        }
        for number in numbers where number <= current?.number ?? number {
            guard let state = read(paths.commit(number)) else { continue }
            check.files += 1
            check.bytes += state.head.fileBytes
            states.append(state)
            if number == current?.number, state.head.identity != current?.head.identity {
                check.problems.append("'\(paths.current)' and '\(paths.commit(number))' are not the same")
            }
        }
        return states
    }

    private func verify(_ record: DataFileRecord, _ paths: SidecarPaths) throws(SidecarError) {
        let file = try StorageFile(paths.data(record.number), O_RDONLY | O_NONBLOCK, calls)
        guard try Checksum.of(file, count: record.length) == record.hash else {
            throw SidecarFormat.damaged(file.path, "its checksum is wrong")
        }
    }
}
