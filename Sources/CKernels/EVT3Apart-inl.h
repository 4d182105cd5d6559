// EVT3 for counts and latest times, which need events in no order: words are taken apart into cells and words of
// vectors. Included once for each target.

HWY_BEFORE_NAMESPACE();
namespace evh5 {
namespace HWY_NAMESPACE {

/// What some words hold: cells of single events, and words of vectors with their rows, each with its low time when it
/// is timed.
template <bool kTimed>
struct Evt3Round {
    /// Few enough to leave the first level cache to the frame.
    static constexpr size_t kWords = 1024;
    /// Whole blocks are stored, and what is asked for ahead may lie beyond.
    static constexpr size_t kRoom = kWords + 64;

    alignas(64) uint32_t cells[kRoom];
    uint16_t part_words[kRoom], part_rows[kRoom];
    uint16_t cell_lows[kTimed ? kRoom : 1], part_lows[kTimed ? kRoom : 1];
    size_t cell_count = 0, part_count = 0;

    /// Takes up to `length` words apart, whole blocks, until one of them needs a closer look or the round is full;
    /// returns how many. A row of the sensor must be known. `consume(cells so far)` is called after each block.
    template <class Consume>
    HWY_INLINE size_t take_apart(
        const uint8_t *words, size_t length, const Place &place, Evt3State &state, Consume consume) {
        const CellMaker maker(place);
        const auto d = kWords8;
        size_t n = 0, m = part_count;
        const size_t taken = evt3_blocks<kTimed>(
            words, (length < kWords ? length : kWords) & ~(kEvt3Block - 1), place, state,
            [&](const Evt3Eight &eight) HWY_ATTR {
                const auto ones = hn::Load(kBytes16, kLanes.compress[eight.singles]);
                const auto others = hn::Load(kBytes16, kLanes.compress[eight.parts]);
                maker.store(
                    compress(eight.rows, ones), compress(hn::And(eight.words, hn::Set(d, 0xFFF)), ones), cells + n);
                hn::StoreU(compress(eight.words, others), d, part_words + m);
                hn::StoreU(compress(eight.rows, others), d, part_rows + m);
                if (kTimed) {
                    hn::StoreU(compress(eight.lows, ones), d, cell_lows + n);
                    hn::StoreU(compress(eight.lows, others), d, part_lows + m);
                }
                n += static_cast<size_t>(__builtin_popcount(eight.singles));
                m += static_cast<size_t>(__builtin_popcount(eight.parts));
            },
            [&]() HWY_ATTR { consume(n); });
        cell_count = n;
        part_count = m;
        return taken;
    }

    /// Leaves the parts from `taken` on, of which there are a few, to the next round.
    void keep_parts(size_t taken) {
        part_count -= taken;
        memmove(part_words, part_words + taken, 2 * part_count);
        memmove(part_rows, part_rows + taken, 2 * part_count);
        if (kTimed) memmove(part_lows, part_lows + taken, 2 * part_count);
    }
};

/// Adds 1 to each of the 32 counters whose bit is set, up to 255.
HWY_INLINE void count_32(uint8_t *counters, uint32_t bits) {
    const hn::CappedTag<uint8_t, 32> d;
    const hn::Repartition<uint32_t, decltype(d)> d32;
    alignas(32) static constexpr uint8_t byte_of[32] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,
                                                        2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3};
    alignas(32) static constexpr uint8_t bit_of[32] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128,
                                                       1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const auto all = hn::BitCast(d, hn::Set(d32, bits));
    for (size_t k = 0; k < 32; k += hn::Lanes(d)) {
        const auto own = hn::And(hn::TableLookupBytes(all, hn::Load(d, byte_of + k)), hn::Load(d, bit_of + k));
        hn::StoreU(
            hn::SaturatedAdd(hn::LoadU(d, counters + k), hn::Min(own, hn::Set(d, 1))), d, counters + k);
    }
}

/// Counts events.
struct Counters {
    const Place &place;
    uint8_t *counters;
    size_t count;

    HWY_INLINE void single(uint32_t cell) { count_up(counters + cell); }

