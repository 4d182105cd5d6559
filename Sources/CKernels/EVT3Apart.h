// EVT3 words taken apart, 16 at a time: address words become cells, and words of vectors are put aside with their row, so that 16 of
// them are decoded at a time too. While a round is taken apart, what the last one left is consumed: the one keeps the processor's
// vector units busy, the other its memory pipes.
#ifndef EVH5_EVT3_APART_H
#define EVH5_EVT3_APART_H

#include "CKernels.h"
#include "EVT3Lanes.h"
#include "EVT3Time.h"

#if EVH5_HAS_AVX512

enum {
    /// Cells or parts of a round: few enough to leave the first level cache to the frame.
    EVH5_ROUND = 1024,
    EVH5_ROUND_ROOM = EVH5_ROUND + EVH5_CELLS_SLACK,
};

/// What a round finds: cells, and words of vectors and bases with the row in the upper half. When it is timed, also the value of
/// each one's time.
struct evh5_round {
    uint32_t cells[EVH5_ROUND_ROOM], parts[EVH5_ROUND_ROOM];
    float cell_values[EVH5_ROUND_ROOM], part_values[EVH5_ROUND_ROOM];
    size_t cell_count, part_count;
};

/// The vectors of a round: up to 32 neighbouring cells each, those whose bit is set.
struct evh5_vectors {
    uint32_t places[EVH5_ROUND_ROOM], masks[EVH5_ROUND_ROOM];
    float values[EVH5_ROUND_ROOM];
    size_t count;
};

/// Consumes some of the cells of `round` from `done` on when enough wait; returns up to where they are consumed.
typedef size_t evh5_consume(const struct evh5_round *round, size_t done, void *plane);

/// Takes words apart until `round` is full and consumes some of the cells of the round `before`, from 0 to `*consumed`; returns the
/// bytes used. Moves all of `state` but what vectors have. `values`, if not NULL, has those of the time in force at first and of each
/// low time after it; then there must be no new time high among the words.
EVH5_AVX512 EVH5_INLINE size_t evt3_take_apart(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    const float *values, struct evh5_round *round, const struct evh5_round *before, size_t *consumed,
    evh5_consume *consume, void *plane) {
    const __m512i width = _mm512_set1_epi32((int)placement->width), height = _mm512_set1_epi32((int)placement->height);
    const __m512i columns = _mm512_set1_epi32((int)placement->columns), on = _mm512_set1_epi32((int)placement->on);
    const __m512i eleven = _mm512_set1_epi32(0x7FF);
    const size_t length = size / 2, limit = EVH5_ROUND - 16;
    int64_t high = state->time_high;
    __m512i y = _mm512_set1_epi32(state->y);
    __m512i high_word = _mm512_set1_epi32(0x8000 | (int)(high >> 12 & 0xFFF));
    size_t i = 0, cells = 0, parts = 0, done = 0;
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
        __mmask16 change = 0;
        if (!values) {
            change = _mm512_mask_cmpneq_epi32_mask(
                _mm512_mask_cmpeq_epi32_mask(active, type, _mm512_set1_epi32(8)), w, high_word);
            if (__builtin_expect(change, 0)) {
                step = (size_t)__builtin_ctz(change);
                active &= (__mmask16)((1u << step) - 1);
            }
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
        // Types 3 to 5.
        const __mmask16 part = _mm512_mask_cmplt_epu32_mask(
            active, _mm512_sub_epi32(type, _mm512_set1_epi32(3)), _mm512_set1_epi32(3));
        _mm512_storeu_si512(round->cells + cells, _mm512_maskz_compress_epi32(valid, cell));
        _mm512_storeu_si512(
            round->parts + parts,
            _mm512_maskz_compress_epi32(part, _mm512_or_si512(w, _mm512_slli_epi32(here, 16))));
        if (values) {
            const __m512 now = _mm512_permutexvar_ps(count_to_here(lows), _mm512_loadu_ps(values));
            _mm512_storeu_ps(round->cell_values + cells, _mm512_maskz_compress_ps(valid, now));
            _mm512_storeu_ps(round->part_values + parts, _mm512_maskz_compress_ps(part, now));
            values += (size_t)__builtin_popcount(lows);
        }
        cells += (size_t)__builtin_popcount(valid);
        parts += (size_t)__builtin_popcount(part);
        i += step;
        done = consume(before, done, plane);
        if (__builtin_expect(change, 0)) {
            const uint32_t word = word16(words + 2 * i);
            high = evt3_time_high(high, word);
            high_word = _mm512_set1_epi32((int)word);
            low_at = cleared;
            i += 1;
        }
    }
    *consumed = done;
    round->cell_count = cells;
    round->part_count = parts;
    state->time_high = high;
    if (low_at != unset) state->time_low = low_at == cleared ? 0 : word16(words + 2 * low_at) & 0xFFF;
    state->y = (uint16_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(y));
    return 2 * i;
}

