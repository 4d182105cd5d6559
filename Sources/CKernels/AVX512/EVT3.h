// What EVT3.c calls.
#ifndef EVH5_EVT3_H
#define EVH5_EVT3_H

#include "CKernels.h"

size_t avx512_evt3_cells(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint32_t *cells, uint32_t *times, size_t capacity, size_t *count);

/// As evh5_evt3_count.
size_t avx512_evt3_count(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint8_t *counters, size_t counter_count);

/// As evh5_evt3_latest; the plane has at least 32 values.
size_t avx512_evt3_latest(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    const struct evh5_latest *latest);

#endif
