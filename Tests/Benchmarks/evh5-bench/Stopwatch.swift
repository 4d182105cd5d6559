// Wall time and processor time of a piece of work.

import Glibc
import Recordings

/// Running from its making on.
struct Stopwatch {
    private let wall = Stopwatch.seconds(CLOCK_MONOTONIC)
    private let cpu = Stopwatch.seconds(CLOCK_PROCESS_CPUTIME_ID)

    /// Seconds since it was made: on the clock, and of the processor, all threads together.
    func time() -> (wall: Double, cpu: Double) {
        (Self.seconds(CLOCK_MONOTONIC) - wall, Self.seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu)
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var now = timespec()
        clock_gettime(clock, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }
}

/// What a run did. The checksum depends on all of it, so that the compiler cannot leave any out.
struct Work {
    var events: Int64
    /// Of the recording.
    var bytes: Int64
    var checksum: UInt64
}

/// The line that is printed; times in seconds. EVH5_KERNELS chooses the kernels.
struct Result: Encodable {
    let what, format: String
    let events, bytes: Int64
    let wall, cpu: Double
    let checksum: UInt64
    let kernels: String
}

/// What `evh5-bench kernels` prints.
struct Kernels: Encodable {
    var current = "\(KernelVariant.current)"
    /// The best one last.
    var available = KernelVariant.available.map { "\($0)" }
}
