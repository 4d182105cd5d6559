// EVT3 in lanes: a block of words is told apart by their types, and what stays until it is set again (row, low time) is
// spread over the words after it. Included once for each target.

HWY_BEFORE_NAMESPACE();
namespace evh5 {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Eight words, and their bytes.
const hn::FixedTag<uint16_t, 8> kWords8;
const hn::FixedTag<int16_t, 8> kSigned8;
const hn::FixedTag<uint8_t, 16> kBytes16;
const hn::FixedTag<int8_t, 16> kSignedBytes16;
const hn::FixedTag<uint32_t, 4> kCells4;
using Words8 = hn::Vec<decltype(kWords8)>;

/// What is told apart at once: as many words as a mask has bits.
constexpr size_t kEvt3Block = 32;

/// The words of a block by their types: bit k is word k.
struct Evt3Kinds {
    uint32_t rows = 0, singles = 0, parts = 0, lows = 0;
};

/// Words are told apart in registers of up to 32 bytes.
const hn::CappedTag<uint16_t, 16> kWords16;
const hn::Repartition<uint8_t, decltype(kWords16)> kBytes32;
const hn::Repartition<int8_t, decltype(kWords16)> kSignedBytes32;
using Words16 = hn::Vec<decltype(kWords16)>;

/// What the words are compared with.
struct Evt3Limits {
    Words16 width, height, high_word;

    HWY_INLINE Evt3Limits(const Place &place, uint32_t high)
        : width(hn::Set(kWords16, static_cast<uint16_t>(place.width - 1))),
          height(hn::Set(kWords16, static_cast<uint16_t>(place.height - 1))),
          high_word(hn::Set(kWords16, static_cast<uint16_t>(high))) {}
};

/// Bits of a byte for each type, the upper ones first: row, single, part of a vector, low time, other.
alignas(16) constexpr uint8_t kEvt3Types[16] = {0x80, 8, 0x40, 0x20, 0x20, 0x20, 0x10, 8, 0, 8, 8, 8, 8, 8, 8, 8};

HWY_INLINE uint32_t upper_bits(hn::Vec<decltype(kBytes32)> bytes) {
    uint8_t bits[8] = {};
    hn::StoreMaskBits(kSignedBytes32, hn::Lt(hn::BitCast(kSignedBytes32, bytes), hn::Zero(kSignedBytes32)), bits);
    uint32_t mask;
    memcpy(&mask, bits, sizeof mask);
    return mask;
}

/// Tells the words of a block apart; false when one of them needs a closer look: an event or a row outside, a time high
/// that changes the time, and with `kStrict` a word that is no event, address or time.
template <bool kLows, bool kStrict>
HWY_INLINE bool evt3_kinds(const uint8_t *words, const Evt3Limits &limits, Evt3Kinds &kinds) {
    const auto d = kWords16;
    const size_t lanes = hn::Lanes(d);
    const auto eleven = hn::Set(d, 0x7FF), two = hn::Set(d, 2), eight = hn::Set(d, 8), zero = hn::Zero(d);
    // Unsigned comparisons by what saturated subtraction leaves.
    const auto odd = [&](auto w, auto type) HWY_ATTR {
        const auto x = hn::SaturatedSub(hn::And(w, eleven), limits.width);
        const auto y = hn::SaturatedSub(w, limits.height);
        const auto outside = hn::Or(
            hn::And(hn::VecFromMask(d, hn::Eq(type, two)), x), hn::And(hn::VecFromMask(d, hn::Eq(type, zero)), y));
        const auto change = hn::AndNot(
            hn::VecFromMask(d, hn::Eq(w, limits.high_word)), hn::VecFromMask(d, hn::Eq(type, eight)));
        return hn::Or(outside, change);
    };
    auto any = zero;
#pragma clang loop unroll(full)
    for (size_t k = 0; k < kEvt3Block; k += 2 * lanes) {
        const auto a = hn::LoadU(d, reinterpret_cast<const uint16_t *>(words + 2 * k));
        const auto b = hn::LoadU(d, reinterpret_cast<const uint16_t *>(words + 2 * (k + lanes)));
        const auto type_a = hn::ShiftRight<12>(a), type_b = hn::ShiftRight<12>(b);
        any = hn::Or(any, hn::Or(odd(a, type_a), odd(b, type_b)));
        auto bytes = hn::TableLookupBytes(
            hn::LoadDup128(kBytes32, kEvt3Types),
            hn::ConcatEven(kBytes32, hn::BitCast(kBytes32, type_b), hn::BitCast(kBytes32, type_a)));
        kinds.rows |= upper_bits(bytes) << k;
        bytes = hn::Add(bytes, bytes);
        kinds.singles |= upper_bits(bytes) << k;
        bytes = hn::Add(bytes, bytes);
        kinds.parts |= upper_bits(bytes) << k;
        bytes = hn::Add(bytes, bytes);
        if (kLows) kinds.lows |= upper_bits(bytes) << k;
        bytes = hn::Add(bytes, bytes);
        // Only the bit of other words is left.
        if (kStrict) any = hn::Or(any, hn::BitCast(d, hn::And(bytes, hn::Set(kBytes32, 0x80))));
    }
    return hn::AllTrue(d, hn::Eq(any, zero));
}

/// For every lane `values` of the last lane at or before it that is in `mask`, else `before`.
HWY_INLINE Words8 spread(uint32_t mask, Words8 values, Words8 before) {
    const auto from = hn::Load(kBytes16, kLanes.spread[mask]);
    const auto found = hn::BitCast(kSignedBytes16, hn::TableLookupBytesOr0(hn::BitCast(kBytes16, values), from));
    const auto none = hn::Lt(hn::BitCast(kSignedBytes16, from), hn::Zero(kSignedBytes16));
    return hn::BitCast(kWords8, hn::IfThenElse(none, hn::BitCast(kSignedBytes16, before), found));
}

/// The last lane in all lanes.
HWY_INLINE Words8 last_lane(Words8 v) { return hn::Broadcast<7>(v); }

/// The lanes of a mask, moved to the front, by `table`, its row of kLanes.compress.
HWY_INLINE Words8 compress(Words8 v, hn::Vec<decltype(kBytes16)> table) {
    return hn::BitCast(kWords8, hn::TableLookupBytesOr0(hn::BitCast(kBytes16, v), table));
}

/// Eight words of a block, with their row and low time.
struct Evt3Eight {
    Words8 words, rows, lows;
    /// Of the eight, those that are single events, and those that are parts of vectors.
    uint32_t singles, parts;
};

/// Takes up to `length` words apart, a multiple of kEvt3Block, up to the block in which one needs a closer look.
/// Returns how many. `take` gets them by eight, with low times when `kLows`, and `after` is called at each block's end.
/// The row of the state must be inside; it is left at the last word, and so is the low time with `kLows`.
template <bool kLows, class Take, class After>
HWY_INLINE size_t evt3_blocks(
    const uint8_t *words, size_t length, const Place &place, Evt3State &state, Take take, After after) {
    const Evt3Limits limits(place, state.high_word());
    const auto d = kWords8;
    auto row = hn::Set(d, static_cast<uint16_t>(state.y)), low = hn::Set(d, static_cast<uint16_t>(state.low));
    size_t i = 0;
    for (; i < length; i += kEvt3Block) {
        Evt3Kinds kinds;
        const uint8_t *const block = words + 2 * i;
        if (HWY_UNLIKELY((!evt3_kinds<kLows, false>(block, limits, kinds)))) break;
#pragma clang loop unroll(full)
        for (size_t k = 0; k < kEvt3Block; k += 8) {
            const auto w = hn::LoadU(d, reinterpret_cast<const uint16_t *>(block + 2 * k));
            const auto y = spread(kinds.rows >> k & 255, w, row);
            const auto t = kLows ? spread(kinds.lows >> k & 255, hn::And(w, hn::Set(d, 0xFFF)), low) : low;
            row = last_lane(y);
            if (kLows) low = last_lane(t);
            take(Evt3Eight{w, y, t, kinds.singles >> k & 255, kinds.parts >> k & 255});
        }
        after();
    }
    state.y = hn::GetLane(row);
    if (kLows) state.low = hn::GetLane(low);
    return i;
}

/// Makes cells of rows and of x with the polarity in bit 11.
struct CellMaker {
    Words8 columns, on_rows;
    hn::Vec<decltype(kCells4)> on;
    int shift;
    /// Whether `on` is so many rows that an on event can be told by its row, in 15 bits.
    bool is_on_in_row;

