// The kernels of one target.
#pragma once

#include <cstddef>
#include <cstdint>

#include "CKernels.h"

namespace evh5 {

/// Functions of CKernels.h, compiled for one target.
struct Kernels {
    using CellsOf = size_t(
        const uint8_t *words, size_t size, const evh5_placement *placement, evh5_decoder *state, uint32_t *cells,
        uint32_t *times, size_t capacity, size_t *count);
    using CountOf = size_t(
        const uint8_t *words, size_t size, const evh5_placement *placement, evh5_decoder *state, uint8_t *counters,
        size_t counter_count);
    using ScanOf = size_t(
        const uint8_t *words, size_t size, uint32_t width, uint32_t height, int64_t time_shift, evh5_decoder *state,
        evh5_scan *scan);

    /// By evh5_words.
    CellsOf *cells[EVH5_WORDS_END];
    CountOf *count[EVH5_WORDS_END];
    size_t (*dat_cells)(
        const uint8_t *records, size_t size, const evh5_placement *placement, uint32_t geometry_width,
        uint32_t geometry_height, evh5_decoder *state, uint32_t *cells, uint32_t *times, size_t capacity,
        size_t *count);
    size_t (*dat_count)(
        const uint8_t *records, size_t size, const evh5_placement *placement, uint32_t geometry_width,
        uint32_t geometry_height, evh5_decoder *state, uint8_t *counters, size_t counter_count);
    size_t (*evt3_latest)(
        const uint8_t *words, size_t size, const evh5_placement *placement, evh5_decoder *state,
        const evh5_latest *latest);
    ScanOf *scan[EVH5_WORDS_END];
    size_t (*filter_cells)(
        const evh5_filter *filter, const uint32_t *cells, const uint32_t *times, size_t count, uint32_t *kept_cells,
        uint32_t *kept_times);
};

/// Those of a variant of CKernels.h that Targets.cpp makes; null when this processor or this build does not have them.
const Kernels *target_kernels(int variant);

}  // namespace evh5
