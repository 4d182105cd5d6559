// Sixteen words of EVT3 at a time: what the decoders of cells, counts and latest times have in common.
#ifndef EVH5_EVT3_BLOCK_H
#define EVH5_EVT3_BLOCK_H

#include "CKernels.h"
#include "EVT3Lanes.h"
#include "AVX512.h"

#if EVH5_HAS_AVX512

/// Words and their types (the upper four bits), those of the lanes `active`. After `step` words the next block begins,
/// or comes the time high word that `ends` it.
struct evh5_block {
    __m512i w, type;
    __mmask16 active;
    size_t step;
    int ends;
};

/// Reads up to 16 of `rest` words.
EVH5_AVX512 EVH5_INLINE struct evh5_block read_block(const uint8_t *words, size_t rest) {
    struct evh5_block block = {.active = 0xFFFF, .step = 16};
    if (__builtin_expect(rest >= 16, 1)) {
        block.w = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)words));
    } else {
        block.active = (__mmask16)((1u << rest) - 1);
        block.w = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(block.active, words));
        block.step = rest;
    }
    block.type = _mm512_srli_epi32(block.w, 12);
    return block;
}

/// Ends the block before a time high that changes the time.
EVH5_AVX512 EVH5_INLINE void end_at_change(struct evh5_block *block, __m512i high_word) {
    const __mmask16 change = _mm512_mask_cmpneq_epi32_mask(
        _mm512_mask_cmpeq_epi32_mask(block->active, block->type, _mm512_set1_epi32(8)), block->w, high_word);
    block->ends = change != 0;
    if (__builtin_expect(block->ends, 0)) {
        block->step = (size_t)__builtin_ctz(change);
        block->active &= (__mmask16)((1u << block->step) - 1);
    }
}

/// What vectors have from words before: the column that the next one starts at, what is added for its polarity, and the
/// polarity itself, which where nothing is added cannot be told from it.
struct evh5_vector_carry {
    uint32_t base;
    __m512i plane;
    uint8_t polarity;
};

/// The vectors of a block, in the lanes of their words, which are `found` where any bit is set inside the sensor.
struct evh5_joined {
    /// Bit b is an event at column start + b.
    __m512i start, bits;
    __m512i plane;
    __mmask16 found;
};

/// Joins the words of vectors among the lanes `active` of `w`. Three of 12, 12 and 8 columns become one vector of 32
/// where the first two are in `same`: the lanes whose row and time are those of the next one. Lanes in `inside` have a
/// row of the sensor.
EVH5_AVX512 EVH5_INLINE struct evh5_joined join_vectors(
    __m512i w, __m512i type, __mmask16 active, __mmask16 inside, __mmask16 same, __m512i width, __m512i on,
    struct evh5_vector_carry *carry) {
    const __m512i twelve = _mm512_set1_epi32(0xFFF), one = _mm512_set1_epi32(1), zero = _mm512_setzero_si512();
    const __mmask16 twelves = _mm512_mask_cmpeq_epi32_mask(active, type, _mm512_set1_epi32(4));
    const __mmask16 eights = _mm512_mask_cmpeq_epi32_mask(active, type, _mm512_set1_epi32(5));
    const __mmask16 bases = _mm512_mask_cmpeq_epi32_mask(active, type, _mm512_set1_epi32(3));
    const __mmask16 is_on = _mm512_test_epi32_mask(w, _mm512_set1_epi32(0x800));
    struct evh5_joined joined;
    const __m512i lengths = _mm512_mask_mov_epi32(
        _mm512_maskz_set1_epi32(eights, 8), twelves, _mm512_set1_epi32(12));
    const __m512i sums = running_sum(lengths);
    const __m512i x = _mm512_and_si512(w, _mm512_set1_epi32(0x7FF));
    const __m512i origin = spread(bases, _mm512_sub_epi32(x, sums), _mm512_set1_epi32((int)carry->base));
    joined.start = _mm512_add_epi32(origin, _mm512_sub_epi32(sums, lengths));
    joined.plane = spread(bases, _mm512_maskz_mov_epi32(is_on, on), carry->plane);
    __m512i bits = _mm512_maskz_mov_epi32(
        twelves | eights, _mm512_and_si512(w, _mm512_mask_mov_epi32(_mm512_set1_epi32(0xFF), twelves, twelve)));
    const __mmask16 heads = twelves & (__mmask16)(twelves >> 1) & (__mmask16)(eights >> 2) & (__mmask16)~(twelves << 1) &
                            same & (__mmask16)(same >> 1);
    const __m512i second = _mm512_slli_epi32(_mm512_alignr_epi32(zero, bits, 1), 12);
    const __m512i third = _mm512_slli_epi32(_mm512_alignr_epi32(zero, bits, 2), 24);
    bits = _mm512_mask_mov_epi32(bits, heads, _mm512_ternarylogic_epi32(bits, second, third, 0xFE));
    const __m512i room = _mm512_max_epi32(_mm512_sub_epi32(width, joined.start), zero);
    joined.bits = _mm512_and_si512(bits, _mm512_sub_epi32(_mm512_sllv_epi32(one, room), one));
    joined.found = _mm512_mask_test_epi32_mask(
        (twelves | eights) & inside & (__mmask16)~(heads << 1 | heads << 2), joined.bits, joined.bits);
    const uint32_t end = (uint32_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(last_lane(_mm512_add_epi32(origin, sums))));
    if (bases || carry->base != NO_BASE) carry->base = end < BASE_LIMIT ? end : BASE_LIMIT;
    carry->plane = last_lane(joined.plane);
    if (bases) carry->polarity = is_on >> (31 - __builtin_clz(bases)) & 1;
    return joined;
}

/// How many words at the end of the block, which is followed by others, are of 12 columns: they wait for the next
/// block, so that no vector of three words is cut.
EVH5_AVX512 EVH5_INLINE unsigned open_words(__m512i type) {
    const unsigned twelves = _mm512_cmpeq_epi32_mask(type, _mm512_set1_epi32(4));
    const unsigned last = twelves >> 15;
    return last + (last & twelves >> 14);
}

#endif
#endif