    HWY_INLINE explicit CellMaker(const Place &place)
        : columns(hn::Set(kWords8, static_cast<uint16_t>(place.columns))),
          on_rows(hn::Set(kWords8, static_cast<uint16_t>(place.columns ? place.on / place.columns : 0))),
          on(hn::Set(kCells4, place.on)),
          shift(static_cast<int>(place.shift)),
          is_on_in_row(
              place.columns > 0 && place.columns < 0x8000 && place.on % place.columns == 0 &&
              place.on / place.columns + place.height < 0x8000) {}

    /// Four cells of products of rows and columns.
    HWY_INLINE hn::Vec<decltype(kCells4)> four(hn::Vec<decltype(kCells4)> row, hn::Vec<decltype(kCells4)> x) const {
        const auto column = hn::ShiftRightSame(hn::And(x, hn::Set(kCells4, 0x7FF)), shift);
        const auto is_on = hn::Sub(hn::Zero(kCells4), hn::ShiftRight<11>(x));
        return hn::Add(hn::Add(row, column), hn::And(is_on, on));
    }

    /// Stores eight cells.
    HWY_INLINE void store(Words8 y, Words8 x, uint32_t *cells) const {
        y = hn::ShiftRightSame(y, shift);
        if (HWY_LIKELY(is_on_in_row)) {
            const auto is_on = hn::Ne(hn::And(x, hn::Set(kWords8, 0x800)), hn::Zero(kWords8));
            y = hn::Add(y, hn::And(hn::VecFromMask(kWords8, is_on), on_rows));
            x = hn::ShiftRightSame(hn::And(x, hn::Set(kWords8, 0x7FF)), shift);
            store_sums(y, x, cells);
            return;
        }
        const auto lower = hn::Mul(y, columns), upper = hn::MulHigh(y, columns), zero = hn::Zero(kWords8);
        hn::StoreU(
            four(hn::BitCast(kCells4, hn::InterleaveLower(kWords8, lower, upper)),
                 hn::BitCast(kCells4, hn::InterleaveLower(kWords8, x, zero))),
            kCells4, cells);
        hn::StoreU(
            four(hn::BitCast(kCells4, hn::InterleaveUpper(kWords8, lower, upper)),
                 hn::BitCast(kCells4, hn::InterleaveUpper(kWords8, x, zero))),
            kCells4, cells + 4);
    }

