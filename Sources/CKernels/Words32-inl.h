// EVT2, EVT2.1, EVT4 and DAT to cells, counts and scans. Included once for each target.

HWY_BEFORE_NAMESPACE();
namespace evh5 {
namespace HWY_NAMESPACE {

/// Cells of rows and columns, and which are inside.
struct PixelMaker {
    Words32 width, height, columns, on;
    int shift;

    HWY_INLINE explicit PixelMaker(const Place &place)
        : width(hn::Set(kWords32, place.width)),
          height(hn::Set(kWords32, place.height)),
          columns(hn::Set(kWords32, place.columns)),
          on(hn::Set(kWords32, place.on)),
          shift(static_cast<int>(place.shift)) {}

    HWY_INLINE Mask32 inside(Words32 x, Words32 y) const {
        const hn::RebindToSigned<decltype(kWords32)> s;
        const auto fits = hn::And(
            hn::Lt(hn::BitCast(s, x), hn::BitCast(s, width)), hn::Lt(hn::BitCast(s, y), hn::BitCast(s, height)));
        return hn::RebindMask(kWords32, fits);
    }

    HWY_INLINE Words32 cells(Words32 x, Words32 y, Mask32 is_on) const {
        const auto row = hn::Mul(hn::ShiftRightSame(y, shift), columns);
        return hn::Add(hn::Add(row, hn::ShiftRightSame(x, shift)), hn::IfThenElseZero(is_on, on));
    }
};

/// Words of EVT2, and of EVT4 where no vectors are: type (4 bits), low time (6), x (11), y (11).
struct Pixels {
    Words32 type, x, y, low;

