// EVT3 words taken apart, 16 at a time: address words become cells, and words of vectors are put aside with their row,
// so that 16 of them are decoded at a time too. While a round is taken apart, what the last one left is consumed: the
// one keeps the processor's vector units busy, the other its memory pipes.
#ifndef EVH5_EVT3_APART_H
#define EVH5_EVT3_APART_H

#include "CKernels.h"
#include "EVT3Block.h"

#if EVH5_HAS_AVX512

enum {
    /// Cells or parts of a round: few enough to leave the first level cache to the frame.
    EVH5_ROUND = 1024,
    EVH5_ROUND_ROOM = EVH5_ROUND + EVH5_CELLS_SLACK,
};

/// What a round finds: cells, and words of vectors and bases with the row in the upper half. When it is timed, also the
/// value of each one's time.
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

/// Takes words apart until `round` is full and consumes some of the cells of the round `before`, from 0 to `*consumed`;
/// returns the bytes used. Moves all of `state` but what vectors have. `values`, if not NULL, has those of the time in
/// force at first and of each low time after it; then no word may be a time high that changes the time.
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
        struct evh5_block block = read_block(words + 2 * i, length - i);
        if (!values) end_at_change(&block, high_word);
        const __m512i w = block.w, type = block.type;
        const __mmask16 active = block.active;
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
        i += block.step;
        done = consume(before, done, plane);
        if (__builtin_expect(block.ends, 0)) {
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
EVH5_AVX512 EVH5_INLINE void evt3_find_vectors(
    const struct evh5_round *round, const struct evh5_placement *placement, struct evh5_decoder *state,
    struct evh5_vectors *vectors, const int timed) {
    const __m512i width = _mm512_set1_epi32((int)placement->width), height = _mm512_set1_epi32((int)placement->height);
    const __m512i columns = _mm512_set1_epi32((int)placement->columns), on = _mm512_set1_epi32((int)placement->on);
    const size_t length = round->part_count;
    struct evh5_vector_carry carry = {
        state->base_x, state->vector_polarity ? on : _mm512_setzero_si512(), state->vector_polarity};
    size_t n = 0;
    for (size_t i = 0; i < length;) {
        const size_t rest = length - i;
        __mmask16 active = rest >= 16 ? 0xFFFF : (__mmask16)((1u << rest) - 1);
        size_t step = rest >= 16 ? 16 : rest;
        const __m512i both = _mm512_maskz_loadu_epi32(active, round->parts + i);
        const __m512i here = _mm512_srli_epi32(both, 16), w = _mm512_and_si512(both, _mm512_set1_epi32(0xFFFF));
        const __m512i type = _mm512_srli_epi32(w, 12);
        if (rest > 16) {
            const unsigned open = open_words(type);
            step -= open;
            active >>= open;
        }
        const __mmask16 inside = _mm512_cmplt_epu32_mask(here, height);
        __mmask16 same = _mm512_cmpeq_epi32_mask(here, _mm512_alignr_epi32(here, here, 1));
        __m512i value;
        if (timed) {
            value = _mm512_loadu_si512(round->part_values + i);
            same = _mm512_mask_cmpeq_epi32_mask(same, value, _mm512_alignr_epi32(value, value, 1));
        }
        const struct evh5_joined joined = join_vectors(w, type, active, inside, same, width, on, &carry);
        const __m512i row = _mm512_add_epi32(_mm512_madd_epi16(here, columns), joined.plane);
        _mm512_storeu_si512(
            vectors->places + n, _mm512_maskz_compress_epi32(joined.found, _mm512_add_epi32(row, joined.start)));
        _mm512_storeu_si512(vectors->masks + n, _mm512_maskz_compress_epi32(joined.found, joined.bits));
        if (timed) _mm512_storeu_si512(vectors->values + n, _mm512_maskz_compress_epi32(joined.found, value));
        n += (size_t)__builtin_popcount(joined.found);
        i += step;
    }
    vectors->count = n;
    state->base_x = (uint16_t)carry.base;
    state->vector_polarity = carry.polarity;
}

#endif
#endif
