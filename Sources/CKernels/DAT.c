// DAT records to cells.
#include "CKernels.h"
#include "EVT3Time.h"

#if EVH5_HAS_AVX512
EVH5_AVX512 static size_t cells_avx512(
    const uint8_t *records, size_t size, const struct evh5_placement *placement, uint32_t geometry_width,
    uint32_t geometry_height, struct evh5_decoder *state, uint32_t *cells, uint32_t *times, size_t capacity,
    size_t *count) {
    const __m512i width = _mm512_set1_epi32((int)placement->width), height = _mm512_set1_epi32((int)placement->height);
    const __m512i all_width = _mm512_set1_epi32((int)geometry_width);
    const __m512i all_height = _mm512_set1_epi32((int)geometry_height);
    const __m512i columns = _mm512_set1_epi32((int)placement->columns), on = _mm512_set1_epi32((int)placement->on);
    const __m512i fourteen = _mm512_set1_epi32(0x3FFF), last_quarter = _mm512_set1_epi32((int)0xC0000000);
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    const __m128i shift = _mm_cvtsi32_si128((int)placement->shift);
    const size_t length = size / 8, limit = capacity - 16;
    uint32_t old = (uint32_t)state->time_high;
    size_t i = 0, n = 0;
    while (i < length && n <= limit) {
        const size_t rest = length - i;
        const __mmask16 active = rest >= 16 ? 0xFFFF : (__mmask16)((1u << rest) - 1);
        const uint32_t pairs = rest >= 16 ? ~0u : (1u << 2 * rest) - 1;
        const __m512i a = _mm512_maskz_loadu_epi32((__mmask16)pairs, records + 8 * i);
        const __m512i b = _mm512_maskz_loadu_epi32((__mmask16)(pairs >> 16), records + 8 * i + 64);
        const __m512i time = _mm512_permutex2var_epi32(a, even, b), place = _mm512_permutex2var_epi32(a, odd, b);
        const __m512i x = _mm512_and_si512(place, fourteen);
        const __m512i y = _mm512_and_si512(_mm512_srli_epi32(place, 14), fourteen);
        const __mmask16 events = _mm512_mask_cmplt_epu32_mask(
            _mm512_mask_cmplt_epu32_mask(active, x, all_width), y, all_height);
        // Where times near the end of the range meet some near its start, the exact decoder goes record by record.
        const __mmask16 late = _mm512_mask_cmpge_epu32_mask(events, time, last_quarter);
        const __mmask16 early = _mm512_mask_testn_epi32_mask(events, time, last_quarter);
        if (__builtin_expect((late || old >> 30 == 3) && early, 0)) break;
        const __mmask16 valid = _mm512_mask_cmplt_epu32_mask(
            _mm512_mask_cmplt_epu32_mask(active, x, width), y, height);
        __m512i cell = _mm512_add_epi32(
            _mm512_madd_epi16(_mm512_srl_epi32(y, shift), columns), _mm512_srl_epi32(x, shift));
        cell = _mm512_mask_add_epi32(
            cell, _mm512_cmpge_epu32_mask(place, _mm512_set1_epi32(1 << 28)), cell, on);
        _mm512_storeu_si512(cells + n, _mm512_maskz_compress_epi32(valid, cell));
        _mm512_storeu_si512(times + n, _mm512_maskz_compress_epi32(valid, time));
        n += (size_t)__builtin_popcount(valid);
        if (events) old = word32(records + 8 * (i + 31 - (size_t)__builtin_clz(events)));
        i += rest >= 16 ? 16 : rest;
    }
    state->time_high = (state->time_high & ~(int64_t)0xFFFFFFFF) | old;
    *count = n;
    return 8 * i;
}
#endif

size_t evh5_dat_cells(
    const uint8_t *records, size_t size, const struct evh5_placement *placement, uint32_t geometry_width,
    uint32_t geometry_height, struct evh5_decoder *state, uint32_t *cells, uint32_t *times, size_t capacity,
    size_t *count) {
#if EVH5_HAS_AVX512
    return cells_avx512(
        records, size, placement, geometry_width, geometry_height, state, cells, times, capacity, count);
#else
    (void)records, (void)size, (void)placement, (void)geometry_width, (void)geometry_height, (void)state;
    (void)cells, (void)times, (void)capacity;
    *count = 0;
    return 0;
#endif
}