    HWY_INLINE explicit Pixels(Words32 w)
        : type(hn::ShiftRight<28>(w)),
          x(hn::And(hn::ShiftRight<11>(w), hn::Set(kWords32, 0x7FF))),
          y(hn::And(w, hn::Set(kWords32, 0x7FF))),
          low(hn::And(hn::ShiftRight<22>(w), hn::Set(kWords32, 0x3F))) {}
};

HWY_INLINE Words32 load_words(const uint8_t *p) {
    return hn::LoadU(kWords32, reinterpret_cast<const uint32_t *>(p));
}

/// EVT2 (`kOff` 0, time high 8) and EVT4 (`kOff` 10, time high 14, vectors 12 and 13, followed by a mask). For a strict
/// sink it ends before a word that is neither an event inside nor a time high.
template <bool kIsEvt4, class Sink>
HWY_INLINE size_t evt2_like(
    const uint8_t *words, size_t size, const Place &place, evh5_decoder *decoder, Sink &sink) {
    constexpr uint32_t kOff = kIsEvt4 ? 10 : 0, kHigh = kIsEvt4 ? 14 : 8;
    const PixelMaker maker(place);
    const auto d = kWords32;
    const size_t lanes = hn::Lanes(d), length = size / 4;
    const int64_t first = decoder->time_high;
    int64_t high = first;
    size_t i = 0;
    const auto one = [&](size_t k) HWY_ATTR -> size_t {
        const uint32_t word = word32(words + 4 * k), type = word >> 28, x = word >> 11 & 0x7FF, y = word & 0x7FF;
        sink.begin(static_cast<uint32_t>(high - first) + (word >> 22 & 0x3F));
        if (type >> 1 == kOff >> 1) {
            const bool is_inside = x < place.width && y < place.height;
            if (is_inside) sink.single(place.cell(x, y, type & 1));
            return is_inside || !Sink::kStrict;
        }
        if (type == kHigh) {
            high = evt2_time_high(high, word);
            return 1;
        }
        if (kIsEvt4 && type >> 1 == 6) {
            // A vector whose mask is not there yet waits for it.
            if (k + 1 >= length) return 0;
            const uint32_t all = word32(words + 4 * k + 4), bits = y < place.height ? place.inside(x, all) : 0;
            if (Sink::kStrict && bits != all) return 0;
            if (bits) sink.vector(place.row(y, type & 1), x, bits);
            return 2;
        }
        return !Sink::kStrict;
    };
    while (i < length && sink.has_room(32 * lanes) && (!Sink::kTimed || is_near(first, high))) {
        if (length - i >= lanes) {
            const auto w = load_words(words + 4 * i);
            const Pixels pixels(w);
            const auto events = hn::Eq(hn::ShiftRight<1>(pixels.type), hn::Set(d, kOff >> 1));
            const auto valid = hn::And(events, maker.inside(pixels.x, pixels.y));
            const auto same = hn::Eq(w, hn::Set(d, kHigh << 28 | static_cast<uint32_t>(high >> 6 & 0x0FFFFFFF)));
            auto odd = hn::AndNot(same, hn::Eq(pixels.type, hn::Set(d, kHigh)));
            if (kIsEvt4) odd = hn::Or(odd, hn::Eq(hn::ShiftRight<1>(pixels.type), hn::Set(d, 6)));
            if (Sink::kStrict) odd = hn::Not(hn::Or(valid, same));
            // Those before the first odd word, which is taken by itself.
            uint8_t bits[8] = {};
            hn::StoreMaskBits(d, odd, bits);
            const bool are_all = bits[0] == 0;
            const size_t taken = are_all ? lanes : static_cast<size_t>(__builtin_ctz(bits[0]));
            const auto is_on = hn::Ne(hn::And(pixels.type, hn::Set(d, 1)), hn::Zero(d));
            const auto delta = hn::Set(d, static_cast<uint32_t>(high - first));
            const auto mask = are_all ? valid : hn::And(valid, hn::FirstN(d, taken));
            sink.cells(maker.cells(pixels.x, pixels.y, is_on), hn::Add(pixels.low, delta), mask, hn::AllTrue(d, mask));
            i += taken;
            if (HWY_LIKELY(are_all)) continue;
        }
        const size_t step = one(i);
        if (step == 0) break;
        i += step;
    }
    sink.finish();
    decoder->time_high = high;
    return 4 * i;
}

/// EVT2.1: words of 64 bits, a word of EVT2 in one half and a mask of 32 columns in the other. For a strict sink it
/// ends before a word that is neither a vector inside nor a time high.
template <bool kIsLegacy, class Sink>
HWY_INLINE size_t evt21_like(
    const uint8_t *words, size_t size, const Place &place, evh5_decoder *decoder, Sink &sink) {
    const size_t length = size / 8;
    const int64_t first = decoder->time_high;
    int64_t high = first;
    size_t i = 0;
    for (; i < length && sink.has_room(32) && (!Sink::kTimed || is_near(first, high)); i++) {
        const uint8_t *const at = words + 8 * i;
        const uint32_t word = word32(at + (kIsLegacy ? 0 : 4)), type = word >> 28;
        if (HWY_LIKELY(type <= 1)) {
            const uint32_t x = word >> 11 & 0x7FF, y = word & 0x7FF;
            const uint32_t all = word32(at + (kIsLegacy ? 4 : 0)), bits = y < place.height ? place.inside(x, all) : 0;
            if (Sink::kStrict && HWY_UNLIKELY(bits != all)) break;
            sink.begin(static_cast<uint32_t>(high - first) + (word >> 22 & 0x3F));
            if (bits) sink.vector(place.row(y, type), x, bits);
        } else if (type == 8) {
            high = evt2_time_high(high, word);
        } else if (Sink::kStrict) {
            break;
        }
    }
    sink.finish();
    decoder->time_high = high;
    return 8 * i;
}

/// DAT: records of a time and of x (14 bits), y (14) and polarity (4). Stops before a record at which time may wrap.
template <class Sink>
HWY_INLINE size_t dat_like(
    const uint8_t *records, size_t size, const Place &place, uint32_t geometry_width, uint32_t geometry_height,
    evh5_decoder *decoder, Sink &sink) {
    const PixelMaker maker(place);
    const auto d = kWords32;
    const auto all_width = hn::Set(d, geometry_width), all_height = hn::Set(d, geometry_height);
    const auto quarter = hn::Set(d, 0xC0000000);
    const size_t lanes = hn::Lanes(d), length = size / 8;
    const uint32_t old = static_cast<uint32_t>(decoder->time_high);
    // The last event's time.
    uint32_t last = old;
    size_t i = 0;
    while (i < length && sink.has_room(lanes)) {
        if (length - i >= lanes) {
            Words32 time, pixel;
            hn::LoadInterleaved2(d, reinterpret_cast<const uint32_t *>(records + 8 * i), time, pixel);
            const auto x = hn::And(pixel, hn::Set(d, 0x3FFF));
            const auto y = hn::And(hn::ShiftRight<14>(pixel), hn::Set(d, 0x3FFF));
            const hn::RebindToSigned<decltype(d)> s;
            const auto events = hn::RebindMask(
                d, hn::And(hn::Lt(hn::BitCast(s, x), hn::BitCast(s, all_width)),
                           hn::Lt(hn::BitCast(s, y), hn::BitCast(s, all_height))));
            // Where times near the end of the range may meet some near its start, go record by record.
            const auto upper = hn::And(time, quarter);
            const bool may_wrap = (last >> 30 == 3 || !hn::AllFalse(d, hn::Eq(upper, quarter))) &&
                                  !hn::AllFalse(d, hn::Eq(upper, hn::Zero(d)));
            if (HWY_LIKELY(hn::AllTrue(d, events) && !may_wrap)) {
                const auto valid = maker.inside(x, y);
                const auto is_on = hn::Ne(hn::ShiftRight<28>(pixel), hn::Zero(d));
                sink.cells(maker.cells(x, y, is_on), time, valid, hn::AllTrue(d, valid));
                i += lanes;
                last = word32(records + 8 * (i - 1));
                continue;
            }
        }
        bool wraps = false;
        for (const size_t end = length - i < lanes ? length : i + lanes; i < end; i++) {
            const uint32_t time = word32(records + 8 * i), pixel = word32(records + 8 * i + 4);
            const uint32_t x = pixel & 0x3FFF, y = pixel >> 14 & 0x3FFF;
            if (x >= geometry_width || y >= geometry_height) continue;
            wraps = last >> 30 == 3 && time >> 30 == 0;
            if (wraps) break;
            last = time;
            sink.begin(time);
            if (x < place.width && y < place.height) sink.single(place.cell(x, y, pixel >> 28 != 0));
        }
        if (wraps) break;
    }
    sink.finish();
    decoder->time_high = decoder->time_high - old + last;
    return 8 * i;
}

#define EVH5_KERNELS_OF(name, call)                                                                                  \
    size_t name##_cells(                                                                                           \
        const uint8_t *words, size_t size, const evh5_placement *placement, evh5_decoder *decoder, uint32_t *cells, \
        uint32_t *times, size_t capacity, size_t *count) {                                                         \
        const Place place(*placement);                                                                             \
        CellSink sink{place, {place, cells, times, 0, 0}, capacity};                                               \
        const size_t used = call;                                                                                  \
        *count = sink.writer.count;                                                                                \
        return used;                                                                                               \
    }                                                                                                              \
    size_t name##_count(                                                                                           \
        const uint8_t *words, size_t size, const evh5_placement *placement, evh5_decoder *decoder,                  \
        uint8_t *counters, size_t counter_count) {                                                                 \
        const Place place(*placement);                                                                             \
        CountSink sink(Counters{place, counters, counter_count});                                                  \
        return call;                                                                                               \
    }                                                                                                              \
    size_t name##_scan(                                                                                            \
        const uint8_t *words, size_t size, uint32_t width, uint32_t height, int64_t time_shift,                     \
        evh5_decoder *decoder, evh5_scan *scan) {                                                                  \
        const evh5_placement whole = {width, height, 0, 1, 0};                                                     \
        const Place place(whole);                                                                                  \
        const int64_t start = decoder->time_high - time_shift;                                                     \
        ScanSink sink;                                                                                             \
        const size_t used = call;                                                                                  \
        sink.store(start, scan);                                                                                   \
        return used;                                                                                               \
    }

