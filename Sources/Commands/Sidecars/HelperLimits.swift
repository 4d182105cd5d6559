// What `evh5 sidecar-helper` may use: a damaged file can lead libhdf5 round in circles or have it ask for any amount of
// memory.

import Foundation

/// Limits of a helper process, by the bytes of the sidecar's folder.
package struct HelperLimits {
    /// Processor time. A check reads no array's bytes, but 30 us of metadata for every object, of which there may be
    /// one for every 400 bytes; carrying over copies everything, and decodes and encodes what is variable. Both do 10
    /// MB/s and more.
    package let processorSeconds: UInt
    /// From start to end, on a machine that is busy or reads from afar.
    package var seconds: UInt { processorSeconds * 4 }
    /// Address space beyond what the process has when it starts: a chunk, which may be all of the file, is in memory as
    /// a whole, once as stored and once decoded; and 1 GiB for everything else.
    package let memory: UInt

    package init(bytes: UInt) {
        processorSeconds = 60 + bytes / 10_000_000
        memory = (1 << 30) + 2 * bytes
    }

    /// Those for work on `folder`, which the process that is limited and the one that waits for it find alike.
    package init(folder: String) { self.init(bytes: HelperLimits.size(of: folder)) }

    /// Limits this process, and has the system end it first when memory runs out.
    func apply() {
        set(RLIMIT_CPU, processorSeconds)
        set(RLIMIT_AS, HelperLimits.addressSpace + memory)
        set(RLIMIT_CORE, 0)
        alarm(UInt32(clamping: seconds))
        try? Data("1000".utf8).write(to: URL(filePath: "/proc/self/oom_score_adj"))
    }

    private func set(_ resource: __rlimit_resource, _ limit: UInt) {
        var limits = rlimit(rlim_cur: limit, rlim_max: limit)
        setrlimit(__rlimit_resource_t(resource.rawValue), &limits)
    }

    /// What this process has now: libraries and stacks reserve much that they never touch. proc(5): pages, the first
    /// number.
    private static var addressSpace: UInt {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        return (text.split(separator: " ").first.flatMap { UInt($0) } ?? 1 << 18) * UInt(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static func size(of folder: String) -> UInt {
        guard let names = FileManager.default.enumerator(atPath: folder) else { return 0 }
        return names.reduce(0) { sum, name in
            let attributes = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
            return sum + ((attributes?[.size] as? NSNumber)?.uintValue ?? 0)
        }
    }
}