    HWY_INLINE void vector(uint32_t row, uint32_t x, uint32_t bits) {
        const size_t first = size_t{row} + x;
        if (HWY_LIKELY(place.shift == 0 && first + 32 <= count)) {
            count_32(counters + first, bits);
        } else {
            for (; bits; bits &= bits - 1)
                count_up(counters + row + ((x + static_cast<uint32_t>(__builtin_ctz(bits))) >> place.shift));
        }
    }

    HWY_INLINE void at(size_t) {}

    HWY_INLINE void ahead(const uint16_t *words, const uint16_t *rows) {
        __builtin_prefetch(counters + place.row(rows[16], words[16] >> 11 & 1) + (words[16] & 0x7FF), 1);
    }
};

size_t evt3_count(
    const uint8_t *words, size_t size, const evh5_placement *placement, evh5_decoder *decoder, uint8_t *counters,
    size_t counter_count) {
    const Place place(*placement);
    Evt3State state(*decoder);
    Counters sink{place, counters, counter_count};
    Evt3Round<false> round;
    const size_t length = size / 2;
    size_t i = 0;
    // Low times are looked up at the end, from here on.
    size_t since = 0;
    const auto look_up = [&](size_t end) {
        for (size_t k = end; k > since; k--) {
            const uint32_t word = word16(words + 2 * (k - 1));
            if (word >> 12 != 6) continue;
            state.low = word & 0xFFF;
            break;
        }
        since = end;
    };
    while (i < length) {
        while (state.y < place.height && length - i >= kEvt3Block) {
            size_t counted = 0;
            const size_t step = round.take_apart(words + 2 * i, length - i, place, state, [&](size_t n) HWY_ATTR {
                while (n - counted >= EVH5_WAITING) counted = count_some(round.cells, counted, n, counters);
            });
            for (; counted < round.cell_count; counted++) {
                __builtin_prefetch(counters + round.cells[counted + EVH5_AHEAD], 1);
                count_up(counters + round.cells[counted]);
            }
            i += step;
            const bool ends = length - i < kEvt3Block || step < Evt3Round<false>::kWords;
            const size_t taken = evt3_vectors(
                round.part_words, round.part_rows, round.part_count, ends, place, state.base, state.polarity, sink,
                [](size_t, size_t) { return true; });
            round.keep_parts(taken);
            if (ends) break;
        }
        look_up(i);
        // What needs a closer look, and the end.
        const size_t end = length - i < kEvt3Block ? length : i + kEvt3Block;
        for (; i < end; i++) evt3_word(word16(words + 2 * i), place, state, sink);
        while (i < length && state.y >= place.height) evt3_word(word16(words + 2 * i++), place, state, sink);
        since = i;
    }
    state.store(decoder);
    return 2 * length;
}

/// Sets values of cells to the greatest of their events.
struct LatestValues {
    const Place &place;
    float *values;
    size_t count;
    /// Of the parts, and of the one that is taken.
    const float *part_values;
    float now;

    HWY_INLINE void single(uint32_t cell) { values[cell] = now; }

    HWY_INLINE void vector(uint32_t row, uint32_t x, uint32_t bits) {
        const size_t first = size_t{row} + x;
        if (HWY_LIKELY(first + 32 <= count)) {
            const hn::CappedTag<float, 8> d;
            const auto value = hn::Set(d, now);
            for (size_t k = 0; k < 32; k += hn::Lanes(d)) {
                uint8_t own[8] = {static_cast<uint8_t>(bits >> k)};
                const auto old = hn::LoadU(d, values + first + k);
                hn::StoreU(
                    hn::IfThenElse(hn::LoadMaskBits(d, own), hn::Max(old, value), old), d, values + first + k);
            }
        } else {
            for (; bits; bits &= bits - 1) {
                float &old = values[first + static_cast<size_t>(__builtin_ctz(bits))];
                if (old < now) old = now;
            }
        }
    }

    HWY_INLINE void at(size_t k) { now = part_values[k]; }