    /// Stores y * columns + x, all below 2^15.
    HWY_INLINE void store_sums(Words8 y, Words8 x, uint32_t *cells) const {
#if HWY_ARCH_X86
        // One instruction multiplies pairs and adds them.
        const hn::FixedTag<int32_t, 4> d;
        const auto factors = hn::BitCast(kSigned8, hn::InterleaveLower(kWords8, columns, hn::Set(kWords8, 1)));
        const auto sums = [&](Words8 pairs) HWY_ATTR {
            auto none = hn::Zero(d);
            return hn::ReorderWidenMulAccumulate(d, hn::BitCast(kSigned8, pairs), factors, hn::Zero(d), none);
        };
        hn::StoreU(hn::BitCast(kCells4, sums(hn::InterleaveLower(kWords8, y, x))), kCells4, cells);
        hn::StoreU(hn::BitCast(kCells4, sums(hn::InterleaveUpper(kWords8, y, x))), kCells4, cells + 4);
#else
        const auto lower = hn::Mul(y, columns), upper = hn::MulHigh(y, columns), zero = hn::Zero(kWords8);
        hn::StoreU(
            hn::Add(
                hn::BitCast(kCells4, hn::InterleaveLower(kWords8, lower, upper)),
                hn::BitCast(kCells4, hn::InterleaveLower(kWords8, x, zero))),
            kCells4, cells);
        hn::StoreU(
            hn::Add(
                hn::BitCast(kCells4, hn::InterleaveUpper(kWords8, lower, upper)),
                hn::BitCast(kCells4, hn::InterleaveUpper(kWords8, x, zero))),
            kCells4, cells + 4);
#endif
    }
};

/// Three words of vectors of 12, 12 and 8 columns that make one of 32 where they stand in a row.
HWY_INLINE bool is_triple(uint64_t words) { return (words & 0xF000F000F000) == 0x500040004000; }

HWY_INLINE uint32_t triple_bits(uint64_t words) {
    return static_cast<uint32_t>((words & 0xFFF) | (words >> 4 & 0xFFF000) | (words >> 8 & 0xFF000000));
}

HWY_INLINE uint64_t load64(const uint16_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/// Walks words of types 3 to 5 and their rows in order, up to where less than four are left, or with `all` to the end;
/// returns how many were taken. `sink.vector(row, column, bits)` gets vectors, up to 32 columns at a time: those
/// whose words `are_one(k, n)` says belong together.
template <class Sink, class AreOne>
HWY_INLINE size_t evt3_vectors(
    const uint16_t *words, const uint16_t *rows, size_t count, bool all, const Place &place, uint32_t &base,
    uint32_t &polarity, Sink &sink, AreOne are_one) {
    const uint64_t every = 0x0001000100010001;
    const uint32_t room = place.width >= 32 ? place.width - 32 : 0;
    size_t k = 0;
    for (; k + 4 <= count;) {
        const uint64_t w = load64(words + k), y = load64(rows + k);
        const uint32_t row = static_cast<uint32_t>(y & 0xFFFF);
        sink.ahead(words + k, rows + k);
        if (HWY_LIKELY((w & 0xF000) == 0x3000 && is_triple(w >> 16) && y == row * every && (w & 0x7FF) <= room &&
                       row < place.height && place.width >= 32 && are_one(k, 4))) {
            base = static_cast<uint32_t>(w & 0x7FF);
            polarity = static_cast<uint32_t>(w >> 11 & 1);
            sink.vector(place.row(row, polarity), base, triple_bits(w >> 16));
            base += 32;
            k += 4;
        } else if (is_triple(w) && (y & 0xFFFFFFFFFFFF) == row * (every & 0xFFFFFFFFFFFF) && base <= room &&
                   row < place.height && place.width >= 32 && are_one(k, 3)) {
            sink.vector(place.row(row, polarity), base, triple_bits(w));
            base += 32;
            k += 3;
        } else {
            sink.at(k);
            evt3_part(words[k], row, place, base, polarity, sink);
            k++;
        }
    }
    if (all) {
        for (; k < count; k++) {
            sink.at(k);
            evt3_part(words[k], rows[k], place, base, polarity, sink);
        }
    }
    return k;
}

}  // namespace HWY_NAMESPACE
}  // namespace evh5
HWY_AFTER_NAMESPACE();
