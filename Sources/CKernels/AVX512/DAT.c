// DAT records to cells and counts.
#include "../Counting.h"
#include "AVX512.h"
#include "AVX512Kernels.h"

#if EVH5_HAS_AVX512
/// Fills `cells` and `times`, or counts all events when `counting`.
EVH5_AVX512 EVH5_INLINE size_t decode(
    const uint8_t *records, size_t size, const struct evh5_placement *placement, uint32_t geometry_width,
    uint32_t geometry_height, struct evh5_decoder *state, uint32_t *cells, uint32_t *times, size_t capacity,
    size_t *count, uint8_t *counters, const int counting) {
    const __m512i width = _mm512_set1_epi32((int)placement->width), height = _mm512_set1_epi32((int)placement->height);
    const __m512i all_width = _mm512_set1_epi32((int)geometry_width);
    const __m512i all_height = _mm512_set1_epi32((int)geometry_height);
    const __m512i columns = _mm512_set1_epi32((int)placement->columns), on = _mm512_set1_epi32((int)placement->on);
    const __m512i fourteen = _mm512_set1_epi32(0x3FFF), last_quarter = _mm512_set1_epi32((int)0xC0000000);
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    const __m128i shift = _mm_cvtsi32_si128((int)placement->shift);
    const size_t length = size / 8, limit = capacity - 16;
    const uint32_t old = (uint32_t)state->time_high;
    // Whether the last event was, or may have been, in the last quarter of the range.
    uint32_t was_late = old >> 30 == 3;
    // The last block with events, and which.
    size_t last_at = 0;
    uint32_t last_events = 0;
    size_t i = 0, n = 0, counted = 0;
    while (i < length && n <= limit) {
        const size_t rest = length - i;
        __mmask16 active = 0xFFFF;
        __m512i a, b;
        if (__builtin_expect(rest >= 16, 1)) {
            a = _mm512_loadu_si512(records + 8 * i);
            b = _mm512_loadu_si512(records + 8 * i + 64);
        } else {
            const uint32_t pairs = (1u << 2 * rest) - 1;
            active = (__mmask16)((1u << rest) - 1);
            a = _mm512_maskz_loadu_epi32((__mmask16)pairs, records + 8 * i);
            b = _mm512_maskz_loadu_epi32((__mmask16)(pairs >> 16), records + 8 * i + 64);
        }
        const __m512i time = _mm512_permutex2var_epi32(a, even, b), place = _mm512_permutex2var_epi32(a, odd, b);
        const __m512i x = _mm512_and_si512(place, fourteen);
        const __m512i y = _mm512_and_si512(_mm512_srli_epi32(place, 14), fourteen);
        const __mmask16 events = _mm512_mask_cmplt_epu32_mask(
            _mm512_mask_cmplt_epu32_mask(active, x, all_width), y, all_height);
        // Where times near the end of the range meet some near its start, the exact decoder goes record by record.
        const __mmask16 late = _mm512_mask_cmpge_epu32_mask(events, time, last_quarter);
        const __mmask16 early = _mm512_mask_testn_epi32_mask(events, time, last_quarter);
        if (__builtin_expect((late | was_late) && early, 0)) break;
        was_late = events ? late : was_late;
        last_at = events ? i : last_at;
        last_events = events ? events : last_events;
        const __mmask16 valid = _mm512_mask_cmplt_epu32_mask(
            _mm512_mask_cmplt_epu32_mask(active, x, width), y, height);
        __m512i cell = _mm512_add_epi32(
            _mm512_madd_epi16(_mm512_srl_epi32(y, shift), columns), _mm512_srl_epi32(x, shift));
        cell = _mm512_mask_add_epi32(
            cell, _mm512_cmpge_epu32_mask(place, _mm512_set1_epi32(1 << 28)), cell, on);
        _mm512_storeu_si512(cells + n, _mm512_maskz_compress_epi32(valid, cell));
        if (!counting) _mm512_storeu_si512(times + n, _mm512_maskz_compress_epi32(valid, time));
        n += (size_t)__builtin_popcount(valid);
        i += rest >= 16 ? 16 : rest;
        if (counting) {
            counted = count_some(cells, counted, n, counters);
            if (n > limit) {
                evh5_count_cells(cells + counted, n - counted, counters);
                n = counted = 0;
            }
        }
    }
    if (counting) evh5_count_cells(cells + counted, n - counted, counters);
    if (last_events) {
        const uint32_t last = word32(records + 8 * (last_at + 31 - (size_t)__builtin_clz(last_events)));
        state->time_high = state->time_high - old + last;
    }
    *count = n;
    return 8 * i;
}

EVH5_AVX512 size_t evh5_avx512_dat_cells(
    const uint8_t *records, size_t size, const struct evh5_placement *placement, uint32_t geometry_width,
    uint32_t geometry_height, struct evh5_decoder *state, uint32_t *cells, uint32_t *times, size_t capacity,
    size_t *count) {
    return decode(
        records, size, placement, geometry_width, geometry_height, state, cells, times, capacity, count, NULL, 0);
}

EVH5_AVX512 size_t evh5_avx512_dat_count(
    const uint8_t *records, size_t size, const struct evh5_placement *placement, uint32_t geometry_width,
    uint32_t geometry_height, struct evh5_decoder *state, uint8_t *counters,
    size_t counter_count) {
    (void)counter_count;
    uint32_t cells[EVH5_COUNTED + EVH5_CELLS_SLACK];
    size_t count;
    return decode(
        records, size, placement, geometry_width, geometry_height, state, cells, NULL, EVH5_COUNTED, &count, counters,
        1);
}
#endif
