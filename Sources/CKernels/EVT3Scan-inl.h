// The index scan of EVT3: events are counted, and the decoder's state is followed, without decoding anything. Included
// once for each target.

HWY_BEFORE_NAMESPACE();
namespace evh5 {
namespace HWY_NAMESPACE {

/// Counts the events of words of types 3 to 5; false when one of them is not wholly inside the row.
HWY_INLINE bool count_parts(
    const uint16_t *words, size_t count, uint32_t width, uint32_t &base, uint32_t &polarity, int64_t &events) {
    // The last column where 32 more fit; negative where none do.
    const int32_t room = static_cast<int32_t>(width) - 32;
    size_t k = 0;
    while (k < count) {
        if (k + 4 <= count) {
            const uint64_t w = load64(words + k);
            const int32_t column = static_cast<int32_t>(w & 0x7FF);
            if (HWY_LIKELY((w & 0xF000F000F000F000) == 0x5000400040003000 && column <= room)) {
                events += __builtin_popcountll(w & 0x00FF0FFF0FFF0000);
                base = static_cast<uint32_t>(column) + 32;
                polarity = static_cast<uint32_t>(w >> 11 & 1);
                k += 4;
                continue;
            }
            if (is_triple(w) && static_cast<int32_t>(base) <= room) {
                events += __builtin_popcountll(w & 0x000000FF0FFF0FFF);
                base += 32;
                k += 3;
                continue;
            }
        }
        const uint32_t word = words[k];
        k++;
        if (word >> 12 == 3) {
            base = word & 0x7FF;
            polarity = word >> 11 & 1;
            continue;
        }
        const uint32_t columns = columns_of(word);
        base += columns;
        if (base > width) return false;
        events += __builtin_popcount(word & ((1u << columns) - 1));
    }
    return true;
}

size_t evt3_scan(
    const uint8_t *words, size_t size, uint32_t width, uint32_t height, int64_t time_shift, evh5_decoder *decoder,
    evh5_scan *scan) {
    // Words of a group, whose order in time is checked at its end.
    constexpr size_t kGroup = 512;
    uint16_t parts[kGroup + 16], lows[kGroup + 16];
    const evh5_placement whole = {width, height, 0, 1, 0};
    const Place place(whole);
    Evt3State state(*decoder);
    if (state.y >= height) return 0;
    const size_t length = size / 2;
    const auto d = kWords8;
    const Evt3Limits limits(place, state.high_word());
    const int64_t time = state.high - time_shift;
    const uint32_t low_before = state.low;
    int64_t events = 0;
    size_t i = 0;
    bool is_clean = true;
    while (is_clean && length - i >= kEvt3Block) {
        const size_t group = i, end = length - i < kGroup ? i + ((length - i) & ~(kEvt3Block - 1)) : i + kGroup;
        size_t part_count = 0, low_count = 0, row_at = SIZE_MAX;
        int64_t singles = 0;
        for (; i < end; i += kEvt3Block) {
            Evt3Kinds kinds;
            const uint8_t *const block = words + 2 * i;
            if (HWY_UNLIKELY((!evt3_kinds<true, true>(block, limits, kinds)))) {
                is_clean = false;
                break;
            }
            const auto store = [&](uint32_t mask, auto v, uint16_t *to, size_t &n) HWY_ATTR {
                hn::StoreU(compress(v, hn::Load(kBytes16, kLanes.compress[mask])), d, to + n);
                n += static_cast<size_t>(__builtin_popcount(mask));
            };
#pragma clang loop unroll(full)
            for (size_t k = 0; k < kEvt3Block; k += 8) {
                const auto w = hn::LoadU(d, reinterpret_cast<const uint16_t *>(block + 2 * k));
                store(kinds.parts >> k & 255, w, parts, part_count);
                store(kinds.lows >> k & 255, w, lows, low_count);
            }
            singles += __builtin_popcount(kinds.singles);
            if (kinds.rows) row_at = i + 31 - static_cast<size_t>(__builtin_clz(kinds.rows));
        }
        uint32_t base = state.base, polarity = state.polarity;
        // Low times still have their type here, which all have.
        if (!are_rising(lows, low_count, 0x6000 | state.low) ||
            !count_parts(parts, part_count, width, base, polarity, singles)) {
            i = group;
            break;
        }
        events += singles;
        state.base = base;
        state.polarity = polarity;
        if (low_count) state.low = lows[low_count - 1] & 0xFFF;
        if (row_at != SIZE_MAX) state.y = word16(words + 2 * row_at);
    }
    scan->events += events;
    evt3_add_times(words, 0, i, time, low_before, scan);
    state.store(decoder);
    return 2 * i;
}

}  // namespace HWY_NAMESPACE
}  // namespace evh5
HWY_AFTER_NAMESPACE();
