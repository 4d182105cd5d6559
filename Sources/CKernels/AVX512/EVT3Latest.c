// EVT3 words to latest times: words are taken apart, and of the events of a cell the one with the greatest time counts,
// which is the last one as long as time rises. Stretches where it does not are left to the caller.
#include "AVX512Kernels.h"
#include "EVT3Apart.h"

#if EVH5_HAS_AVX512

enum {
    /// Words of a stretch: no more than a round takes.
    STRETCH = EVH5_ROUND - 16,
    /// How many cells and vectors ahead to ask for their memory, which the second level cache may not hold.
    AHEAD = 64,
    VECTORS_AHEAD = 16,
};

/// Puts the low times of the words up to `length`, or up to a time high that changes the time, into `lows`; returns up
/// to where.
EVH5_AVX512 EVH5_INLINE size_t find_lows(
    const uint8_t *words, size_t length, uint32_t high_word, uint16_t *lows, size_t *count) {
    const __m512i same_high = _mm512_set1_epi16((short)high_word);
    size_t n = 0;
    for (size_t i = 0; i < length; i += 32) {
        const size_t rest = length - i;
        __mmask32 active = rest < 32 ? (1u << rest) - 1 : ~0u;
        const __m512i w = _mm512_maskz_loadu_epi16(active, words + 2 * i);
        // The next stretch: going over this one twice, the processor does not expect it.
        __builtin_prefetch(words + 2 * (i + STRETCH));
        const __m512i type = _mm512_srli_epi16(w, 12);
        const __mmask32 change = _mm512_mask_cmpneq_epi16_mask(
            _mm512_mask_cmpeq_epi16_mask(active, type, _mm512_set1_epi16(8)), w, same_high);
        if (__builtin_expect(change != 0, 0)) {
            length = i + (size_t)__builtin_ctz(change);
            active &= (1u << (length - i)) - 1;
        }
        const __mmask32 found = _mm512_mask_cmpeq_epi16_mask(active, type, _mm512_set1_epi16(6));
        _mm512_storeu_si512(
            lows + n, _mm512_maskz_compress_epi16(found, _mm512_and_si512(w, _mm512_set1_epi16(0xFFF))));
        n += (size_t)__builtin_popcount(found);
    }
    *count = n;
    return length;
}

/// Whether lows[0...count] rise.
EVH5_AVX512 EVH5_INLINE int are_rising(const uint16_t *lows, size_t count) {
    for (size_t k = 0; k < count; k += 32) {
        const size_t rest = count - k;
        const __mmask32 active = rest < 32 ? (1u << rest) - 1 : ~0u;
        const __m512i here = _mm512_maskz_loadu_epi16(active, lows + k + 1), before = _mm512_loadu_si512(lows + k);
        if (_mm512_mask_cmplt_epu16_mask(active, here, before)) return 0;
    }
    return 1;
}

EVH5_AVX512 EVH5_INLINE size_t set_singles(const struct evh5_round *round, size_t done, void *plane) {
    float *const values = plane;
    const size_t end = done + 16;
    if (end > round->cell_count) return done;
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 16; i++) {
        __builtin_prefetch(values + round->cells[done + i + AHEAD], 1);
        values[round->cells[done + i]] = round->cell_values[done + i];
    }
    return end;
}

/// What is in the plane is of the same round or older.
EVH5_AVX512 EVH5_INLINE void set_vectors(const struct evh5_vectors *vectors, const struct evh5_latest *latest) {
    // A whole vector must not reach past the plane.
    const size_t safe = latest->count - 32;
    for (size_t i = 0; i < vectors->count; i++) {
        const __mmask16 lower = (__mmask16)vectors->masks[i], upper = (__mmask16)(vectors->masks[i] >> 16);
        const __m512 now = _mm512_set1_ps(vectors->values[i]);
        float *const value = latest->values + vectors->places[i];
        __builtin_prefetch(latest->values + vectors->places[i + VECTORS_AHEAD], 1);
        __builtin_prefetch(latest->values + vectors->places[i + VECTORS_AHEAD] + 31, 1);
        if (__builtin_expect(vectors->places[i] <= safe, 1)) {
            const __m512 a = _mm512_loadu_ps(value), b = _mm512_loadu_ps(value + 16);
            _mm512_storeu_ps(value, _mm512_mask_max_ps(a, lower, a, now));
            _mm512_storeu_ps(value + 16, _mm512_mask_max_ps(b, upper, b, now));
        } else {
            const __m512 a = _mm512_maskz_loadu_ps(lower, value), b = _mm512_maskz_loadu_ps(upper, value + 16);
            _mm512_mask_storeu_ps(value, lower, _mm512_max_ps(a, now));
            _mm512_mask_storeu_ps(value + 16, upper, _mm512_max_ps(b, now));
        }
    }
}

EVH5_AVX512 EVH5_INLINE void set_rest(
    const struct evh5_round *round, size_t done, const struct evh5_vectors *vectors, const struct evh5_latest *latest) {
    for (; done < round->cell_count; done++) latest->values[round->cells[done]] = round->cell_values[done];
    set_vectors(vectors, latest);
}

EVH5_AVX512 size_t evh5_avx512_evt3_latest(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    const struct evh5_latest *latest) {
    // Vectors are set 32 values at a time, which need to be neighbours.
    if (placement->shift != 0 || latest->count < 32) return 0;
    struct evh5_round rounds[2];
    struct evh5_vectors vectors;
    uint16_t lows[1 + STRETCH + 32];
    float values[1 + STRETCH + 16];
    rounds[1].cell_count = vectors.count = 0;
    int now = 0;
    size_t used = 0;
    while (used + 1 < size) {
        const size_t rest = (size - used) / 2;
        const uint32_t high_word = 0x8000 | (uint32_t)(state->time_high >> 12 & 0xFFF);
        size_t count;
        lows[0] = state->time_low;
        const size_t length = find_lows(words + used, rest < STRETCH ? rest : STRETCH, high_word, lows + 1, &count);
        const int64_t start = state->time_high - latest->origin;
        if (start + lows[0] < latest->lowest || !are_rising(lows, count) || start + lows[count] >= latest->end) break;
        for (size_t k = 0; k <= count; k++)
            values[k] = (float)(((double)(start + lows[k]) - latest->start) / latest->duration);
        const struct evh5_round *const before = &rounds[now ^ 1];
        size_t done;
        evt3_take_apart(
            words + used, 2 * length, placement, state, values, &rounds[now], before, &done, set_singles, latest->values);
        set_rest(before, done, &vectors, latest);
        evt3_find_vectors(&rounds[now], placement, state, &vectors, 1);
        now ^= 1;
        used += 2 * length;
        if (length < rest && length < STRETCH) {
            // A time high that changes the time.
            const int64_t high = evt3_time_high(state->time_high, word16(words + used));
            if (high < state->time_high + state->time_low) break;
            state->time_high = high;
            state->time_low = 0;
            used += 2;
        }
    }
    set_rest(&rounds[now ^ 1], 0, &vectors, latest);
    return used;
}

#endif
