// EVT3 words to cells and counts: what callers see, on every processor.
#include "CKernels.h"
#include "EVT3.h"
#include "Variant.h"

#if EVH5_HAS_AVX512

size_t evh5_evt3_cells(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint32_t *cells, uint32_t *times, size_t capacity, size_t *count) {
    return evh5_evt3_cells_avx512(words, size, placement, state, cells, times, capacity, count);
}

size_t evh5_evt3_count(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint8_t *counters, size_t counter_count) {
    // Vectors are added 32 counters at a time, which need to be neighbours.
    if (placement->shift == 0 && counter_count >= 32)
        return evh5_evt3_count_avx512(words, size, placement, state, counters, counter_count);
    enum { CAPACITY = 1024 };
    uint32_t cells[CAPACITY + EVH5_CELLS_SLACK];
    size_t used = 0;
    while (used + 1 < size) {
        size_t count;
        used += evh5_evt3_cells(words + used, size - used, placement, state, cells, NULL, CAPACITY, &count);
        evh5_count_cells(cells, count, counters);
    }
    return used;
}

size_t evh5_evt3_latest(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    const struct evh5_latest *latest) {
    // As for counters.
    if (placement->shift != 0 || latest->count < 32) return 0;
    return evh5_evt3_latest_avx512(words, size, placement, state, latest);
}

#else

size_t evh5_evt3_cells(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint32_t *cells, uint32_t *times, size_t capacity, size_t *count) {
    (void)words, (void)size, (void)placement, (void)state, (void)cells, (void)times, (void)capacity;
    *count = 0;
    return 0;
}

size_t evh5_evt3_count(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint8_t *counters, size_t counter_count) {
    (void)words, (void)size, (void)placement, (void)state, (void)counters, (void)counter_count;
    return 0;
}

size_t evh5_evt3_latest(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    const struct evh5_latest *latest) {
    (void)words, (void)size, (void)placement, (void)state, (void)latest;
    return 0;
}

#endif
