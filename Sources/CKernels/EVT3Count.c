// EVT3 words to counts, 16 words at a time: address words become cells, and words of vectors are put aside with their row,
// so that 16 of them are decoded at a time too. While a round is decoded, the cells of the last one are counted.
#include "Counting.h"
#include "EVT3.h"
#include "EVT3Lanes.h"
#include "EVT3Time.h"

#if EVH5_HAS_AVX512

/// What a round finds: cells, and words of vectors and bases with the row in the upper half.
struct found {
    uint32_t cells[EVH5_COUNTED + EVH5_CELLS_SLACK], parts[EVH5_COUNTED + EVH5_CELLS_SLACK];
    size_t cell_count, part_count;
};

/// Decodes until `found` is full and counts the cells of the round `before`; returns the bytes used. Moves all of `state`
/// but what vectors have.
EVH5_AVX512 EVH5_INLINE size_t find(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    struct found *found, const struct found *before, uint8_t *counters) {
    const __m512i width = _mm512_set1_epi32((int)placement->width), height = _mm512_set1_epi32((int)placement->height);
    const __m512i columns = _mm512_set1_epi32((int)placement->columns), on = _mm512_set1_epi32((int)placement->on);
    const __m512i eleven = _mm512_set1_epi32(0x7FF);
    const size_t length = size / 2, limit = EVH5_COUNTED - 16;
    int64_t high = state->time_high;
    __m512i y = _mm512_set1_epi32(state->y);
    __m512i high_word = _mm512_set1_epi32(0x8000 | (int)(high >> 12 & 0xFFF));
    size_t i = 0, cells = 0, parts = 0, counted = 0;
    // Where the low time was last set; `unset` when that was before these words, `cleared` when a time high did it.
    const size_t unset = SIZE_MAX, cleared = SIZE_MAX - 1;
    size_t low_at = unset;
    while (i < length && cells <= limit && parts <= limit) {
        const size_t rest = length - i;
        __mmask16 active = 0xFFFF;
        __m512i w;
        if (__builtin_expect(rest >= 16, 1)) {
            w = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(words + 2 * i)));
        } else {
            active = (__mmask16)((1u << rest) - 1);
            w = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(active, words + 2 * i));
        }
        const __m512i type = _mm512_srli_epi32(w, 12);
        size_t step = rest >= 16 ? 16 : rest;
        // The block ends before a time high that changes the time.
        const __mmask16 change = _mm512_mask_cmpneq_epi32_mask(
            _mm512_mask_cmpeq_epi32_mask(active, type, _mm512_set1_epi32(8)), w, high_word);
        if (__builtin_expect(change, 0)) {
            step = (size_t)__builtin_ctz(change);
            active &= (__mmask16)((1u << step) - 1);
        }
        const __mmask16 lows = _mm512_mask_cmpeq_epi32_mask(active, type, _mm512_set1_epi32(6));
        low_at = lows ? i + last_of(lows) : low_at;
        // Row words have type 0.
        const __m512i here = spread(_mm512_mask_testn_epi32_mask(active, type, type), w, y);
        y = last_lane(here);
        const __m512i x = _mm512_and_si512(w, eleven);
        __mmask16 valid = _mm512_mask_cmpeq_epi32_mask(active, type, _mm512_set1_epi32(2));
        valid = _mm512_mask_cmplt_epu32_mask(valid, here, height);
        valid = _mm512_mask_cmplt_epu32_mask(valid, x, width);
        // Rows and columns have at most 15 bits, which one multiplication of 16 bit halves takes.
        __m512i cell = _mm512_add_epi32(_mm512_madd_epi16(here, columns), x);
        cell = _mm512_mask_add_epi32(cell, _mm512_test_epi32_mask(w, _mm512_set1_epi32(0x800)), cell, on);
        _mm512_storeu_si512(found->cells + cells, _mm512_maskz_compress_epi32(valid, cell));
        cells += (size_t)__builtin_popcount(valid);
        // Types 3 to 5.
        const __mmask16 part = _mm512_mask_cmplt_epu32_mask(
            active, _mm512_sub_epi32(type, _mm512_set1_epi32(3)), _mm512_set1_epi32(3));
        _mm512_storeu_si512(
            found->parts + parts,
            _mm512_maskz_compress_epi32(part, _mm512_or_si512(w, _mm512_slli_epi32(here, 16))));
        parts += (size_t)__builtin_popcount(part);
        i += step;
        counted = count_some(before->cells, counted, before->cell_count, counters);
        if (__builtin_expect(change, 0)) {
            const uint32_t word = word16(words + 2 * i);
            high = evt3_time_high(high, word);
            high_word = _mm512_set1_epi32((int)word);
            low_at = cleared;
            i += 1;
        }
    }
    evh5_count_cells(before->cells + counted, before->cell_count - counted, counters);
    found->cell_count = cells;
    found->part_count = parts;
    state->time_high = high;
    if (low_at != unset) state->time_low = low_at == cleared ? 0 : word16(words + 2 * low_at) & 0xFFF;
    state->y = (uint16_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(y));
    return 2 * i;
}