/// Decodes the parts of `round` and moves what `state` has of vectors.
EVH5_AVX512 EVH5_INLINE void evt3_join_vectors(
    const struct evh5_round *round, const struct evh5_placement *placement, struct evh5_decoder *state,
    struct evh5_vectors *vectors, const int timed) {
    const __m512i width = _mm512_set1_epi32((int)placement->width), height = _mm512_set1_epi32((int)placement->height);
    const __m512i columns = _mm512_set1_epi32((int)placement->columns), on = _mm512_set1_epi32((int)placement->on);
    const __m512i eleven = _mm512_set1_epi32(0x7FF), twelve = _mm512_set1_epi32(0xFFF);
    const __m512i one = _mm512_set1_epi32(1), zero = _mm512_setzero_si512();
    const size_t length = round->part_count;
    uint32_t base = state->base_x;
    __m512i plane_carry = state->vector_polarity ? on : zero;
    size_t n = 0;
    for (size_t i = 0; i < length;) {
        const size_t rest = length - i;
        __mmask16 active = rest >= 16 ? 0xFFFF : (__mmask16)((1u << rest) - 1);
        size_t step = rest >= 16 ? 16 : rest;
        const __m512i both = _mm512_maskz_loadu_epi32(active, round->parts + i);
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
            twelves | eights, _mm512_and_si512(w, _mm512_mask_mov_epi32(_mm512_set1_epi32(0xFF), twelves, twelve)));
        // Words of 12, 12 and 8 columns in one row (and at one time) are taken as one vector of 32.
        __mmask16 same = _mm512_cmpeq_epi32_mask(here, _mm512_alignr_epi32(here, here, 1));
        __m512 now;
        if (timed) {
            now = _mm512_maskz_loadu_ps(active, round->part_values + i);
            const __m512i time = _mm512_castps_si512(now);
            same = _mm512_mask_cmpeq_epi32_mask(same, time, _mm512_alignr_epi32(time, time, 1));
        }
        const __mmask16 heads = twelves & (__mmask16)(twelves >> 1) & (__mmask16)(eights >> 2) &
                                (__mmask16)~(twelves << 1) & same & (__mmask16)(same >> 1);
        const __m512i second = _mm512_slli_epi32(_mm512_alignr_epi32(zero, bits, 1), 12);
        const __m512i third = _mm512_slli_epi32(_mm512_alignr_epi32(zero, bits, 2), 24);
        bits = _mm512_mask_mov_epi32(bits, heads, _mm512_ternarylogic_epi32(bits, second, third, 0xFE));
        const __m512i room = _mm512_max_epi32(_mm512_sub_epi32(width, start), zero);
        bits = _mm512_and_si512(bits, _mm512_sub_epi32(_mm512_sllv_epi32(one, room), one));
        const __mmask16 found = _mm512_mask_test_epi32_mask(
            (twelves | eights) & inside & (__mmask16)~(heads << 1 | heads << 2), bits, bits);
        const uint32_t end =
            (uint32_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(last_lane(_mm512_add_epi32(origin, sums))));
        if (bases || base != NO_BASE) base = end < BASE_LIMIT ? end : BASE_LIMIT;
        plane_carry = last_lane(plane);
        const __m512i place = _mm512_add_epi32(_mm512_add_epi32(_mm512_madd_epi16(here, columns), plane), start);
        _mm512_storeu_si512(vectors->places + n, _mm512_maskz_compress_epi32(found, place));
        _mm512_storeu_si512(vectors->masks + n, _mm512_maskz_compress_epi32(found, bits));
        if (timed) _mm512_storeu_ps(vectors->values + n, _mm512_maskz_compress_ps(found, now));
        n += (size_t)__builtin_popcount(found);
        i += step;
    }
    vectors->count = n;
    state->base_x = (uint16_t)base;
    state->vector_polarity = _mm_cvtsi128_si32(_mm512_castsi512_si128(plane_carry)) != 0;
}

#endif
#endif
