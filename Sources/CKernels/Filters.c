// Filters: cells go in and those that stay come out, in order. Those that look at what came before are not for vectors:
// events of one vector may be neighbours.
#include "CKernels.h"

/// How many cells ahead to ask for the memory of their pixels.
enum { AHEAD = 16 };

struct pixel {
    uint32_t x, y;
};

static inline struct pixel pixel_of(uint32_t cell, uint32_t column_bits) {
    return (struct pixel){cell & ((1u << column_bits) - 1), (cell & 0x7FFFFFFF) >> column_bits};
}

size_t evh5_filter_cells_plain(
    const struct evh5_filter *filter, const uint32_t *cells, const uint32_t *times, size_t count, uint32_t *kept_cells,
    uint32_t *kept_times) {
    const struct evh5_filter f = *filter;
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t cell = cells[i], time = times[i];
        const struct pixel pixel = pixel_of(cell, f.column_bits);
        const uint32_t x = (pixel.x ^ f.x_flip) + f.x_add, y = (pixel.y ^ f.y_flip) + f.y_add;
        kept_cells[n] = (x >> f.shift) * f.x_step + (y >> f.shift) * f.y_step + (f.on & (0 - (cell >> 31)));
        kept_times[n] = time;
        n += (x < f.x_limit) & (y < f.y_limit) & ((cell & f.polarity_mask) == f.polarity) &
             ((x & f.sample_mask) == f.sample) & ((y & f.sample_mask) == f.sample);
    }
    return n;
}

size_t evh5_filter_pixels(
    const uint32_t *hot, const uint32_t *cells, const uint32_t *times, size_t count, uint32_t *kept_cells,
    uint32_t *kept_times) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t cell = cells[i], time = times[i], place = cell & 0x7FFFFFFF;
        kept_cells[n] = cell;
        kept_times[n] = time;
        n += ~(hot[place >> 5] >> (place & 31)) & 1;
    }
    return n;
}

size_t evh5_filter_refractory(
    uint32_t column_bits, uint32_t width, int64_t base, int64_t period, int64_t *last, const uint32_t *cells,
    const uint32_t *times, size_t count, uint32_t *kept_cells, uint32_t *kept_times) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const struct pixel next = pixel_of(cells[i + AHEAD < count ? i + AHEAD : i], column_bits);
        __builtin_prefetch(last + 2 * ((size_t)next.y * width + next.x), 1);
        const uint32_t cell = cells[i], time = times[i];
        const struct pixel pixel = pixel_of(cell, column_bits);
        int64_t *const before = last + 2 * ((size_t)pixel.y * width + pixel.x) + (cell >> 31);
        const int64_t t = base + time;
        kept_cells[n] = cell;
        kept_times[n] = time;
        // One that is later in time counts as none.
        n += (uint64_t)(t - *before) >= (uint64_t)period;
        *before = t;
    }
    return n;
}

size_t evh5_filter_noise(
    uint32_t column_bits, uint32_t width, int64_t base, int64_t period, int64_t *last, const uint32_t *cells,
    const uint32_t *times, size_t count, uint32_t *kept_cells, uint32_t *kept_times) {
    const size_t row = (size_t)width + 2;
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const struct pixel next = pixel_of(cells[i + AHEAD < count ? i + AHEAD : i], column_bits);
        const int64_t *const ahead = last + next.y * row + next.x;
        __builtin_prefetch(ahead);
        __builtin_prefetch(ahead + row, 1);
        __builtin_prefetch(ahead + 2 * row);
        const uint32_t cell = cells[i], time = times[i];
        const struct pixel pixel = pixel_of(cell, column_bits);
        int64_t *const above = last + pixel.y * row + pixel.x, *const middle = above + row, *const below = middle + row;
        const int64_t t = base + time, earliest = t - period;
        // All eight without a branch: which of them it is nobody could foretell.
        const int near = (above[0] >= earliest) | (above[1] >= earliest) | (above[2] >= earliest) |
                         (middle[0] >= earliest) | (middle[2] >= earliest) | (below[0] >= earliest) |
                         (below[1] >= earliest) | (below[2] >= earliest);
        kept_cells[n] = cell;
        kept_times[n] = time;
        n += (size_t)near;
        middle[1] = t;
    }
    return n;
}