/// Adds 1 to the counters from each place on whose bit is set, up to 255.
EVH5_AVX512 EVH5_INLINE void count_vectors(
    const uint32_t *places, const uint32_t *masks, size_t count, uint8_t *counters, size_t counter_count) {
    // A whole vector must not reach past the counters.
    const size_t safe = counter_count - 32;
    for (size_t i = 0; i < count; i++) {
        const __mmask32 mask = masks[i];
        const __m256i add = _mm256_maskz_set1_epi8(mask, 1);
        uint8_t *const counter = counters + places[i];
        if (__builtin_expect(places[i] <= safe, 1)) {
            const __m256i old = _mm256_loadu_si256((const __m256i *)counter);
            _mm256_storeu_si256((__m256i *)counter, _mm256_adds_epu8(old, add));
        } else {
            const __m256i old = _mm256_maskz_loadu_epi8(mask, counter);
            _mm256_mask_storeu_epi8(counter, mask, _mm256_adds_epu8(old, add));
        }
    }
}

/// Counts the events of vectors and moves what `state` has of them.
EVH5_AVX512 EVH5_INLINE void count_parts(
    const uint32_t *parts, size_t length, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint8_t *counters, size_t counter_count) {
    const __m512i width = _mm512_set1_epi32((int)placement->width), height = _mm512_set1_epi32((int)placement->height);
    const __m512i columns = _mm512_set1_epi32((int)placement->columns), on = _mm512_set1_epi32((int)placement->on);
    const __m512i eleven = _mm512_set1_epi32(0x7FF), twelve = _mm512_set1_epi32(0xFFF);
    const __m512i one = _mm512_set1_epi32(1), zero = _mm512_setzero_si512();
    uint32_t places[EVH5_COUNTED + EVH5_CELLS_SLACK], masks[EVH5_COUNTED + EVH5_CELLS_SLACK];
    uint32_t base = state->base_x;
    __m512i plane_carry = state->vector_polarity ? on : zero;
    size_t n = 0;
    for (size_t i = 0; i < length;) {
        const size_t rest = length - i;
        __mmask16 active = rest >= 16 ? 0xFFFF : (__mmask16)((1u << rest) - 1);
        size_t step = rest >= 16 ? 16 : rest;
        const __m512i both = _mm512_maskz_loadu_epi32(active, parts + i);
        const __m512i here = _mm512_srli_epi32(both, 16), w = _mm512_and_si512(both, _mm512_set1_epi32(0xFFFF));
        const __m512i type = _mm512_srli_epi32(w, 12);
        __mmask16 twelves = _mm512_mask_cmpeq_epi32_mask(active, type, _mm512_set1_epi32(4));
        if (rest > 16) {
            // No vector of three words is cut: the last one or two words of 12 columns wait for the next block.
            const unsigned last = twelves >> 15, both_last = last & twelves >> 14;
            step -= last + both_last;
            active >>= last + both_last;
            twelves &= active;
        }
        const __mmask16 eights = _mm512_mask_cmpeq_epi32_mask(active, type, _mm512_set1_epi32(5));
        const __mmask16 bases = _mm512_mask_cmpeq_epi32_mask(active, type, _mm512_set1_epi32(3));
        const __mmask16 vectors = twelves | eights;
        const __mmask16 inside = _mm512_cmplt_epu32_mask(here, height);
        const __mmask16 is_on = _mm512_test_epi32_mask(w, _mm512_set1_epi32(0x800));
        const __m512i x = _mm512_and_si512(w, eleven);
        const __m512i lengths = _mm512_mask_mov_epi32(
            _mm512_maskz_set1_epi32(eights, 8), twelves, _mm512_set1_epi32(12));
        const __m512i sums = running_sum(lengths);
        const __m512i origin = spread(bases, _mm512_sub_epi32(x, sums), _mm512_set1_epi32((int)base));
        const __m512i start = _mm512_add_epi32(origin, _mm512_sub_epi32(sums, lengths));
        const __m512i plane = spread(bases, _mm512_maskz_mov_epi32(is_on, on), plane_carry);
        __m512i bits = _mm512_maskz_mov_epi32(
            vectors, _mm512_and_si512(w, _mm512_mask_mov_epi32(_mm512_set1_epi32(0xFF), twelves, twelve)));
        // Words of 12, 12 and 8 columns in one row are taken as one vector of 32.
        const __mmask16 same = _mm512_cmpeq_epi32_mask(here, _mm512_alignr_epi32(here, here, 1));
        const __mmask16 heads = twelves & (__mmask16)(twelves >> 1) & (__mmask16)(eights >> 2) &
                                (__mmask16)~(twelves << 1) & same & (__mmask16)(same >> 1);
        const __m512i second = _mm512_slli_epi32(_mm512_alignr_epi32(zero, bits, 1), 12);
        const __m512i third = _mm512_slli_epi32(_mm512_alignr_epi32(zero, bits, 2), 24);
        bits = _mm512_mask_mov_epi32(bits, heads, _mm512_ternarylogic_epi32(bits, second, third, 0xFE));
        const __m512i room = _mm512_max_epi32(_mm512_sub_epi32(width, start), zero);
        bits = _mm512_and_si512(bits, _mm512_sub_epi32(_mm512_sllv_epi32(one, room), one));
        const __mmask16 found = _mm512_mask_test_epi32_mask(
            vectors & inside & (__mmask16)~(heads << 1 | heads << 2), bits, bits);
        const uint32_t end =
            (uint32_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(last_lane(_mm512_add_epi32(origin, sums))));
        if (bases || base != NO_BASE) base = end < BASE_LIMIT ? end : BASE_LIMIT;
        plane_carry = last_lane(plane);
        const __m512i place = _mm512_add_epi32(_mm512_add_epi32(_mm512_madd_epi16(here, columns), plane), start);
        _mm512_storeu_si512(places + n, _mm512_maskz_compress_epi32(found, place));
        _mm512_storeu_si512(masks + n, _mm512_maskz_compress_epi32(found, bits));
        n += (size_t)__builtin_popcount(found);
        i += step;
    }
    count_vectors(places, masks, n, counters, counter_count);
    state->base_x = (uint16_t)base;
    state->vector_polarity = _mm_cvtsi128_si32(_mm512_castsi512_si128(plane_carry)) != 0;
}

EVH5_AVX512 size_t evh5_evt3_count_avx512(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint8_t *counters, size_t counter_count) {
    struct found rounds[2];
    rounds[1].cell_count = 0;
    int round = 0;
    size_t used = 0;
    for (; used + 1 < size; round ^= 1) {
        used += find(words + used, size - used, placement, state, &rounds[round], &rounds[round ^ 1], counters);
        count_parts(rounds[round].parts, rounds[round].part_count, placement, state, counters, counter_count);
    }
    evh5_count_cells(rounds[round ^ 1].cells, rounds[round ^ 1].cell_count, counters);
    return used;
}

#endif
