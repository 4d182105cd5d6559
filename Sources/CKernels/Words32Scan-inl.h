// The index scan of EVT2, EVT2.1 and EVT4: events are counted, and the earliest and the latest time found, without
// placing anything. Included once for each target.

HWY_BEFORE_NAMESPACE();
namespace evh5 {
namespace HWY_NAMESPACE {

/// Events and their times as 32 bit distances.
struct Found {
    int64_t events = 0;
    uint32_t first = 0, last = 0, lowest = 0xFFFFFFFF, highest = 0;

    HWY_INLINE void add(uint32_t time, uint32_t bits) {
        if (!bits) return;
        if (!events) first = time;
        events += __builtin_popcount(bits);
        last = time;
        lowest = time < lowest ? time : lowest;
        highest = time > highest ? time : highest;
    }

    /// Adds all to `scan`; times are those after `start`.
    void store(int64_t start, evh5_scan *scan) const {
        if (!events) return;
        scan->events += events;
        if (!scan->touched) {
            scan->first = start + first;
            scan->lowest = start + lowest;
            scan->highest = start + highest;
        }
        scan->touched = 1;
        scan->last = start + last;
        if (start + lowest < scan->lowest) scan->lowest = start + lowest;
        if (start + highest > scan->highest) scan->highest = start + highest;
    }
};

/// EVT2, and EVT4 as evt2_like has it. Ends before a word that is neither an event inside nor a time high.
template <bool kIsEvt4>
HWY_INLINE size_t evt2_like_scan(
    const uint8_t *words, size_t size, const Place &place, int64_t time_shift, evh5_decoder *decoder,
    evh5_scan *scan) {
    constexpr uint32_t kOff = kIsEvt4 ? 10 : 0, kHigh = kIsEvt4 ? 14 : 8;
    const PixelMaker maker(place);
    const auto d = kWords32;
    const size_t lanes = hn::Lanes(d), length = size / 4;
    const int64_t start = decoder->time_high;
    int64_t high = start;
    Found found;
    auto lowest = hn::Set(d, 0xFFFFFFFF), highest = hn::Zero(d);
    size_t i = 0;
    bool is_clean = true;
    while (i < length && is_clean && is_near(start, high)) {
        if (length - i >= lanes) {
            const auto w = load_words(words + 4 * i);
            const Pixels pixels(w);
            const auto events = hn::And(
                hn::Eq(hn::ShiftRight<1>(pixels.type), hn::Set(d, kOff >> 1)), maker.inside(pixels.x, pixels.y));
            const auto same = hn::Eq(w, hn::Set(d, kHigh << 28 | static_cast<uint32_t>(high >> 6 & 0x0FFFFFFF)));
            uint8_t bits[8] = {};
            hn::StoreMaskBits(d, events, bits);
            if (HWY_LIKELY(hn::AllTrue(d, hn::Or(events, same)))) {
                const uint32_t delta = static_cast<uint32_t>(high - start);
                const auto times = hn::Add(pixels.low, hn::Set(d, delta));
                lowest = hn::Min(lowest, hn::IfThenElse(events, times, lowest));
                highest = hn::Max(highest, hn::IfThenElseZero(events, times));
                if (HWY_LIKELY(bits[0])) {
                    const auto low_of = [&](size_t lane) { return word32(words + 4 * (i + lane)) >> 22 & 0x3F; };
                    if (!found.events) found.first = delta + low_of(static_cast<size_t>(__builtin_ctz(bits[0])));
                    found.last = delta + low_of(31 - static_cast<size_t>(__builtin_clz(bits[0])));
                    found.events += __builtin_popcount(bits[0]);
                }
                i += lanes;
                continue;
            }
        }
        for (const size_t end = length - i < lanes ? length : i + lanes; i < end && is_near(start, high);) {
            const uint32_t word = word32(words + 4 * i), type = word >> 28, x = word >> 11 & 0x7FF, y = word & 0x7FF;
            const uint32_t time = static_cast<uint32_t>(high - start) + (word >> 22 & 0x3F);
            size_t step = 1;
            if (type >> 1 == kOff >> 1 && x < place.width && y < place.height) {
                found.add(time, 1);
            } else if (type == kHigh) {
                high = evt2_time_high(high, word);
            } else if (kIsEvt4 && type >> 1 == 6 && i + 1 < length && y < place.height) {
                const uint32_t bits = word32(words + 4 * i + 4);
                is_clean = place.inside(x, bits) == bits;
                if (is_clean) found.add(time, bits);
                step = 2;
            } else {
                is_clean = false;
            }
            if (!is_clean) break;
            i += step;
        }
    }
    const uint32_t least = hn::GetLane(hn::MinOfLanes(d, lowest)), most = hn::GetLane(hn::MaxOfLanes(d, highest));
    found.lowest = least < found.lowest ? least : found.lowest;
    found.highest = most > found.highest ? most : found.highest;
    found.store(start - time_shift, scan);
    decoder->time_high = high;
    return 4 * i;
}

/// EVT2.1. Ends before a word that is neither a vector inside nor a time high.
template <bool kIsLegacy>
HWY_INLINE size_t evt21_like_scan(
    const uint8_t *words, size_t size, const Place &place, int64_t time_shift, evh5_decoder *decoder,
    evh5_scan *scan) {
    const int64_t start = decoder->time_high;
    int64_t high = start;
    Found found;
    const size_t length = size / 8;
    size_t i = 0;
    for (; i < length && is_near(start, high); i++) {
        const uint8_t *const at = words + 8 * i;
        const uint32_t word = word32(at + (kIsLegacy ? 0 : 4)), bits = word32(at + (kIsLegacy ? 4 : 0));
        const uint32_t type = word >> 28;
        if (HWY_LIKELY(type <= 1)) {
            if (HWY_UNLIKELY((word & 0x7FF) >= place.height || place.inside(word >> 11 & 0x7FF, bits) != bits)) break;
            found.add(static_cast<uint32_t>(high - start) + (word >> 22 & 0x3F), bits);
        } else if (type == 8) {
            high = evt2_time_high(high, word);
        } else {
            break;
        }
    }
    found.store(start - time_shift, scan);
    decoder->time_high = high;
    return 8 * i;
}

#define EVH5_SCAN_OF(name, call)                                                                                \
    size_t name##_scan(                                                                                         \
        const uint8_t *words, size_t size, uint32_t width, uint32_t height, int64_t time_shift,                  \
        evh5_decoder *decoder, evh5_scan *scan) {                                                                \
        const evh5_placement whole = {width, height, 0, 1, 0};                                                  \
        return call(words, size, Place(whole), time_shift, decoder, scan);                                      \
    }

EVH5_SCAN_OF(evt2, evt2_like_scan<false>)
EVH5_SCAN_OF(evt4, evt2_like_scan<true>)
EVH5_SCAN_OF(evt21, evt21_like_scan<false>)
EVH5_SCAN_OF(evt21_legacy, evt21_like_scan<true>)
#undef EVH5_SCAN_OF

}  // namespace HWY_NAMESPACE
}  // namespace evh5
HWY_AFTER_NAMESPACE();
