// Frames made small for the disk, exactly and without knowing what they show.
//
// Measured on dense 1280x720 frames (ratio, ms to unpack 7.4 MB, one thread): LZ4 of the frame 9, 2.2; bitshuffle and
// LZ4 4, 5.5; bitshuffle and zstd 26, 9.6; indexes of 4 bits and LZ4 22, 1.0; the same and zstd 37, 1.5. See
// docs/CACHE.md. Frames kept as counts come as bytes, which need no table.

import CLZ4

/// How an entry's payload holds its frame.
package enum Packing: UInt32, Sendable {
    /// The frame's bytes.
    case raw = 0
    /// One LZ4 block of the frame's bytes.
    case lz4 = 1
    /// A table of at most 16 values of 32 bits, and one LZ4 block of an index of 4 bits for each value, low half first.
    case nibbles = 2
    /// A table of at most 256 values, and one LZ4 block of an index of 8 bits for each value.
    case bytes = 3
    /// One LZ4 block of the frame's bytes, all below 16, two to a byte, the first in the low half.
    case halves = 4

    /// What does not become smaller than two thirds is kept raw: copying is then faster than unpacking, and trying LZ4
    /// on all of a noisy time surface takes 16 ms.
    static func isWorth(_ packed: Int, for bytes: Int) -> Bool { packed <= bytes / 3 * 2 }

    /// Larger frames are not kept: an LZ4 block takes no more.
    static let largestFrame = 1 << 30
}