EVH5_KERNELS_OF(evt2, evt2_like<false>(words, size, place, decoder, sink))
EVH5_KERNELS_OF(evt4, evt2_like<true>(words, size, place, decoder, sink))
EVH5_KERNELS_OF(evt21, evt21_like<false>(words, size, place, decoder, sink))
EVH5_KERNELS_OF(evt21_legacy, evt21_like<true>(words, size, place, decoder, sink))
#undef EVH5_KERNELS_OF

size_t dat_cells(
    const uint8_t *records, size_t size, const evh5_placement *placement, uint32_t geometry_width,
    uint32_t geometry_height, evh5_decoder *decoder, uint32_t *cells, uint32_t *times, size_t capacity,
    size_t *count) {
    const Place place(*placement);
    CellSink sink{place, {place, cells, times, 0, 0}, capacity};
    const size_t used = dat_like(records, size, place, geometry_width, geometry_height, decoder, sink);
    *count = sink.writer.count;
    return used;
}

size_t dat_count(
    const uint8_t *records, size_t size, const evh5_placement *placement, uint32_t geometry_width,
    uint32_t geometry_height, evh5_decoder *decoder, uint8_t *counters, size_t counter_count) {
    const Place place(*placement);
    CountSink sink(Counters{place, counters, counter_count});
    return dat_like(records, size, place, geometry_width, geometry_height, decoder, sink);
}

}  // namespace HWY_NAMESPACE
}  // namespace evh5
HWY_AFTER_NAMESPACE();
