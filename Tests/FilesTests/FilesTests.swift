// Whole files written at once, folders and checksums.

import Files
import Foundation
import Testing

@Suite struct FilesTests {
    private let folder = NSTemporaryDirectory() + "evh5-files-\(UUID().uuidString)"

    @Test func checksumIsThatOfZlib() {
        // The check value of CRC-32/ISO-HDLC.
        #expect(crc32(Array("123456789".utf8)) == 0xCBF4_3926)
        #expect(crc32([]) == 0)
        let halves = Array("1234".utf8).withUnsafeBytes { crc32($0) }
        #expect(Array("56789".utf8).withUnsafeBytes { crc32($0, continuing: halves) } == 0xCBF4_3926)
    }

    @Test func atomicFilesReplaceAndLeaveNothingBehind() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try makeDirectories(folder + "/a/b")
        try makeDirectories(folder + "/a/b")
        let path = folder + "/a/b/c"
        try AtomicFile.write([1, 2, 3], to: path)
        try AtomicFile.write([4], to: path)
        #expect(try File(path: path).bytes(in: 0..<10) == [4])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/a/b") == ["c"])
        // A folder is in the way.
        #expect(throws: FileError.self) { try AtomicFile.write([5], to: folder + "/a") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["a"])
        #expect(throws: FileError.self) { try makeDirectories(path) }
        #expect(throws: FileError.self) { try makeDirectories(path + "/d") }
    }

    @Test func filesAreWrittenFrontToBack() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try makeDirectories(folder)
        let writer = try FileWriter(path: folder + "/w")
        for i in 0..<400_000 { try writer.append(word: UInt32(i)) }
        try writer.append([7])
        try writer.finish()
        let bytes = try File(path: folder + "/w").bytes(in: 0..<2_000_000)
        #expect(bytes.count == 1_600_001)
        #expect(bytes[4...11].elementsEqual([1, 0, 0, 0, 2, 0, 0, 0]) && bytes.last == 7)
    }

    @Test func timesOfAnyYearAreTold() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try makeDirectories(folder)
        // tmpfs keeps all 64 bits of the seconds; where there is none, what the disk keeps of them.
        let inMemory = "/dev/shm/evh5-times-\(UUID().uuidString)"
        defer { unlink(inMemory) }
        for path in [folder + "/a", inMemory] {
            guard FileManager.default.createFile(atPath: path, contents: nil) else { continue }
            for seconds in [
                time_t.min, -62_135_596_800, -10_098_086_400, 0, 10_413_792_000, 253_402_300_799, time_t.max,
            ] {
                let times = [timespec(tv_sec: seconds, tv_nsec: 999_999_999), timespec(tv_sec: seconds, tv_nsec: 7)]
                utimensat(AT_FDCWD, path, times, 0)
                let status = try FileStatus(path: path)
                #expect(try FileStatus(path: path) == status)
            }
        }
        #expect(timespec(tv_sec: 1, tv_nsec: 5).nanoseconds == 1_000_000_005)
        #expect(timespec(tv_sec: -1, tv_nsec: 5).nanoseconds == -999_999_995)
        #expect(timespec(tv_sec: 9_223_372_036, tv_nsec: 854_775_807).nanoseconds == .max)
        #expect(timespec(tv_sec: 9_223_372_036, tv_nsec: 854_775_808).nanoseconds == .max)
        #expect(timespec(tv_sec: 10_413_792_000, tv_nsec: 0).nanoseconds == .max)
        #expect(timespec(tv_sec: -10_098_086_400, tv_nsec: 0).nanoseconds == .min)
        #expect(timespec(tv_sec: .min, tv_nsec: 999_999_999).nanoseconds == .min)
    }
}
