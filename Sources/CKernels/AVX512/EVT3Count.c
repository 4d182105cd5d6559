// EVT3 words to counts: words are taken apart, and events are counted in any order.
#include "../Counting.h"
#include "AVX512Kernels.h"
#include "EVT3Apart.h"

#if EVH5_HAS_AVX512

EVH5_AVX512 EVH5_INLINE size_t count_singles(const struct evh5_round *round, size_t done, void *counters) {
    return count_some(round->cells, done, round->cell_count, counters);
}

/// Adds 1 to the counters from each place on whose bit is set, up to 255.
EVH5_AVX512 EVH5_INLINE void count_vectors(
    const struct evh5_vectors *vectors, uint8_t *counters, size_t counter_count) {
    // A whole vector must not reach past the counters.
    const size_t safe = counter_count - 32;
    for (size_t i = 0; i < vectors->count; i++) {
        const __mmask32 mask = vectors->masks[i];
        const __m256i add = _mm256_maskz_set1_epi8(mask, 1);
        uint8_t *const counter = counters + vectors->places[i];
        if (__builtin_expect(vectors->places[i] <= safe, 1)) {
            const __m256i old = _mm256_loadu_si256((const __m256i *)counter);
            _mm256_storeu_si256((__m256i *)counter, _mm256_adds_epu8(old, add));
        } else {
            const __m256i old = _mm256_maskz_loadu_epi8(mask, counter);
            _mm256_mask_storeu_epi8(counter, mask, _mm256_adds_epu8(old, add));
        }
    }
}

EVH5_AVX512 static size_t count_neighbours(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint8_t *counters, size_t counter_count) {
    struct evh5_round rounds[2];
    struct evh5_vectors vectors;
    rounds[1].cell_count = 0;
    int now = 0;
    size_t used = 0;
    for (; used + 1 < size; now ^= 1) {
        const struct evh5_round *const before = &rounds[now ^ 1];
        size_t done;
        used += evt3_take_apart(
            words + used, size - used, placement, state, NULL, &rounds[now], before, &done, count_singles, counters);
        evh5_count_cells(before->cells + done, before->cell_count - done, counters);
        evt3_find_vectors(&rounds[now], placement, state, &vectors, 0);
        count_vectors(&vectors, counters, counter_count);
    }
    evh5_count_cells(rounds[now ^ 1].cells, rounds[now ^ 1].cell_count, counters);
    return used;
}

size_t evh5_avx512_evt3_count(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint8_t *counters, size_t counter_count) {
    // Vectors are added 32 counters at a time, which need to be neighbours.
    if (placement->shift == 0 && counter_count >= 32)
        return count_neighbours(words, size, placement, state, counters, counter_count);
    enum { CAPACITY = 1024 };
    uint32_t cells[CAPACITY + EVH5_CELLS_SLACK];
    size_t used = 0;
    while (used + 1 < size) {
        size_t count;
        used += evh5_avx512_evt3_cells(words + used, size - used, placement, state, cells, NULL, CAPACITY, &count);
        evh5_count_cells(cells, count, counters);
    }
    return used;
}

#endif
