// EVT2 words to cells and counts.
#include "../Counting.h"
#include "AVX512.h"
#include "AVX512Kernels.h"

#if EVH5_HAS_AVX512

/// Fills `cells` and `times`, or counts all events when `counting`.
EVH5_AVX512 EVH5_INLINE size_t decode(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint32_t *cells, uint32_t *times, size_t capacity, size_t *count, uint8_t *counters, const int counting) {
    const __m512i width = _mm512_set1_epi32((int)placement->width), height = _mm512_set1_epi32((int)placement->height);
    const __m512i columns = _mm512_set1_epi32((int)placement->columns), on = _mm512_set1_epi32((int)placement->on);
    const __m512i eleven = _mm512_set1_epi32(0x7FF);
    const __m128i shift = _mm_cvtsi32_si128((int)placement->shift);
    const int64_t first = state->time_high;
    const size_t length = size / 4, limit = capacity - 16;
    int64_t high = first;
    __m512i delta = _mm512_setzero_si512();
    __m512i high_word = _mm512_set1_epi32((int)(0x80000000 | (uint32_t)(high >> 6 & 0x0FFFFFFF)));
    size_t i = 0, n = 0, counted = 0;
    while (i < length && n <= limit) {
        const size_t rest = length - i;
        __mmask16 active = 0xFFFF;
        __m512i w;
        if (__builtin_expect(rest >= 16, 1)) {
            w = _mm512_loadu_si512(words + 4 * i);
        } else {
            active = (__mmask16)((1u << rest) - 1);
            w = _mm512_maskz_loadu_epi32(active, words + 4 * i);
        }
        const __m512i type = _mm512_srli_epi32(w, 28);
        const __m512i x = _mm512_and_si512(_mm512_srli_epi32(w, 11), eleven), y = _mm512_and_si512(w, eleven);
        __mmask16 valid = _mm512_mask_cmplt_epu32_mask(active, type, _mm512_set1_epi32(2));
        valid = _mm512_mask_cmplt_epu32_mask(valid, x, width);
        valid = _mm512_mask_cmplt_epu32_mask(valid, y, height);
        const __mmask16 is_on = _mm512_test_epi32_mask(type, type);
        __m512i cell = _mm512_add_epi32(
            _mm512_madd_epi16(_mm512_srl_epi32(y, shift), columns), _mm512_srl_epi32(x, shift));
        cell = _mm512_mask_add_epi32(cell, is_on, cell, on);
        const __mmask16 change = _mm512_mask_cmpneq_epi32_mask(
            _mm512_mask_cmpeq_epi32_mask(active, type, _mm512_set1_epi32(8)), w, high_word);
        size_t step = rest >= 16 ? 16 : rest;
        if (__builtin_expect(change, 0)) {
            step = (size_t)__builtin_ctz(change);
            valid &= (__mmask16)((1u << step) - 1);
        }
        _mm512_storeu_si512(cells + n, _mm512_maskz_compress_epi32(valid, cell));
        if (!counting) {
            const __m512i low = _mm512_and_si512(_mm512_srli_epi32(w, 22), _mm512_set1_epi32(0x3F));
            _mm512_storeu_si512(times + n, _mm512_maskz_compress_epi32(valid, _mm512_add_epi32(low, delta)));
        }
        n += (size_t)__builtin_popcount(valid);
        i += step;
        if (counting) {
            counted = count_some(cells, counted, n, counters);
            if (n > limit) {
                evh5_count_cells(cells + counted, n - counted, counters);
                n = counted = 0;
            }
        }
        if (__builtin_expect(change, 0)) {
            const uint32_t word = word32(words + 4 * i);
            i += 1;
            high = evt2_time_high(high, word);
            high_word = _mm512_set1_epi32((int)word);
            delta = _mm512_set1_epi32((int)(uint32_t)(high - first));
            if (!counting && !is_near(first, high)) break;
        }
    }
    if (counting) evh5_count_cells(cells + counted, n - counted, counters);
    state->time_high = high;
    *count = n;
    return 4 * i;
}

EVH5_AVX512 size_t evh5_avx512_evt2_cells(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint32_t *cells, uint32_t *times, size_t capacity, size_t *count) {
    return decode(words, size, placement, state, cells, times, capacity, count, NULL, 0);
}

EVH5_AVX512 size_t evh5_avx512_evt2_count(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint8_t *counters, size_t counter_count) {
    (void)counter_count;
    uint32_t cells[EVH5_COUNTED + EVH5_CELLS_SLACK];
    size_t count;
    return decode(words, size, placement, state, cells, NULL, EVH5_COUNTED, &count, counters, 1);
}
#endif
