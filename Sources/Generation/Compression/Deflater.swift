// Deflate by whichever of two libraries is faster at a size like zlib's.

import CISAL
import CLibdeflate

/// Which library packs the chunks of a dataset.
package enum DeflateMethod: Sendable {
    /// libdeflate: as small as zlib makes it, for any frames.
    case thorough
    /// ISA-L: two to four times faster, and good for frames of many different values, such as event cubes and time
    /// surfaces. Counts become a third larger.
    case quick
}

/// Makes zlib streams (RFC 1950). For one thread.
final class Deflater {
    private let compressor: OpaquePointer?
    private let work: UnsafeMutableRawPointer
    /// Whether the level leaves a choice; higher ones are for those who want files small.
    private let mayBeQuick: Bool

    /// - Parameter level: zlib's, 1 to 9.
    init(level: Int) {
        mayBeQuick = level <= 4
        // At 2, tensors come out within 7 % of zlib's size at level 4 (and cubes and time surfaces within 1 %), three
        // times faster; 3 and 4 take a quarter longer for 3 % less. From 5 on the two libraries' levels mean about the
        // same.
        compressor = libdeflate_alloc_compressor(level == 1 ? 1 : level <= 4 ? 2 : Int32(level))
        work = UnsafeMutableRawPointer.allocate(byteCount: CISAL_workSize(), alignment: 64)
    }

    deinit {
        libdeflate_free_compressor(compressor)
        work.deallocate()
    }

    /// Packs `frame`; 0 when it takes more than `limit` bytes.
    func compress(
        _ frame: UnsafeRawBufferPointer, into target: UnsafeMutableRawPointer, _ limit: Int, _ method: DeflateMethod
    ) -> Int {
        guard let source = frame.baseAddress else { return 0 }
        switch method {
        case .quick where mayBeQuick: return CISAL_compress(source, frame.count, target, limit, work)
        default: return libdeflate_zlib_compress(compressor, source, frame.count, target, limit)
        }
    }

    /// The method for frames like this one: the quick one when that costs no more than a part in `quickCost` of size.
    func method(for frame: UnsafeRawBufferPointer, _ quickCost: Int) -> DeflateMethod {
        guard mayBeQuick else { return .thorough }
        let room = UnsafeMutableRawPointer.allocate(byteCount: frame.count, alignment: 64)
        defer { room.deallocate() }
        let quick = compress(frame, into: room, frame.count, .quick)
        let thorough = compress(frame, into: room, frame.count, .thorough)
        return quick > 0 && thorough > 0 && quick - thorough <= thorough / quickCost ? .quick : .thorough
    }
}
