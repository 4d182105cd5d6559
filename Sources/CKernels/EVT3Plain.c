// EVT3 words to cells without SIMD: rows, single events and low times, which are most words, go without a branch.
#include "CKernels.h"
#include "EVT3.h"
#include "EVT3Time.h"

EVH5_INLINE size_t decode(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint32_t *cells, uint32_t *times, size_t capacity, size_t *count, const int timed) {
    const uint32_t width = placement->width, height = placement->height, shift = placement->shift;
    const uint32_t columns = placement->columns, on = placement->on;
    const int64_t first = state->time_high;
    const size_t end = size & ~(size_t)1;
    // No vector has more events than this.
    const size_t limit = capacity - 12;
    int64_t high = first;
    uint32_t delta = 0, low = state->time_low, y = state->y, base = state->base_x;
    uint32_t polarity = state->vector_polarity;
    uint32_t high_word = 0x8000 | (uint32_t)(high >> 12 & 0xFFF);
    size_t i = 0, n = 0;
    while (i < end && n < limit) {
        const uint32_t word = word16(words + i);
        const uint32_t type = word >> 12, value = word & 0xFFF;
        i += 2;
        if ((0x138 >> type & 1) && word != high_word) {
            if (type == 3) {
                base = word & 0x7FF;
                polarity = word >> 11 & 1;
            } else if (type == 8) {
                high = evt3_time_high(high, word);
                high_word = word;
                low = 0;
                delta = (uint32_t)(high - first);
                if (!is_near(first, high)) break;
            } else {
                const uint32_t length = type == 4 ? 12 : 8;
                uint32_t bits = word & ((1u << length) - 1);
                if (base + length > width) {
                    const uint32_t room = base < width ? width - base : 0;
                    bits &= room < 32 ? (1u << room) - 1 : ~0u;
                }
                if (y < height) {
                    const uint32_t row = (y >> shift) * columns + (polarity ? on : 0);
                    for (; bits; bits &= bits - 1) {
                        cells[n] = row + ((base + (uint32_t)__builtin_ctz(bits)) >> shift);
                        if (timed) times[n] = delta + low;
                        n++;
                    }
                }
                if (base != NO_BASE) base = base + length < BASE_LIMIT ? base + length : BASE_LIMIT;
            }
            continue;
        }
        y = type == 0 ? value : y;
        low = type == 6 ? value : low;
        const uint32_t x = word & 0x7FF;
        cells[n] = (y >> shift) * columns + (x >> shift) + (word & 0x800 ? on : 0);
        if (timed) times[n] = delta + low;
        n += (type == 2) & (x < width) & (y < height);
    }
    state->time_high = high;
    state->time_low = (uint16_t)low;
    state->y = (uint16_t)y;
    state->base_x = (uint16_t)base;
    state->vector_polarity = (uint8_t)polarity;
    *count = n;
    return i;
}

size_t evh5_evt3_cells_plain(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint32_t *cells, uint32_t *times, size_t capacity, size_t *count) {
    return times ? decode(words, size, placement, state, cells, times, capacity, count, 1)
                 : decode(words, size, placement, state, cells, times, capacity, count, 0);
}

size_t evh5_evt3_cells(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint32_t *cells, uint32_t *times, size_t capacity, size_t *count) {
#if EVH5_HAS_AVX512
    if (evh5_kernels_current() == EVH5_KERNELS_AVX512)
        return evh5_evt3_cells_avx512(words, size, placement, state, cells, times, capacity, count);
#endif
    return evh5_evt3_cells_plain(words, size, placement, state, cells, times, capacity, count);
}

size_t evh5_evt3_count(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint8_t *counters, size_t counter_count) {
#if EVH5_HAS_AVX512
    // Vectors are added 32 counters at a time there, which need to be neighbours.
    if (evh5_kernels_current() == EVH5_KERNELS_AVX512 && placement->shift == 0 && counter_count >= 32)
        return evh5_evt3_count_avx512(words, size, placement, state, counters, counter_count);
#endif
    (void)counter_count;
    enum { CAPACITY = 1024 };
    uint32_t cells[CAPACITY + EVH5_CELLS_SLACK];
    size_t used = 0;
    while (used + 1 < size) {
        size_t count;
        used += evh5_evt3_cells(words + used, size - used, placement, state, cells, NULL, CAPACITY, &count);
        evh5_count_cells(cells, count, counters);
    }
    return used;
}
