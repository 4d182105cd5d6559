// How fast the store writes, beside plain pwrite to the same file system. Printed, never compared by a test.

import Foundation
import SidecarStore

public enum Speed {
    public static func measure(_ folder: String, _ bytes: Int64) throws {
        let piece = pattern(1 << 20, 1)
        func time(_ what: String, _ bytes: Int64, _ body: () throws -> Void) rethrows {
            let start = ContinuousClock.now
            try body()
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let rate = Double(bytes) / seconds / 1e9
            print(
                "\(what): \(seconds.formatted(.number.precision(.fractionLength(4)))) s, "
                    + "\(rate.formatted(.number.precision(.fractionLength(2)))) GB/s")
        }
        let plain = folder + "/plain"
        let descriptor = open(plain, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        time("pwrite", bytes) {
            piece.withUnsafeBytes {
                for offset in stride(from: 0, to: bytes, by: 1 << 20) {
                    pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset))
                }
            }
        }
        time("fsync", bytes) { fsync(descriptor) }
        close(descriptor)
        unlink(plain)

        let recording = folder + "/recording.raw"
        try Data(pattern(5000, 0)).write(to: URL(fileURLWithPath: recording))
        let base = try base(recording)
        let store = SidecarStore(directory: folder + "/store", readOnly: false, helper: FixtureHelper()) { print($0) }
        let writer = try store.openForWriting(base)
        let start = base.layout.size
        try time("SidecarWriter.write", bytes) {
            try piece.withUnsafeBytes {
                for offset in stride(from: 0, to: bytes, by: 1 << 20) { try writer.write($0, at: start + offset) }
            }
        }
        try writer.apply([.write(40, withUnsafeBytes(of: (start + bytes).littleEndian, Array.init))])
        try time("commit", bytes) { _ = try writer.commit(final: true) }
        writer.close()

        let second = try store.openForWriting(base)
        let before = held(folder)
        try time("second session of 1 KiB", 1024) {
            try second.apply([
                .write(start + bytes, pattern(1024, 3)),
                .write(40, withUnsafeBytes(of: (start + bytes + 1024).littleEndian, Array.init)),
            ])
            _ = try second.commit(final: true)
        }
        second.close()
        print("the second session added \(held(folder) - before) bytes on the disk")
        let snapshot = try store.snapshot(base)!
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        try time("read", bytes) {
            try buffer.withUnsafeMutableBytes {
                for offset in stride(from: 0, to: bytes, by: 1 << 20) {
                    try snapshot.read(into: $0, at: start + offset)
                }
            }
        }
        try FileManager.default.removeItem(atPath: folder + "/store")

        // Small writes all over: the worst for the map.
        let scattered = try SidecarStore(directory: folder + "/store", readOnly: false, helper: FixtureHelper()) {
            print($0)
        }.openForWriting(base)
        let small = pattern(512, 2)
        let count: Int64 = 500_000
        try time("500000 writes of 512 bytes, every other block", count * 512) {
            try small.withUnsafeBytes {
                for index in 0..<count { try scattered.write($0, at: start + index * 7919 % count * 1024) }
            }
        }
        try time("the same again, in place", count * 512) {
            try small.withUnsafeBytes {
                for index in 0..<count { try scattered.write($0, at: start + index * 7919 % count * 1024) }
            }
        }
        try scattered.apply([.write(40, withUnsafeBytes(of: scattered.size.littleEndian, Array.init))])
        try time("commit", count * 512) { _ = try scattered.commit(final: true) }
        scattered.close()
        try FileManager.default.removeItem(atPath: folder + "/store")
    }

    private static func held(_ folder: String) -> Int64 {
        let files = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return files.reduce(0) { sum, name in
            var status = stat()
            return stat(folder + "/" + name, &status) == 0 ? sum + Int64(status.st_blocks) * 512 : sum
        }
    }
}
