// What a decoder knows between two words: small, so that the time index can keep one for every segment.

/// The state of a decoder at a word of its stream; decoding can stop and go on from it anywhere.
public struct DecoderState: Hashable, Sendable {
    /// The time of the last time high word with all wraps, before the time shift, us. For DAT the last event's time.
    public var timeHigh: Int64 = 0
    /// What is subtracted from every time, us; known once the first time high word is seen.
    public var timeShift: Int64 = 0
    /// EVT3: the low part of the time, us, 0...4095.
    public var timeLow: UInt16 = 0
    /// EVT3: the row of the next events; `noRow` before the first address word.
    public var y: UInt16 = Self.noRow
    /// EVT3: the column that the next vector word starts at; `noBase` before the first vector base word.
    public var baseX: UInt16 = Self.noBase
    /// EVT3: the polarity of the next vector words.
    public var vectorPolarity: UInt8 = 0
    /// Whether a time high word was seen. DAT needs none.
    public var started: Bool = false

    public init() {}

    public static let noRow: UInt16 = .max
    public static let noBase: UInt16 = .max
    /// Vectors at or beyond this column are outside of every geometry; the column stops growing here.
    public static let baseLimit: UInt16 = 0x7FFF

    /// From this time on, us (18,000 years), a counter that goes around adds nothing any more: no time of any stream
    /// comes near the end of what 64 bits hold, and sums of a few times cannot overflow. `EVH5_TURN_LIMIT` in C.
    public static let turnLimit: Int64 = 1 << 59

    /// Whether a decoder can go on from here; asked of states that were read from a file.
    var isValid: Bool {
        timeLow < 4096 && (y < 4096 || y == Self.noRow) && (baseX <= Self.baseLimit || baseX == Self.noBase)
            && vectorPolarity < 2
            && timeHigh >= 0 && timeHigh < 1 << 60 && timeShift >= 0 && timeShift < 1 << 34
    }
}

/// Whether a counter of `bits` bits that was `old` and is now `new` went once around.
///
/// Only from the last quarter of its range to the first: an earlier time is time running backwards (two recordings in
/// one file, a damaged word), not a wrap.
@inlinable @inline(__always)
func hasWrapped(from old: Int64, to new: Int64, bits: Int64) -> Bool {
    old &>> (bits &- 2) == 3 && new &>> (bits &- 2) == 0
}
