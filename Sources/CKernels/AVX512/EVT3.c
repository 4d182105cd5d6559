// EVT3 words to cells and counts: what callers see.
#include "AVX512.h"
#include "AVX512Kernels.h"
#include "EVT3.h"

#if EVH5_HAS_AVX512

size_t evh5_avx512_evt3_cells(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint32_t *cells, uint32_t *times, size_t capacity, size_t *count) {
    return avx512_evt3_cells(words, size, placement, state, cells, times, capacity, count);
}

size_t evh5_avx512_evt3_count(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint8_t *counters, size_t counter_count) {
    // Vectors are added 32 counters at a time, which need to be neighbours.
    if (placement->shift == 0 && counter_count >= 32)
        return avx512_evt3_count(words, size, placement, state, counters, counter_count);
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

size_t evh5_avx512_evt3_latest(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    const struct evh5_latest *latest) {
    // As for counters.
    if (placement->shift != 0 || latest->count < 32) return 0;
    return avx512_evt3_latest(words, size, placement, state, latest);
}

#endif
