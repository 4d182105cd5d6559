// The index scan of EVT3, 32 words at a time where EVT3Clean.c does not do it: counts events and follows the decoder's
// state without decoding anything.
#include "../EVT3Times.h"
#include "AVX512.h"
#include "AVX512Kernels.h"
#include "EVT3Clean.h"

#if EVH5_HAS_AVX512

EVH5_AVX512 EVH5_INLINE unsigned columns_of(uint32_t twelves, uint32_t eights) {
    return 12 * (unsigned)__builtin_popcount(twelves) + 8 * (unsigned)__builtin_popcount(eights);
}

/// Follows the vectors and bases of a block one by one; -1 when a vector is not wholly inside the row, else the base.
static int walk_base(const uint8_t *block, uint32_t words, uint32_t base, uint32_t width) {
    for (; words; words &= words - 1) {
        const uint32_t word = word16(block + 2 * (unsigned)__builtin_ctz(words));
        if (word >> 12 == 3) {
            base = word & 0x7FF;
        } else {
            base += word >> 12 == 4 ? 12 : 8;
            if (base > width) return -1;
        }
    }
    return (int)base;
}

EVH5_AVX512 size_t evh5_avx512_evt3_scan(
    const uint8_t *words, size_t size, uint32_t geometry_width, uint32_t geometry_height, int64_t time_shift,
    struct evh5_decoder *state, struct evh5_scan *scan) {
    const size_t length = size / 2;
    const __m512i width = _mm512_set1_epi16((short)geometry_width), height = _mm512_set1_epi16((short)geometry_height);
    const __m512i room = _mm512_set1_epi16((short)((int)geometry_width - 36));
    const __m512i eleven = _mm512_set1_epi16(0x7FF), eight = _mm512_set1_epi16(8);
    const __m512i before = _mm512_add_epi16(
        _mm512_set_epi16(
            31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3,
            2, 1, 0),
        _mm512_set1_epi16(-1));
    // Sums of lanes of 16 bits, 12 a block, stay small for this many blocks.
    const size_t longest = 32 * 2048;
    uint32_t base = state->base_x;
    size_t i = 0;
    int is_clean = state->y < geometry_height;
    // Where to try the quick part again, and how many blocks to wait after it got nowhere.
    size_t again = geometry_width < EVH5_CLEAN_WIDTH ? length : 32, wait = 1;
    while (i < length && is_clean) {
        const __m512i high_word = _mm512_set1_epi16((short)(0x8000 | (state->time_high >> 12 & 0xFFF)));
        const size_t start = i, stop = length - i > longest ? i + longest : length;
        // 0x6000 or the last low time, as the words have it.
        uint32_t low = 0x6000u | state->time_low, row = state->y, polarity = state->vector_polarity;
        uint64_t singles_seen = 0;
        __m512i sums = _mm512_setzero_si512();
        __mmask32 change = 0;
        while (i < stop) {
            if (i >= again && stop - i >= 64) {
                struct evh5_clean clean = {
                    0x8000 | (uint32_t)(state->time_high >> 12 & 0xFFF), geometry_width, geometry_height, low, row, base,
                    polarity, sums};
                const size_t end = evh5_evt3_clean(words, i, stop, &clean);
                wait = end > i ? 1 : wait < 64 ? 2 * wait : wait;
                again = end + 32 * wait;
                i = end;
                low = clean.low;
                row = clean.row;
                base = clean.base;
                polarity = clean.polarity;
                sums = clean.events;
                if (i == stop) break;
            }
            const size_t rest = stop - i;
            __mmask32 active = rest >= 32 ? ~0u : (1u << rest) - 1;
            const uint8_t *const block = words + 2 * i;
            const __m512i w = _mm512_maskz_loadu_epi16(active, block);
            const __m512i type = _mm512_srli_epi16(w, 12);
            change = _mm512_mask_cmpneq_epi16_mask(_mm512_mask_cmpeq_epi16_mask(active, type, eight), w, high_word);
            size_t step = rest >= 32 ? 32 : rest;
            if (__builtin_expect(change != 0, 0)) {
                step = (size_t)__builtin_ctz(change);
                active &= (1u << step) - 1;
            }
            const __mmask32 rows = _mm512_mask_testn_epi16_mask(active, type, type);
            const __mmask32 singles = _mm512_mask_cmpeq_epi16_mask(active, type, _mm512_set1_epi16(2));
            const __mmask32 bases = _mm512_mask_cmpeq_epi16_mask(active, type, _mm512_set1_epi16(3));
            const __mmask32 twelves = _mm512_mask_cmpeq_epi16_mask(active, type, _mm512_set1_epi16(4));
            const __mmask32 eights = _mm512_mask_cmpeq_epi16_mask(active, type, _mm512_set1_epi16(5));
            const __mmask32 lows = _mm512_mask_cmpeq_epi16_mask(active, type, _mm512_set1_epi16(6));
            const __mmask32 highs = _mm512_mask_cmpeq_epi16_mask(active, type, eight);
            const __m512i x = _mm512_and_si512(w, eleven);
            // Words of other types, rows and columns outside, time running backwards.
            __mmask32 odd = active & ~(rows | singles | bases | twelves | eights | lows | highs);
            odd |= _mm512_mask_cmpge_epu16_mask(singles, x, width) | _mm512_mask_cmpge_epu16_mask(rows, w, height);
            const __m512i times = _mm512_maskz_compress_epi16(lows, w);
            const __m512i earlier =
                _mm512_mask_set1_epi16(_mm512_permutexvar_epi16(before, times), 1, (short)low);
            odd |= _mm512_mask_cmplt_epu16_mask(
                (__mmask32)_bzhi_u32(~0u, (unsigned)__builtin_popcount(lows)), times, earlier);
            if (__builtin_expect(odd != 0, 0)) {
                is_clean = 0;
                change = 0;
                break;
            }
            const __mmask32 vectors = twelves | eights;
            if (vectors | bases) {
                const unsigned last = 31 - (unsigned)__builtin_clz(bases | 1);
                // Two reasons for which no vector after a base can leave the row, and one that goes by the vectors
                // before it: the rightmost base has room for all vectors of the block, or for three, when none has more
                // behind it.
                const __m512i all = _mm512_set1_epi16((short)((int)geometry_width - (int)columns_of(twelves, eights)));
                const __mmask32 crowded = _mm512_mask_cmpgt_epi16_mask(bases, x, all);
                const uint32_t four = vectors & vectors << 1 & vectors << 2 & vectors << 3;
                const uint32_t apart = vectors & ~(vectors << 1) & ~(bases << 1 | 1);
                const uint32_t several = four | apart | _mm512_mask_cmpgt_epi16_mask(bases, x, room);
                const uint32_t leading = bases ? (bases & (0 - bases)) - 1 : ~0u;
                const unsigned carried = base + columns_of(twelves & leading, eights & leading);
                if (__builtin_expect((!crowded | !several) & (carried <= geometry_width), 1)) {
                    const uint32_t after = ~((2u << last) - 1);
                    const uint32_t moved =
                        (word16(block + 2 * last) & 0x7FFu) + columns_of(twelves & after, eights & after);
                    base = bases ? moved : carried;
                } else {
                    const int end = walk_base(block, vectors | bases, base, geometry_width);
                    if (end < 0) {
                        is_clean = 0;
                        change = 0;
                        break;
                    }
                    base = (uint32_t)end;
                }
                polarity = bases ? (uint32_t)word16(block + 2 * last) >> 11 & 1 : polarity;
                const __m512i mask =
                    _mm512_mask_mov_epi16(_mm512_maskz_set1_epi16(eights, 0xFF), twelves, _mm512_set1_epi16(0xFFF));
                const __m512i bits = _mm512_and_si512(w, mask);
                sums = _mm512_add_epi16(sums, _mm512_popcnt_epi16(bits));
            }
            const uint32_t new_row = word16(block + 2 * (31 - (unsigned)__builtin_clz(rows | 1)));
            row = rows ? new_row : row;
            const uint32_t new_low = word16(block + 2 * (31 - (unsigned)__builtin_clz(lows | 1)));
            low = lows ? new_low : low;
            singles_seen += (unsigned)__builtin_popcount(singles);
            i += step;
            if (__builtin_expect(change != 0, 0)) break;
        }
        const __m512i pairs = _mm512_madd_epi16(sums, _mm512_set1_epi16(1));
        scan->events += (int64_t)singles_seen + _mm512_reduce_add_epi32(pairs);
        evt3_add_times(words, start, i, state->time_high - time_shift, state->time_low, scan);
        state->y = (uint16_t)row;
        state->time_low = low & 0xFFF;
        state->vector_polarity = (uint8_t)polarity;
        if (change) {
            state->time_high = evt3_time_high(state->time_high, word16(words + 2 * i));
            state->time_low = 0;
            i += 1;
        }
    }
    state->base_x = (uint16_t)base;
    return 2 * i;
}

#endif
