// What happens to files: each kind of damage, the same for the same number.

import Foundation
import RandomFixture

/// A kind of damage to the first of some files.
public enum Damage: String, CaseIterable, Sendable {
    /// Some bits are flipped.
    case flips
    /// Some numbers of 8 bytes are huge.
    case hugeNumbers
    /// The file is cut, and its superblock says so.
    case cuts
    /// Some pages are those of the second file, as when a writer was killed between writes; the superblock is its too.
    case torn
    /// Some pages never arrived.
    case missingPages
    /// No damage, but while its additions are carried over into the second file, a call that reads it fails.
    case failingRead
    /// Likewise, but one that writes to the second file.
    case failingWrite

    public func apply(to files: [PagedFile], _ trial: Int) throws -> PagedFile {
        var generator = SplitMix(seed: UInt64(trial))
        let file = files[0].copy()
        // The superblock's checks are tested elsewhere.
        let pages = file.pageOffsets
        func place() -> Int64 {
            // Mostly where there is something.
            for _ in 0..<100 {
                let offset = pages.randomElement(using: &generator)! + Int64.random(in: 0..<4096, using: &generator)
                if offset >= 96, offset < file.length, !file.computed.contains(offset),
                    file[offset] != 0 || Int.random(in: 0..<10, using: &generator) == 0
                {
                    return offset
                }
            }
            return file.length - 1
        }
        switch self {
        case .flips:
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let offset = place()
                file[offset] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            }
        case .hugeNumbers:
            let numbers: [UInt64] = [
                .max, .max - 1, 1 << 63, 1 << 62, 1 << 48, 1 << 40, 1 << 32, UInt64(UInt32.max), 1 << 31,
                UInt64(file.length), UInt64(file.length - 1), UInt64(file.computed.lowerBound),
            ]
            let offset = place() & ~7
            guard offset >= 96, !(offset..<(offset + 8)).overlaps(file.computed) else { break }
            for (index, byte) in withUnsafeBytes(
                of: numbers.randomElement(using: &generator)!.littleEndian, Array.init
            ).enumerated() {
                file[offset + Int64(index)] = byte
            }
        case .cuts:
            let length = Int64.random(in: file.computed.upperBound..<file.length, using: &generator)
            try file.setSize(length)
            setEnd(of: file)
        case .torn:
            try file.setSize(files[1].length)
            for page in Set(pages + files[1].pageOffsets) where Bool.random(using: &generator) || page == 0 {
                for offset in page..<max(page, min(page + 4096, file.length)) where !file.computed.contains(offset) {
                    if page > 0 || offset < 96 || trial.isMultiple(of: 2) { file[offset] = files[1][offset] }
                }
            }
            setEnd(of: file)
        case .missingPages:
            for page in pages where page > 0 && Int.random(in: 0..<20, using: &generator) == 0 {
                for offset in page..<max(page, min(page + 4096, file.length)) where !file.computed.contains(offset) {
                    file[offset] = 0
                }
            }
        case .failingRead: file.callsUntilFailure = trial * 7
        case .failingWrite: files[1].callsUntilFailure = trial * 7
        }
        return file
    }

    /// Makes the superblock say that the file ends where it does.
    private func setEnd(of file: PagedFile) {
        for (index, byte) in withUnsafeBytes(of: file.length.littleEndian, Array.init).enumerated() {
            file[40 + Int64(index)] = byte
        }
    }
}
