// EVT3 to cells and times in order. Included once for each target.

HWY_BEFORE_NAMESPACE();
namespace evh5 {
namespace HWY_NAMESPACE {

/// Words of types 2 to 5 in order, with their rows and low times.
template <bool kTimed>
struct Evt3Items {
    static constexpr size_t kWords = 256, kRoom = kWords + 16;
    uint16_t words[kRoom], rows[kRoom], lows[kTimed ? kRoom : 1];
    size_t count = 0;

    /// Collects those of up to `length` words, a multiple of 16, until one needs a closer look; returns how many words.
    HWY_INLINE size_t collect(const uint8_t *bytes, size_t length, const Place &place, Evt3State &state) {
        const Evt3Limits limits(place, state.high_word());
        const auto d = kWords8;
        auto row = hn::Set(d, static_cast<uint16_t>(state.y)), low = hn::Set(d, static_cast<uint16_t>(state.low));
        size_t i = 0, n = 0;
        for (; i < length; i += 16) {
            Evt3Kinds kinds;
            const uint8_t *const block = bytes + 2 * i;
            if (HWY_UNLIKELY((!evt3_kinds<true, false>(block, limits, kinds)))) break;
#pragma clang loop unroll(full)
            for (size_t half = 0; half < 2; half++) {
                const auto w = hn::LoadU(d, reinterpret_cast<const uint16_t *>(block + 16 * half));
                const auto y = spread(kinds.rows >> 8 * half & 255, w, row);
                row = last_lane(y);
                const uint32_t items = (kinds.singles | kinds.parts) >> 8 * half & 255;
                const auto table = hn::Load(kBytes16, kLanes.compress[items]);
                hn::StoreU(compress(w, table), d, words + n);
                hn::StoreU(compress(y, table), d, rows + n);
                const auto t = spread(kinds.lows >> 8 * half & 255, hn::And(w, hn::Set(d, 0xFFF)), low);
                low = last_lane(t);
                if (kTimed) hn::StoreU(compress(t, table), d, lows + n);
                n += static_cast<size_t>(__builtin_popcount(items));
            }
        }
        count = n;
        state.y = hn::GetLane(row);
        state.low = hn::GetLane(low);
        return i;
    }

    HWY_INLINE bool are_at_one_time(size_t k, size_t n) const {
        if (!kTimed) return true;
        const uint64_t same = lows[k] * uint64_t{0x0001000100010001};
        return (load64(lows + k) ^ same) << (n == 3 ? 16 : 0) == 0;
    }

    /// Writes the events of all; times are those after `delta`.
    HWY_INLINE void write(const Place &place, Evt3State &state, uint32_t delta, CellWriter<kTimed> &writer) const {
        const CellMaker maker(place);
        const auto d = kWords8;
        const uint64_t every = 0x0001000100010001;
        const uint32_t room = place.width >= 32 ? place.width - 32 : 0;
        const bool is_wide = place.width >= 32;
        const auto before = hn::Set(kCells4, delta);
        size_t k = 0;
        while (k < count) {
            if (k + 8 <= count) {
                const auto w = hn::LoadU(d, words + k);
                if (hn::AllTrue(d, hn::Eq(hn::ShiftRight<12>(w), hn::Set(d, 2)))) {
                    const auto y = hn::LoadU(d, rows + k);
                    maker.store(y, hn::And(w, hn::Set(d, 0xFFF)), writer.cells + writer.count);
                    if (kTimed) {
                        const auto t = hn::LoadU(d, lows + k);
                        const auto zero = hn::Zero(d);
                        uint32_t *const times = writer.times + writer.count;
                        hn::StoreU(
                            hn::Add(before, hn::BitCast(kCells4, hn::InterleaveLower(d, t, zero))), kCells4, times);
                        hn::StoreU(
                            hn::Add(before, hn::BitCast(kCells4, hn::InterleaveUpper(d, t, zero))), kCells4,
                            times + 4);
                    }
                    writer.count += 8;
                    k += 8;
                    continue;
                }
            }
            const uint32_t word = words[k], row = rows[k];
            if (kTimed) writer.now = delta + lows[k];
            if (word >> 12 == 2) {
                writer.single(place.cell(word & 0x7FF, row, word >> 11 & 1));
                k++;
                continue;
            }
            if (word >> 12 == 3) {
                state.base = word & 0x7FF;
                state.polarity = word >> 11 & 1;
                k++;
                continue;
            }
            if (is_wide && k + 3 <= count && is_triple(load64(words + k)) && state.base <= room &&
                ((load64(rows + k) ^ row * every) << 16) == 0 && are_at_one_time(k, 3)) {
                writer.vector(place.row(row, state.polarity), state.base, triple_bits(load64(words + k)));
                state.base += 32;
                k += 3;
                continue;
            }
            evt3_part(word, row, place, state.base, state.polarity, writer);
            k++;
        }
    }
};

template <bool kTimed>
HWY_INLINE size_t evt3_cells_of(
    const uint8_t *words, size_t size, const Place &place, evh5_decoder *decoder, uint32_t *cells, uint32_t *times,
    size_t capacity, size_t *count) {
    Evt3State state(*decoder);
    Evt3Items<kTimed> items;
    CellWriter<kTimed> writer{place, cells, times, 0, 0};
    const int64_t first = state.high;
    const size_t length = size / 2;
    // No word has more events than 12.
    const size_t limit = capacity - 192;
    size_t i = 0;
    while (i < length && writer.count <= limit && is_near(first, state.high)) {
        if (state.y < place.height && length - i >= 16) {
            size_t step = (capacity - writer.count) / 12;
            step = step < Evt3Items<kTimed>::kWords ? step : Evt3Items<kTimed>::kWords;
            step = (step < length - i ? step : length - i) & ~size_t{15};
            const size_t done = items.collect(words + 2 * i, step, place, state);
            items.write(place, state, static_cast<uint32_t>(state.high - first), writer);
            i += done;
            if (done == step) continue;
        }
        const size_t end = length - i < 16 ? length : i + 16;
        for (; i < end && is_near(first, state.high); i++) {
            writer.now = static_cast<uint32_t>(state.high - first) + state.low;
            evt3_word(word16(words + 2 * i), place, state, writer);
        }
    }
    state.store(decoder);
    *count = writer.count;
    return 2 * i;
}

size_t evt3_cells(
    const uint8_t *words, size_t size, const evh5_placement *placement, evh5_decoder *decoder, uint32_t *cells,
    uint32_t *times, size_t capacity, size_t *count) {
    const Place place(*placement);
    return times ? evt3_cells_of<true>(words, size, place, decoder, cells, times, capacity, count)
                 : evt3_cells_of<false>(words, size, place, decoder, cells, times, capacity, count);
}

}  // namespace HWY_NAMESPACE
}  // namespace evh5
HWY_AFTER_NAMESPACE();