/// Packs frames; owned by one thread.
package final class FramePacker {
    private static let slotBits: UInt32 = 12
    private static let empty = UInt64.max
    /// LZ4's acceleration for values as they are: 30 % less time for 10 % more bytes, so that fewer frames have to be
    /// dropped.
    private static let haste: Int32 = 8
    /// A hash table from values to indexes: keys are values, or `empty`.
    private let keys = UnsafeMutablePointer<UInt64>.allocate(capacity: 1 << slotBits)
    private let indexes = UnsafeMutablePointer<UInt8>.allocate(capacity: 1 << slotBits)
    private let table = UnsafeMutablePointer<UInt32>.allocate(capacity: 256)
    private var tableCount = 0
    private var plane = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    package init() {}

    deinit {
        keys.deallocate()
        indexes.deallocate()
        table.deallocate()
        plane.deallocate()
    }

    /// Writes the payload of `frame` into `output`, which must have its size at least; returns the bytes written.
    package func pack(_ frame: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> (
        Packing, count: Int
    ) {
        if frame.count >= 64, frame.count % 8 == 0 {
            if let packed = halves(frame, output) { return (.halves, packed) }
            for packing in [Packing.nibbles, .bytes] {
                guard let packed = indexed(frame, packing, output) else { continue }
                return (packing, packed)
            }
        }
        if looksCompressible(frame, output) {
            let packed = compress(frame, output, acceleration: FramePacker.haste)
            if packed > 0, Packing.isWorth(packed, for: frame.count) { return (.lz4, packed) }
        }
        output.copyMemory(from: frame)
        return (.raw, frame.count)
    }

    private func reserve(_ size: Int) {
        guard plane.count < size else { return }
        plane.deallocate()
        plane = .allocate(byteCount: size, alignment: 16)
    }

    /// The payload of bytes below 16; nil when others occur, or nothing is won.
    private func halves(_ frame: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) -> Int? {
        let size = frame.count / 2
        reserve(size)
        guard let base = frame.baseAddress, let target = plane.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            return nil
        }
        // Most other frames are told by their first few values.
        let piece = 4096
        for start in stride(from: 0, to: size, by: piece) {
            var all: UInt16 = 0
            for index in start..<min(start + piece, size) {
                let pair = (base + 2 &* index).loadUnaligned(as: UInt16.self)
                all |= pair
                target[index] = UInt8(truncatingIfNeeded: pair | pair &>> 4)
            }
            if all & 0xF0F0 != 0 { return nil }
        }
        let packed = compress(UnsafeRawBufferPointer(rebasing: plane[..<size]), output)
        return packed > 0 && Packing.isWorth(packed, for: frame.count) ? packed : nil
    }

    /// The payload with a table of values; nil when there are too many, or nothing is won.
    private func indexed(
        _ frame: UnsafeRawBufferPointer, _ packing: Packing, _ output: UnsafeMutableRawBufferPointer
    ) -> Int? {
        let words = frame.count / 4
        let size = packing == .nibbles ? words / 2 : words
        reserve(size)
        keys.update(repeating: FramePacker.empty, count: 1 << FramePacker.slotBits)
        tableCount = 0
        guard let base = frame.baseAddress, let target = plane.baseAddress?.assumingMemoryBound(to: UInt8.self),
            packing == .nibbles ? fillNibbles(base, words, target) : fillBytes(base, words, target)
        else { return nil }
        let head = 4 + 4 * tableCount
        // The table alone may be as long as a small frame of many values.
        guard Packing.isWorth(head, for: frame.count) else { return nil }
        output.storeBytes(of: UInt32(tableCount).littleEndian, as: UInt32.self)
        for index in 0..<tableCount {
            output.storeBytes(of: table[index], toByteOffset: 4 + 4 * index, as: UInt32.self)
        }
        let packed = compress(
            UnsafeRawBufferPointer(rebasing: plane[..<size]), UnsafeMutableRawBufferPointer(rebasing: output[head...]))
        guard packed > 0, Packing.isWorth(head + packed, for: frame.count) else { return nil }
        return head + packed
    }

    private func fillNibbles(_ base: UnsafeRawPointer, _ words: Int, _ target: UnsafeMutablePointer<UInt8>) -> Bool {
        var at = base
        for pair in 0..<words / 2 {
            guard let low = index(at.loadUnaligned(as: UInt32.self), limit: 16),
                let high = index(at.loadUnaligned(fromByteOffset: 4, as: UInt32.self), limit: 16)
            else { return false }
            target[pair] = low | high << 4
            at += 8
        }
        return true
    }

    private func fillBytes(_ base: UnsafeRawPointer, _ words: Int, _ target: UnsafeMutablePointer<UInt8>) -> Bool {
        var at = base
        for word in 0..<words {
            guard let index = index(at.loadUnaligned(as: UInt32.self), limit: 256) else { return false }
            target[word] = index
            at += 4
        }
        return true
    }

    @inline(__always)
    private func index(_ value: UInt32, limit: Int) -> UInt8? {
        let slot = Int(truncatingIfNeeded: (value &* 2_654_435_761) &>> (32 - FramePacker.slotBits))
        return keys[slot] == UInt64(value) ? indexes[slot] : insert(value, slot, limit)
    }

    /// The index of a value that is not in its first slot, new if there is room for it.
    @inline(never)
    private func insert(_ value: UInt32, _ first: Int, _ limit: Int) -> UInt8? {
        var slot = first
        while keys[slot] != FramePacker.empty {
            if keys[slot] == UInt64(value) { return indexes[slot] }
            slot = (slot + 1) & ((1 << Int(FramePacker.slotBits)) - 1)
        }
        guard tableCount < limit else { return nil }
        keys[slot] = UInt64(value)
        indexes[slot] = UInt8(tableCount)
        table[tableCount] = value
        tableCount += 1
        return indexes[slot]
    }

    /// Whether four samples of a large frame say that LZ4 is worth its time.
    private func looksCompressible(_ frame: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) -> Bool {
        let sample = 64 << 10
        guard frame.count >= 16 * sample else { return true }
        var packed = 0
        for part in 0..<4 {
            let start = frame.count / 4 * part + frame.count / 8
            let count = compress(UnsafeRawBufferPointer(rebasing: frame[start..<start + sample]), output)
            packed += count == 0 ? sample : count
        }
        return Packing.isWorth(packed, for: 4 * sample)
    }

    /// One LZ4 block; returns its size, 0 when it does not fit.
    private func compress(
        _ bytes: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, acceleration: Int32 = 1
    ) -> Int {
        guard bytes.count <= Packing.largestFrame else { return 0 }
        let room = Int32(min(output.count, Int(Int32.max)))
        return Int(
            LZ4_compress_fast(bytes.baseAddress, output.baseAddress, Int32(bytes.count), room, acceleration))
    }
}
