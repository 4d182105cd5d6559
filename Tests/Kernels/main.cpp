// Every kernel of every variant that this processor has against plain decoders, on streams that look like a sensor's, on
// damaged ones and on noise. Compiled by itself, so that it runs under qemu too: Tests/Kernels/run.
//
//     kernels-check [ROUNDS [SEED]]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "CKernels.h"
#include "Reference.h"

namespace {

std::mt19937_64 random_source;

uint32_t below(uint64_t n) { return static_cast<uint32_t>(random_source() % n); }
bool chance(uint32_t percent) { return below(100) < percent; }

struct Stream {
    Format format;
    uint32_t width, height;
    std::vector<uint8_t> bytes;
    PlainState start;
    const char *kind;
};

template <class Word>
void put(std::vector<uint8_t> &bytes, Word word) {
    const size_t at = bytes.size();
    bytes.resize(at + sizeof word);
    memcpy(bytes.data() + at, &word, sizeof word);
}

/// Words as a sensor writes them; how many are vectors and how often rows and times change differs from one to another.
void sensor_words(Stream &s, size_t words) {
    const uint32_t vectors = below(3) * 45, pace = 1 + below(60), slip = chance(20) ? 3 : 0;
    int64_t t = s.start.high + s.start.low;
    uint32_t high_word = 0;
    const auto x = [&] { return below(s.width); };
    const auto y = [&] { return below(s.height); };
    const auto mask = [&] { return static_cast<uint32_t>(chance(50) ? random_source() & random_source() : random_source()); };
    // Sometimes near the end of a counter.
    if (chance(20)) t += int64_t{1} << (s.format == Format::evt3 ? 24 : s.format == Format::dat ? 32 : 34);
    while (s.bytes.size() < words * word_size(s.format)) {
        t += chance(30) ? below(pace) : 0;
        if (chance(slip)) t -= below(300);
        if (t < 0) t = 0;
        switch (s.format) {
            case Format::evt3: {
                const uint32_t high = static_cast<uint32_t>(t >> 12 & 0xFFF);
                if (high != high_word || chance(1)) {
                    put(s.bytes, static_cast<uint16_t>(0x8000 | high));
                    high_word = high;
                }
                if (chance(40)) put(s.bytes, static_cast<uint16_t>(0x6000 | (t & 0xFFF)));
                if (chance(60)) put(s.bytes, static_cast<uint16_t>(y()));
                if (chance(vectors)) {
                    uint32_t base = x();
                    if (chance(90)) base = base / 32 * 32;
                    put(s.bytes, static_cast<uint16_t>(0x3000 | below(2) << 11 | base));
                    for (uint32_t k = 1 + below(chance(90) ? 2 : 6); k; k--) {
                        put(s.bytes, static_cast<uint16_t>(0x4000 | (mask() & 0xFFF)));
                        if (chance(95)) put(s.bytes, static_cast<uint16_t>(0x4000 | (mask() & 0xFFF)));
                        if (chance(95)) put(s.bytes, static_cast<uint16_t>(0x5000 | (mask() & 0xFF)));
                    }
                }
                for (uint32_t k = below(6); k; k--) put(s.bytes, static_cast<uint16_t>(0x2000 | below(2) << 11 | x()));
                if (chance(1)) put(s.bytes, static_cast<uint16_t>((chance(50) ? 0xE000 : 0xA000) | below(4096)));
                break;
            }
            case Format::dat:
                put(s.bytes, uint64_t{static_cast<uint32_t>(t)} | uint64_t{x() | y() << 14 | below(2) << 28} << 32);
                break;
            default: {
                const bool is_evt4 = s.format == Format::evt4;
                const uint32_t high = static_cast<uint32_t>(t >> 6 & 0x0FFFFFFF);
                const auto word = [&](uint32_t word, uint32_t mask) {
                    if (s.format == Format::evt21) put(s.bytes, uint64_t{word} << 32 | mask);
                    if (s.format == Format::evt21_legacy) put(s.bytes, uint64_t{mask} << 32 | word);
                    if (s.format == Format::evt2 || is_evt4) put(s.bytes, word);
                    if (is_evt4 && word >> 29 == 6) put(s.bytes, mask);
                };
                if (high != high_word || chance(1)) word((is_evt4 ? 14u : 8u) << 28 | high, mask());
                high_word = high;
                const uint32_t kind = is_evt4 ? (chance(vectors) ? 12 : 10) : 0;
                word((kind + below(2)) << 28 | static_cast<uint32_t>(t & 63) << 22 | x() << 11 | y(), mask());
                if (chance(1)) word((is_evt4 ? 9u : 10u) << 28 | below(1 << 28), mask());
            }
        }
    }
}

Stream make_stream() {
    static const uint32_t sizes[][2] = {{1280, 720}, {640, 480}, {320, 320}, {304, 240}, {33, 17}, {20, 9}, {1, 1}};
    Stream s;
    s.format = static_cast<Format>(below(6));
    const auto &size = sizes[below(7)];
    s.width = size[0];
    s.height = size[1];
    s.start.high = chance(50) ? 0 : int64_t{below(1 << 20)} << 14;
    if (s.format == Format::evt3) {
        s.start.low = below(4096);
        if (chance(50)) s.start.y = below(s.height);
        if (chance(50)) s.start.base = below(2047);
        s.start.polarity = below(2);
    }
    const size_t words = 1 + below(chance(20) ? 20000 : 1500);
    s.kind = chance(80) ? "a sensor's" : "noise";
    if (s.kind[0] == 'a') {
        sensor_words(s, words);
        if (chance(40)) {
            s.kind = "damaged";
            for (size_t k = 1 + s.bytes.size() / (200 + below(5000)); k; k--)
                s.bytes[below(s.bytes.size())] = static_cast<uint8_t>(random_source());
        }
        if (chance(10)) s.bytes.pop_back();
    } else {
        for (size_t k = 0; k < words * word_size(s.format); k++)
            s.bytes.push_back(static_cast<uint8_t>(random_source()));
    }
    return s;
}

struct Cells {
    std::vector<uint32_t> cells;
    std::vector<int64_t> times;
};

evh5_placement make_placement(const Stream &s) {
    evh5_placement p;
    p.shift = chance(70) ? 0 : below(3);
    p.width = chance(80) ? s.width : 1 + below(s.width);
    p.height = chance(80) ? s.height : 1 + below(s.height);
    p.columns = (p.width >> p.shift) + 1;
    p.on = chance(30) ? 0 : chance(60) ? p.columns * ((p.height >> p.shift) + 1) : 1u << 31;
    return p;
}

uint32_t cell_of(const evh5_placement &p, const PlainEvent &e) {
    return (e.y >> p.shift) * p.columns + (e.x >> p.shift) + (e.polarity ? p.on : 0);
}

evh5_decoder packed(const PlainState &s) {
    return {s.high, static_cast<uint16_t>(s.low), static_cast<uint16_t>(s.y), static_cast<uint16_t>(s.base),
            static_cast<uint8_t>(s.polarity)};
}

PlainState unpacked(const evh5_decoder &d) {
    PlainState s;
    s.high = d.time_high;
    s.low = d.time_low;
    s.y = d.y;
    s.base = d.base_x;
    s.polarity = d.vector_polarity;
    return s;
}

bool same(const Stream &s, const PlainState &a, const PlainState &b) {
    if (a.high != b.high) return false;
    return s.format != Format::evt3 ||
           (a.low == b.low && a.y == b.y && a.base == b.base && a.polarity == b.polarity);
}

/// One word by the plain decoder, where a kernel leaves it.
size_t step_plain(const Stream &s, size_t from, PlainState &state, std::vector<PlainEvent> &events) {
    const size_t size = word_size(s.format);
    size_t used = decode_plain(s.format, s.bytes, from, from + size, s.width, s.height, state, events);
    if (used == 0 && from + 2 * size <= s.bytes.size())
        used = decode_plain(s.format, s.bytes, from, from + 2 * size, s.width, s.height, state, events);
    return used;
}

bool inside(const evh5_placement &p, const PlainEvent &e) { return e.x < p.width && e.y < p.height; }

/// Goes over the whole stream: `kernel(from, state)` returns the bytes it used, and where it used none, `event` gets what
/// the plain decoder finds in one word. Returns the state at the end.
template <class Kernel, class Event>
PlainState walk(const Stream &s, const evh5_placement &p, Kernel kernel, Event event) {
    PlainState state = s.start;
    const size_t whole = s.bytes.size() / word_size(s.format) * word_size(s.format);
    for (size_t used = 0; used < whole;) {
        evh5_decoder d = packed(state);
        size_t step = kernel(used, d);
        state = unpacked(d);
        if (step == 0) {
            std::vector<PlainEvent> events;
            step = step_plain(s, used, state, events);
            if (step == 0) break;
            for (const auto &e : events)
                if (inside(p, e)) event(e);
        }
        used += step;
    }
    return state;
}

size_t call_cells(
    const Stream &s, size_t from, const evh5_placement &p, evh5_decoder &d, uint32_t *cells, uint32_t *times,
    size_t capacity, size_t *count) {
    const uint8_t *const at = s.bytes.data() + from;
    const size_t size = s.bytes.size() - from;
    if (s.format == Format::dat)
        return evh5_dat_cells(at, size, &p, s.width, s.height, &d, cells, times, capacity, count);
    return evh5_cells(static_cast<evh5_words>(s.format), at, size, &p, &d, cells, times, capacity, count);
}

std::string check_cells(const Stream &s, const evh5_placement &p, bool timed, const Cells &want, const PlainState &end) {
    const size_t capacity = 512 + below(4000);
    std::vector<uint32_t> cells(capacity + EVH5_CELLS_SLACK), times(capacity + EVH5_CELLS_SLACK);
    Cells got;
    bool overflows = false;
    const PlainState state = walk(
        s, p,
        [&](size_t from, evh5_decoder &d) {
            size_t count = 0;
            const int64_t base = s.format == Format::dat ? d.time_high >> 32 << 32 : d.time_high;
            const size_t step =
                call_cells(s, from, p, d, cells.data(), timed ? times.data() : nullptr, capacity, &count);
            overflows = overflows || count > capacity;
            for (size_t k = 0; k < count && !overflows; k++) {
                got.cells.push_back(cells[k]);
                if (timed) got.times.push_back(base + times[k]);
            }
            return step;
        },
        [&](const PlainEvent &e) {
            got.cells.push_back(cell_of(p, e));
            if (timed) got.times.push_back(e.t);
        });
    if (overflows) return "more cells than there is room for";
    if (got.cells != want.cells) {
        size_t k = 0;
        while (k < got.cells.size() && k < want.cells.size() && got.cells[k] == want.cells[k]) k++;
        return "cells: " + std::to_string(got.cells.size()) + ", not " + std::to_string(want.cells.size()) +
               "; number " + std::to_string(k) + " differs";
    }
    if (timed && got.times != want.times) return "times differ";
    return same(s, state, end) ? "" : "the state differs";
}

std::string check_count(const Stream &s, const evh5_placement &p, const Cells &want, const PlainState &end) {
    const size_t count = 2 * size_t{p.columns} * ((p.height >> p.shift) + 1);
    std::vector<uint8_t> counters(count + 64, 0), expected(count, 0);
    for (const uint32_t cell : want.cells) expected[cell] += expected[cell] != 255;
    const PlainState state = walk(
        s, p,
        [&](size_t from, evh5_decoder &d) {
            const uint8_t *const at = s.bytes.data() + from;
            const size_t size = s.bytes.size() - from;
            return s.format == Format::dat
                       ? evh5_dat_count(at, size, &p, s.width, s.height, &d, counters.data(), count)
                       : evh5_count(static_cast<evh5_words>(s.format), at, size, &p, &d, counters.data(), count);
        },
        [&](const PlainEvent &e) {
            uint8_t &n = counters[cell_of(p, e)];
            n = static_cast<uint8_t>(n + (n != 255));
        });
    for (size_t k = 0; k < count; k++)
        if (counters[k] != expected[k]) return "counter " + std::to_string(k) + " differs";
    for (size_t k = count; k < counters.size(); k++)
        if (counters[k] != 0) return "a counter beyond the last";
    return same(s, state, end) ? "" : "the state differs after counting";
}

std::string check_latest(const Stream &s) {
    if (s.format != Format::evt3) return "";
    const evh5_placement p = {s.width, s.height, 0, s.width, s.width * s.height};
    const size_t count = 2 * size_t{s.width} * s.height;
    std::vector<float> values(count + 64, 0), expected(count, 0);
    std::vector<PlainEvent> events;
    PlainState end = s.start;
    decode_plain(s.format, s.bytes, 0, s.bytes.size(), s.width, s.height, end, events);
    const int64_t origin = s.start.high + s.start.low - below(1000);
    const double duration = 1e6;
    const auto value = [&](int64_t t) { return static_cast<float>(static_cast<double>(t - origin) / duration); };
    for (const auto &e : events) expected[cell_of(p, e)] = value(e.t);
    PlainState state = s.start;
    const size_t whole = s.bytes.size() - s.bytes.size() % word_size(s.format);
    size_t used = 0;
    // What the caller promises: no value is greater than those to come.
    int64_t highest = origin;
    while (used < whole) {
        const int64_t now = state.high + state.low;
        size_t step = 0;
        if (now >= highest) {
            evh5_decoder d = packed(state);
            const evh5_latest latest = {values.data(), count, origin, now - origin, INT64_MAX, 0, duration};
            step = evh5_evt3_latest(s.bytes.data() + used, s.bytes.size() - used, &p, &d, &latest);
            state = unpacked(d);
            used += step;
            if (step) highest = state.high + state.low;
        }
        if (step == 0) {
            std::vector<PlainEvent> one;
            used += step_plain(s, used, state, one);
            for (const auto &e : one) {
                values[cell_of(p, e)] = value(e.t);
                highest = e.t > highest ? e.t : highest;
            }
        }
    }
    for (size_t k = 0; k < count; k++)
        if (values[k] != expected[k]) return "latest value " + std::to_string(k) + " differs";
    for (size_t k = count; k < values.size(); k++)
        if (values[k] != 0) return "a value beyond the last";
    return same(s, state, end) ? "" : "the state differs after latest values";
}

std::string check_scan(const Stream &s) {
    if (s.format == Format::dat) return "";
    std::vector<PlainEvent> events;
    PlainState end = s.start;
    decode_plain(s.format, s.bytes, 0, s.bytes.size(), s.width, s.height, end, events);
    const int64_t shift = below(2) * 4096;
    evh5_scan want = {}, got = {};
    const auto add = [&](evh5_scan &scan, int64_t t) {
        t -= shift;
        if (!scan.touched) scan.first = scan.lowest = scan.highest = t;
        scan.touched = 1;
        scan.last = t;
        scan.lowest = t < scan.lowest ? t : scan.lowest;
        scan.highest = t > scan.highest ? t : scan.highest;
        scan.events++;
    };
    for (const auto &e : events) add(want, e.t);
    PlainState state = s.start;
    const size_t whole = s.bytes.size() - s.bytes.size() % word_size(s.format);
    size_t used = 0;
    while (used < whole) {
        evh5_decoder d = packed(state);
        evh5_scan part = {};
        const size_t step =
            evh5_scan_words(
                static_cast<evh5_words>(s.format), s.bytes.data() + used, s.bytes.size() - used, s.width, s.height, shift,
                &d, &part);
        state = unpacked(d);
        used += step;
        if (part.touched) {
            if (!got.touched) got.first = got.lowest = got.highest = part.first;
            got.touched = 1;
            got.last = part.last;
            got.lowest = part.lowest < got.lowest ? part.lowest : got.lowest;
            got.highest = part.highest > got.highest ? part.highest : got.highest;
            got.events += part.events;
        } else if (part.events) {
            return "events without a time";
        }
        // As Swift does: some words by the exact decoder, then on.
        size_t exact = 0;
        for (int k = 0; k < 16 && used < whole; k++) {
            std::vector<PlainEvent> one;
            const size_t taken = step_plain(s, used, state, one);
            exact += taken;
            used += taken;
            for (const auto &e : one) add(got, e.t);
        }
        // A vector of EVT4 whose mask is not there.
        if (exact == 0) break;
    }
    if (got.events != want.events) return "scan: " + std::to_string(got.events) + " events, not " + std::to_string(want.events);
    if (want.touched && (got.first != want.first || got.last != want.last || got.lowest != want.lowest ||
                         got.highest != want.highest))
        return "scan: times differ";
    return same(s, state, end) ? "" : "the state differs after a scan";
}

/// Random filters of random cells, written elsewhere and in place.
std::string check_filter() {
    const uint32_t bits = 1 + below(14), limit = 1u << bits, k = below(4), width = 1 + below(limit);
    evh5_filter f = {};
    f.column_bits = bits;
    f.polarity_mask = chance(50) ? 0 : 0x80000000;
    f.polarity = f.polarity_mask & (chance(50) ? 0 : 0x80000000);
    const auto side = [&](uint32_t &flip, uint32_t &add, uint32_t &most) {
        flip = chance(50) ? 0 : 0xFFFFFFFF;
        add = flip ? below(limit) + 1 : 0 - below(limit);
        most = below(limit) + 1;
    };
    side(f.x_flip, f.x_add, f.x_limit);
    side(f.y_flip, f.y_add, f.y_limit);
    f.sample_mask = (1u << k) - 1;
    f.sample = (1u << k) / 2;
    f.shift = k + below(3);
    f.x_step = chance(50) ? 1 : width;
    f.y_step = f.x_step == 1 ? width : 1;
    f.on = chance(50) ? 0x80000000 : width * limit;
    const size_t count = below(200);
    std::vector<uint32_t> cells(count + EVH5_CELLS_SLACK), times(cells.size()), own = cells, own_times = cells;
    for (size_t i = 0; i < count; i++) {
        cells[i] = below(limit) | below(std::min<uint64_t>(limit, 1u << (31 - bits))) << bits | below(2) << 31;
        times[i] = below(1u << 31);
    }
    std::vector<uint32_t> want = cells, want_times = times;
    const size_t kept =
        evh5_filter_cells_plain(&f, cells.data(), times.data(), count, want.data(), want_times.data());
    const auto agrees = [&](const std::vector<uint32_t> &a, const std::vector<uint32_t> &b, size_t n) {
        return n == kept && std::equal(a.begin(), a.begin() + static_cast<ptrdiff_t>(n), want.begin()) &&
               std::equal(b.begin(), b.begin() + static_cast<ptrdiff_t>(n), want_times.begin());
    };
    const size_t n = evh5_filter_cells(&f, cells.data(), times.data(), count, own.data(), own_times.data());
    if (!agrees(own, own_times, n)) return "filtered cells differ";
    const size_t m = evh5_filter_cells(&f, cells.data(), times.data(), count, cells.data(), times.data());
    return agrees(cells, times, m) ? "" : "cells filtered in place differ";
}

std::string check(const Stream &s) {
    const evh5_placement p = make_placement(s);
    std::vector<PlainEvent> events;
    PlainState end = s.start;
    decode_plain(s.format, s.bytes, 0, s.bytes.size(), s.width, s.height, end, events);
    Cells want;
    for (const auto &e : events) {
        if (!inside(p, e)) continue;
        want.cells.push_back(cell_of(p, e));
        want.times.push_back(e.t);
    }
    std::string problem = check_cells(s, p, true, want, end);
    if (problem.empty() && s.format == Format::evt3) problem = check_cells(s, p, false, want, end);
    if (problem.empty() && p.on != 1u << 31) problem = check_count(s, p, want, end);
    if (problem.empty()) problem = check_latest(s);
    if (problem.empty()) problem = check_scan(s);
    return problem;
}

}  // namespace