    HWY_INLINE void ahead(const uint16_t *words, const uint16_t *rows) {
        const float *const next = values + place.row(rows[32], words[32] >> 11 & 1) + (words[32] & 0x7FF);
        __builtin_prefetch(next, 1);
        __builtin_prefetch(next + 16, 1);
        __builtin_prefetch(next + 31, 1);
    }
};

/// Whether low times rise from `low` on.
HWY_INLINE bool are_rising(const uint16_t *lows, size_t count, uint32_t low) {
    if (count == 0) return true;
    if (lows[0] < low) return false;
    const auto d = kWords8;
    auto falls = hn::Zero(d);
    size_t k = 0;
    for (; k + 9 <= count; k += 8)
        falls = hn::Or(falls, hn::SaturatedSub(hn::LoadU(d, lows + k), hn::LoadU(d, lows + k + 1)));
    if (!hn::AllTrue(d, hn::Eq(falls, hn::Zero(d)))) return false;
    for (; k + 1 < count; k++)
        if (lows[k + 1] < lows[k]) return false;
    return true;
}

/// Values of times `start` + lows, us.
HWY_INLINE void latest_values(
    const uint16_t *lows, size_t count, int64_t start, const evh5_latest &latest, float *values) {
    // Sums of doubles this small are exact.
    const double first = static_cast<double>(start);
    for (size_t k = 0; k < count; k++)
        values[k] = static_cast<float>(((first + static_cast<double>(lows[k])) - latest.start) / latest.duration);
}

size_t evt3_latest(
    const uint8_t *words, size_t size, const evh5_placement *placement, evh5_decoder *decoder,
    const evh5_latest *latest) {
    using Round = Evt3Round<true>;
    const Place place(*placement);
    Evt3State state(*decoder);
    if (place.shift != 0 || state.y >= place.height) return 0;
    Round round;
    float cell_values[Round::kRoom], part_values[Round::kRoom];
    LatestValues sink{place, latest->values, latest->count, part_values, 0};
    const auto value_of = [&](int64_t t) {
        return static_cast<float>((static_cast<double>(t) - latest->start) / latest->duration);
    };
    const size_t length = size / 2;
    size_t i = 0;
    while (i < length) {
        const int64_t start = state.high - latest->origin;
        if (start < -(int64_t{1} << 51) || start > int64_t{1} << 51 || start + state.low < latest->lowest ||
            start + state.low >= latest->end)
            break;
        const Evt3State before = state;
        round.part_count = 0;
        const size_t step = round.take_apart(words + 2 * i, length - i, place, state, [](size_t) {});
        if (!are_rising(round.cell_lows, round.cell_count, before.low) ||
            !are_rising(round.part_lows, round.part_count, before.low) || state.low < before.low ||
            (round.cell_count && round.cell_lows[round.cell_count - 1] > state.low) ||
            (round.part_count && round.part_lows[round.part_count - 1] > state.low) ||
            start + state.low >= latest->end) {
            state = before;
            break;
        }
        latest_values(round.cell_lows, round.cell_count, start, *latest, cell_values);
        latest_values(round.part_lows, round.part_count, start, *latest, part_values);
        for (size_t k = 0; k < round.cell_count; k++) {
            __builtin_prefetch(latest->values + round.cells[k + EVH5_AHEAD], 1);
            latest->values[round.cells[k]] = cell_values[k];
        }
        evt3_vectors(
            round.part_words, round.part_rows, round.part_count, true, place, state.base, state.polarity, sink,
            [&](size_t k, size_t n) HWY_ATTR {
                sink.now = part_values[k];
                const uint64_t lows = load64(round.part_lows + k) << (n == 3 ? 16 : 0);
                const uint64_t same = round.part_lows[k] * uint64_t{0x0001000100010001};
                return lows == same << (n == 3 ? 16 : 0);
            });
        i += step;
        if (length - i < kEvt3Block) break;
        if (step == Round::kWords) continue;
        // A word that needs a closer look is near: those up to it one by one, as long as time runs forward.
        bool goes_on = true;
        for (const size_t end = i + kEvt3Block; i < end; i++) {
            const uint32_t word = word16(words + 2 * i);
            Evt3State next = state;
            if (word >> 12 == 6) next.low = word & 0xFFF;
            if (word >> 12 == 8) next.take_high(word);
            const int64_t now = next.high + next.low;
            goes_on = now >= state.high + state.low && now - latest->origin < latest->end &&
                      (word >> 12 != 0 || word < place.height);
            if (!goes_on) break;
            sink.now = value_of(now - latest->origin);
            evt3_word(word, place, state, sink);
        }
        if (!goes_on) break;
    }
    state.store(decoder);
    return 2 * i;
}

}  // namespace HWY_NAMESPACE
}  // namespace evh5
HWY_AFTER_NAMESPACE();
