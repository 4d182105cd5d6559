// EVT3 words to cells, 16 words at a time: each type of word is a mask, and what stays until it is set again (row, low
// time, vector base) is spread over the lanes after it by a permutation.
#include "AVX512Kernels.h"
#include "EVT3Block.h"

#if EVH5_HAS_AVX512

EVH5_AVX512 EVH5_INLINE size_t decode(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint32_t *cells, uint32_t *times, size_t capacity, size_t *count, const int timed) {
    const __m512i width = _mm512_set1_epi32((int)placement->width), height = _mm512_set1_epi32((int)placement->height);
    const __m512i columns = _mm512_set1_epi32((int)placement->columns), on = _mm512_set1_epi32((int)placement->on);
    const __m512i eleven = _mm512_set1_epi32(0x7FF), twelve = _mm512_set1_epi32(0xFFF);
    const __m512i zero = _mm512_setzero_si512();
    const __m512i upper = _mm512_setr_epi32(16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
    const __m512i lower = _mm512_sub_epi32(upper, _mm512_set1_epi32(16));
    const __m128i shift = _mm_cvtsi32_si128((int)placement->shift);
    const int64_t first = state->time_high;
    const size_t length = size / 2;
    // No block has more events than this.
    const size_t limit = capacity - 192;
    int64_t high = first;
    uint32_t low = state->time_low;
    struct evh5_vector_carry carry = {state->base_x, state->vector_polarity ? on : zero, state->vector_polarity};
    __m512i y = _mm512_set1_epi32(state->y);
    __m512i t = _mm512_set1_epi32((int)low);
    __m512i delta = zero;
    __m512i high_word = _mm512_set1_epi32(0x8000 | (int)(high >> 12 & 0xFFF));
    size_t i = 0, n = 0;
    // Where the low time was last set; `unset` when that was before these words.
    const size_t unset = SIZE_MAX;
    size_t low_at = unset;
    uint32_t starts[16] __attribute__((aligned(64))), rows[16] __attribute__((aligned(64)));
    uint32_t bits_of[16] __attribute__((aligned(64))), times_of[16] __attribute__((aligned(64)));
    while (i < length && n <= limit) {
        struct evh5_block block = read_block(words + 2 * i, length - i);
        end_at_change(&block, high_word);
        const __m512i w = block.w, type = block.type;
        __mmask16 active = block.active;
        size_t step = block.step;
        if (!block.ends && length - i > 16) {
            const unsigned open = open_words(type);
            step -= open;
            active >>= open;
        }
        const __mmask16 singles = _mm512_mask_cmpeq_epi32_mask(active, type, _mm512_set1_epi32(2));
        const __mmask16 lows = _mm512_mask_cmpeq_epi32_mask(active, type, _mm512_set1_epi32(6));
        // Types 3 to 5.
        const __mmask16 parts = _mm512_mask_cmplt_epu32_mask(
            active, _mm512_sub_epi32(type, _mm512_set1_epi32(3)), _mm512_set1_epi32(3));
        // Row words have type 0.
        const __m512i here = spread(_mm512_mask_testn_epi32_mask(active, type, type), w, y);
        y = last_lane(here);
        __m512i now = t;
        if (timed) {
            now = spread(lows, _mm512_and_si512(w, twelve), t);
            t = last_lane(now);
            now = _mm512_add_epi32(now, delta);
        } else {
            low_at = lows ? i + last_of(lows) : low_at;
        }
        const __mmask16 inside = _mm512_cmplt_epu32_mask(here, height);
        const __m512i x = _mm512_and_si512(w, eleven);
        const __mmask16 valid = _mm512_mask_cmplt_epu32_mask(singles & inside, x, width);
        const __mmask16 is_on = _mm512_test_epi32_mask(w, _mm512_set1_epi32(0x800));
        // Rows and columns have at most 15 bits, which one multiplication of 16 bit halves takes.
        const __m512i row = _mm512_madd_epi16(_mm512_srl_epi32(here, shift), columns);
        __m512i cell = _mm512_add_epi32(row, _mm512_srl_epi32(x, shift));
        cell = _mm512_mask_add_epi32(cell, is_on, cell, on);
        __mmask16 left = valid;
        if (parts) {
            const struct evh5_joined joined = join_vectors(w, type, active, inside, 0xFFFF, width, on, &carry);
            _mm512_store_si512(bits_of, joined.bits);
            _mm512_store_si512(rows, _mm512_add_epi32(row, joined.plane));
            _mm512_store_si512(starts, joined.start);
            if (timed) _mm512_store_si512(times_of, now);
            for (unsigned found = joined.found; found; found &= found - 1) {
                const unsigned k = (unsigned)__builtin_ctz(found);
                const uint32_t mask = bits_of[k];
                const __mmask16 before = left & (__mmask16)((1u << k) - 1);
                _mm512_storeu_si512(cells + n, _mm512_maskz_compress_epi32(before, cell));
                if (timed) _mm512_storeu_si512(times + n, _mm512_maskz_compress_epi32(before, now));
                n += (size_t)__builtin_popcount(before);
                left ^= before;
                const __m512i from = _mm512_set1_epi32((int)starts[k]), to = _mm512_set1_epi32((int)rows[k]);
                const size_t half = (size_t)__builtin_popcount(mask & 0xFFFF);
                const __m512i a = _mm512_add_epi32(_mm512_maskz_compress_epi32((__mmask16)mask, lower), from);
                const __m512i b =
                    _mm512_add_epi32(_mm512_maskz_compress_epi32((__mmask16)(mask >> 16), upper), from);
                _mm512_storeu_si512(cells + n, _mm512_add_epi32(_mm512_srl_epi32(a, shift), to));
                _mm512_storeu_si512(cells + n + half, _mm512_add_epi32(_mm512_srl_epi32(b, shift), to));
                if (timed) {
                    const __m512i time = _mm512_set1_epi32((int)times_of[k]);
                    _mm512_storeu_si512(times + n, time);
                    _mm512_storeu_si512(times + n + half, time);
                }
                n += (size_t)__builtin_popcount(mask);
            }
        }
        _mm512_storeu_si512(cells + n, _mm512_maskz_compress_epi32(left, cell));
        if (timed) _mm512_storeu_si512(times + n, _mm512_maskz_compress_epi32(left, now));
        n += (size_t)__builtin_popcount(left);
        i += step;
        if (__builtin_expect(block.ends, 0)) {
            const uint32_t word = word16(words + 2 * i);
            high = evt3_time_high(high, word);
            high_word = _mm512_set1_epi32((int)word);
            delta = _mm512_set1_epi32((int)(uint32_t)(high - first));
            t = zero;
            low = 0;
            low_at = unset;
            i += 1;
            if (!is_near(first, high)) break;
        }
    }
    if (low_at != unset) low = word16(words + 2 * low_at) & 0xFFF;
    state->time_high = high;
    state->time_low = (uint16_t)(timed ? (uint32_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(t)) : low);
    state->y = (uint16_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(y));
    state->base_x = (uint16_t)carry.base;
    state->vector_polarity = carry.polarity;
    *count = n;
    return 2 * i;
}

EVH5_AVX512 size_t evh5_avx512_evt3_cells(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint32_t *cells, uint32_t *times, size_t capacity, size_t *count) {
    return times ? decode(words, size, placement, state, cells, times, capacity, count, 1)
                 : decode(words, size, placement, state, cells, NULL, capacity, count, 0);
}

#endif