int main(int argc, char **argv) {
    const int rounds = argc > 1 ? atoi(argv[1]) : 2000;
    const uint64_t seed = argc > 2 ? strtoull(argv[2], nullptr, 10) : 1;
    static const char *const names[] = {"EVT2", "EVT2.1", "EVT2.1 (legacy)", "EVT3", "EVT4", "DAT"};
    int ran = 0;
    for (int variant = EVH5_KERNELS_PLAIN + 1; variant < EVH5_KERNELS_END; variant++) {
        if (!evh5_kernels_has(variant)) {
            printf("%s: not run, this processor or this build does not have it\n", evh5_kernels_name(variant));
            continue;
        }
        evh5_kernels_use(variant);
        ran++;
        for (int round = 0; round < rounds; round++) {
            random_source.seed(seed * 1000003 + static_cast<uint64_t>(round));
            const Stream s = make_stream();
            std::string problem = check(s);
            if (problem.empty()) problem = check_filter();
            if (problem.empty()) continue;
            printf(
                "%s, %s, %ux%u, %s, %zu bytes: %s (kernels-check %d %llu, round %d)\n", evh5_kernels_name(variant),
                names[static_cast<int>(s.format)], s.width, s.height, s.kind, s.bytes.size(), problem.c_str(), rounds,
                static_cast<unsigned long long>(seed), round);
            return 1;
        }
        printf("%s: %d streams agree with the plain decoders\n", evh5_kernels_name(variant), rounds);
    }
    if (!ran) printf("nothing ran\n");
    return ran ? 0 : 1;
}
