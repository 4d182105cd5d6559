// Functions of CKernels.h for processors with AVX-512, on x86-64 only.
#ifndef EVH5_AVX512_KERNELS_H
#define EVH5_AVX512_KERNELS_H

#include "CKernels.h"

#ifdef __cplusplus
extern "C" {
#endif

size_t evh5_avx512_evt3_cells(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint32_t *cells, uint32_t *times, size_t capacity, size_t *count);

size_t evh5_avx512_evt3_count(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint8_t *counters, size_t counter_count);

size_t evh5_avx512_evt3_latest(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    const struct evh5_latest *latest);

size_t evh5_avx512_evt3_scan(
    const uint8_t *words, size_t size, uint32_t width, uint32_t height, int64_t time_shift, struct evh5_decoder *state,
    struct evh5_scan *scan);

size_t evh5_avx512_evt2_cells(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint32_t *cells, uint32_t *times, size_t capacity, size_t *count);

size_t evh5_avx512_evt2_count(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    uint8_t *counters, size_t counter_count);

size_t evh5_avx512_dat_cells(
    const uint8_t *records, size_t size, const struct evh5_placement *placement, uint32_t geometry_width,
    uint32_t geometry_height, struct evh5_decoder *state, uint32_t *cells, uint32_t *times, size_t capacity,
    size_t *count);

size_t evh5_avx512_dat_count(
    const uint8_t *records, size_t size, const struct evh5_placement *placement, uint32_t geometry_width,
    uint32_t geometry_height, struct evh5_decoder *state, uint8_t *counters, size_t counter_count);

#ifdef __cplusplus
}
#endif

#endif
