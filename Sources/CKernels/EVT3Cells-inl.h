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

    /// Collects those of up to `length` words, whole blocks, until one needs a closer look; returns how many words.
    HWY_INLINE size_t collect(const uint8_t *bytes, size_t length, const Place &place, Evt3State &state) {
        const auto d = kWords8;
        size_t n = 0;
        const size_t taken = evt3_blocks<true>(
            bytes, length, place, state,
            [&](const Evt3Eight &eight) HWY_ATTR {
                const uint32_t items = eight.singles | eight.parts;
                const auto table = hn::Load(kBytes16, kLanes.compress[items]);
                hn::StoreU(compress(eight.words, table), d, words + n);
                hn::StoreU(compress(eight.rows, table), d, rows + n);
                if (kTimed) hn::StoreU(compress(eight.lows, table), d, lows + n);
                n += static_cast<size_t>(__builtin_popcount(items));
            },
            [] {});
        count = n;
        return taken;
    }

    /// Whether `n` items from `k` on, 3 or 4, belong to one row and one time.
    HWY_INLINE bool are_together(size_t k, size_t n) const {
        const uint64_t every = 0x0001000100010001;
        const int beyond = n == 3 ? 16 : 0;
        const uint64_t other_rows = (load64(rows + k) ^ rows[k] * every) << beyond;
        return other_rows == 0 && (!kTimed || (load64(lows + k) ^ lows[k] * every) << beyond == 0);
    }

    /// Writes single events from `k` on, up to eight; returns how many there are.
    HWY_INLINE size_t write_singles(
        size_t k, const CellMaker &maker, hn::Vec<decltype(kCells4)> before, CellWriter<kTimed> &writer) const {
        const auto d = kWords8;
        const auto w = hn::LoadU(d, words + k);
        uint8_t singles[8];
        hn::StoreMaskBits(d, hn::Eq(hn::ShiftRight<12>(w), hn::Set(d, 2)), singles);
        const size_t run = static_cast<size_t>(__builtin_ctz(~uint32_t{singles[0]}));
        maker.store(hn::LoadU(d, rows + k), hn::And(w, hn::Set(d, 0xFFF)), writer.cells + writer.count);
        if (kTimed) {
            const auto t = hn::LoadU(d, lows + k), zero = hn::Zero(d);
            uint32_t *const times = writer.times + writer.count;
            hn::StoreU(hn::Add(before, hn::BitCast(kCells4, hn::InterleaveLower(d, t, zero))), kCells4, times);
            hn::StoreU(hn::Add(before, hn::BitCast(kCells4, hn::InterleaveUpper(d, t, zero))), kCells4, times + 4);
        }
        writer.count += run;
        return run;
    }

    /// Writes the events of all; times are those after `delta`.
    HWY_INLINE void write(const Place &place, Evt3State &state, uint32_t delta, CellWriter<kTimed> &writer) {
        const CellMaker maker(place);
        const uint32_t room = place.width >= 32 ? place.width - 32 : 0;
        const bool is_wide = place.width >= 32;
        const auto before = hn::Set(kCells4, delta);
        // No single event follows the last item.
        hn::StoreU(hn::Zero(kWords8), kWords8, words + count);
        for (size_t k = 0; k < count;) {
            // Without asking whether there are any: that nobody can foretell.
            const size_t run = write_singles(k, maker, before, writer);
            k += run;
            if (run == 8 || k >= count) continue;
            const uint32_t row = rows[k];
            const uint64_t w = load64(words + k);
            if (kTimed) writer.now = delta + lows[k];
            if (HWY_LIKELY((w & 0xF000) == 0x3000 && k + 4 <= count && is_triple(w >> 16) && are_together(k, 4) &&
                           (w & 0x7FF) <= room && is_wide)) {
                state.base = static_cast<uint32_t>(w & 0x7FF);
                state.polarity = static_cast<uint32_t>(w >> 11 & 1);
                writer.vector(place.row(row, state.polarity), state.base, triple_bits(w >> 16));
                state.base += 32;
                k += 4;
            } else if (is_triple(w) && k + 3 <= count && are_together(k, 3) && state.base <= room && is_wide) {
                writer.vector(place.row(row, state.polarity), state.base, triple_bits(w));
                state.base += 32;
                k += 3;
            } else {
                evt3_part(words[k], row, place, state.base, state.polarity, writer);
                k++;
            }
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
    const size_t limit = capacity - 12 * kEvt3Block;
    size_t i = 0;
    while (i < length && writer.count <= limit && is_near(first, state.high)) {
        if (state.y < place.height && length - i >= kEvt3Block) {
            size_t step = (capacity - writer.count) / 12;
            step = step < Evt3Items<kTimed>::kWords ? step : Evt3Items<kTimed>::kWords;
            step = (step < length - i ? step : length - i) & ~(kEvt3Block - 1);
            const size_t done = items.collect(words + 2 * i, step, place, state);
            items.write(place, state, static_cast<uint32_t>(state.high - first), writer);
            i += done;
            if (done == step) continue;
        }
        const size_t end = length - i < kEvt3Block ? length : i + kEvt3Block;
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
