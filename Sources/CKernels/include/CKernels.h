// The inner loops where C was measured to win: Swift has no per-function target and no dispatch on the processor.
// The decoders here need vectors of bytes that can be shuffled (SSE4, AVX2, NEON, AVX-512), and are called only when
// evh5_kernels_current says that the processor has them; else Swift's run. What works on cells is plain, for its
// prefetches.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Which decoders run. All give the same bytes.
enum {
    /// Those in Swift.
    EVH5_KERNELS_PLAIN = 0,
    /// x86-64 with SSE4.2 and carry-less multiplication (since 2010), with AVX2, BMI and FMA (Intel since 2013, AMD
    /// since 2015), and any 64 bit ARM.
    EVH5_KERNELS_SSE4 = 1,
    EVH5_KERNELS_AVX2 = 2,
    EVH5_KERNELS_NEON = 3,
    /// AVX-512 F, BW, CD, DQ, VL, VBMI2, BITALG and VPOPCNTDQ: Intel from Ice Lake (servers), AMD from Zen 4.
    EVH5_KERNELS_AVX512 = 4,
    EVH5_KERNELS_END = 5,
};

/// What EVH5_KERNELS and people call a variant; NULL for none.
const char *evh5_kernels_name(int variant);

/// Whether this processor runs `variant`.
int evh5_kernels_has(int variant);

/// The best variant that this processor runs.
int evh5_kernels_best(void);

/// The variant in use: the best one, unless EVH5_KERNELS in the environment or evh5_kernels_use names another one that
/// this processor has.
int evh5_kernels_current(void);

/// Uses `variant` in this thread, or the best one when the processor does not have it; for tests. -1: as before any
/// choice.
void evh5_kernels_use(int variant);

/// Where the events of a pixel go: cell (y >> shift) * columns + (x >> shift), plus `on` for on events.
/// Events at x >= width or y >= height are left out.
struct evh5_placement {
    uint32_t width;
    uint32_t height;
    uint32_t shift;
    uint32_t columns;
    uint32_t on;
};

/// A decoder between two words; as DecoderState in Swift.
struct evh5_decoder {
    int64_t time_high;
    uint16_t time_low;
    uint16_t y;
    uint16_t base_x;
    uint8_t vector_polarity;
};

/// Cells to leave room for beyond `capacity`: what is written past the last cell of a block.
enum { EVH5_CELLS_SLACK = 256 };

/// Formats whose words hold their own place. All but EVT3 have 28 bit time highs of 64 us.
enum evh5_words {
    EVH5_WORDS_EVT2 = 0,
    EVH5_WORDS_EVT21 = 1,
    EVH5_WORDS_EVT21_LEGACY = 2,
    EVH5_WORDS_EVT3 = 3,
    EVH5_WORDS_EVT4 = 4,
    EVH5_WORDS_END = 5,
};

/// Decodes `size` bytes of words into at most `capacity` cells (at least 512) and returns the bytes used: all, or as
/// many as fill the cells, or those before time leaves the range of 32 bits. A vector word of EVT4 at the end waits for
/// its mask: then 0 bytes may be used. `times` gets the cells' times less the time high that `state` had before, us;
/// for EVT3 it may be NULL when they do not matter. Both have EVH5_CELLS_SLACK more elements. The decoder must have
/// seen its first time high. `count` gets the number of cells. The plain variant decodes nothing.
size_t evh5_cells(
    enum evh5_words format, const uint8_t *words, size_t size, const struct evh5_placement *placement,
    struct evh5_decoder *state, uint32_t *cells, uint32_t *times, size_t capacity, size_t *count);

/// Decodes all whole words of `size` bytes and adds 1 to the counter of every event's cell, up to 255. `counter_count`
/// counters are there. Returns the bytes used. The plain variant decodes nothing.
size_t evh5_count(
    enum evh5_words format, const uint8_t *words, size_t size, const struct evh5_placement *placement,
    struct evh5_decoder *state, uint8_t *counters, size_t counter_count);

/// A plane of latest times: of events at lowest <= t - origin < end, us, t being before any time shift, the plane holds
/// (float)(((t - origin) - start) / duration), in double. `count` values are there.
struct evh5_latest {
    float *values;
    size_t count;
    int64_t origin, lowest, end;
    double start, duration;
};

/// Decodes whole words of `size` bytes and sets the value of every event's cell, later events replacing earlier ones.
/// Returns the bytes used: all, or those before a stretch in which something is odd: a time outside of `latest`'s or
/// running backwards. Then 0 bytes may be used. Values that are there must not be greater than those of `lowest`.
size_t evh5_evt3_latest(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    const struct evh5_latest *latest);

/// The same as evh5_cells for DAT (version 2), where times are those stored, less the wraps in time_high (its upper
/// half). Only events inside geometry_width and geometry_height move the time. Stops before a record at which time may
/// wrap: then 0 bytes may be used.
size_t evh5_dat_cells(
    const uint8_t *records, size_t size, const struct evh5_placement *placement, uint32_t geometry_width,
    uint32_t geometry_height, struct evh5_decoder *state, uint32_t *cells, uint32_t *times, size_t capacity,
    size_t *count);

/// The same as evh5_count for DAT; stops where evh5_dat_cells does.
size_t evh5_dat_count(
    const uint8_t *records, size_t size, const struct evh5_placement *placement, uint32_t geometry_width,
    uint32_t geometry_height, struct evh5_decoder *state, uint8_t *counters, size_t counter_count);

/// What a scan found, times in us after the time shift. To be zeroed before.
struct evh5_scan {
    int64_t events;
    /// In file order, and of all; they mean something when `touched` is not 0.
    int64_t first, last, lowest, highest;
    /// Events that are earlier than the one before.
    int64_t backward;
    int32_t touched;
};

/// Adds the events of words to `scan` and moves `state`, up to the end of `size` or to where something is odd: a word
/// that is no event, address or time, an event outside, EVT3's time running backwards. Returns the bytes used; the
/// exact decoder takes the words after them. The plain variant is in Swift. Sides are at most 16384.
size_t evh5_scan_words(
    enum evh5_words format, const uint8_t *words, size_t size, uint32_t width, uint32_t height, int64_t time_shift,
    struct evh5_decoder *state, struct evh5_scan *scan);

/// Keeps the cells whose time is in lowest ... lowest + length - 1, in place; returns how many.
size_t evh5_cells_within(uint32_t *cells, uint32_t *times, size_t count, uint32_t lowest, uint32_t length);

/// Which cells of pixels stay, and where they go. In cells that come in the lower `column_bits` bits are x, bit 31 is
/// the polarity and those between are y.
struct evh5_filter {
    uint32_t column_bits;
    /// A cell stays if cell & polarity_mask == polarity.
    uint32_t polarity_mask, polarity;
    /// A side goes to (side ^ flip) + add, in 32 bits, and stays if that is less than `limit` and its bits of
    /// `sample_mask` are `sample`.
    uint32_t x_flip, x_add, x_limit;
    uint32_t y_flip, y_add, y_limit;
    uint32_t sample_mask, sample;
    /// Then the cell is (x >> shift) * x_step + (y >> shift) * y_step, plus `on` for on events.
    uint32_t shift, x_step, y_step, on;
};

/// Writes the cells that stay, with their times, in order; returns how many. In place is allowed. Up to
/// EVH5_CELLS_SLACK more elements are overwritten.
size_t evh5_filter_cells(
    const struct evh5_filter *filter, const uint32_t *cells, const uint32_t *times, size_t count, uint32_t *kept_cells,
    uint32_t *kept_times);

/// The same, without vectors.
size_t evh5_filter_cells_plain(
    const struct evh5_filter *filter, const uint32_t *cells, const uint32_t *times, size_t count, uint32_t *kept_cells,
    uint32_t *kept_times);

/// Leaves out the events whose cell without the polarity is a number of a bit that is 1 in `hot`. In place is allowed.
size_t evh5_filter_pixels(
    const uint32_t *hot, const uint32_t *cells, const uint32_t *times, size_t count, uint32_t *kept_cells,
    uint32_t *kept_times);

/// Leaves out an event if the one before of the same pixel and polarity was less than `period` earlier. Times count
/// from `base`. `last` has an element for each pixel and polarity, [y][x][polarity].
size_t evh5_filter_refractory(
    uint32_t column_bits, uint32_t width, int64_t base, int64_t period, int64_t *last, const uint32_t *cells,
    const uint32_t *times, size_t count, uint32_t *kept_cells, uint32_t *kept_times);

/// Leaves out an event if the last ones before of all eight neighbours were more than `period` earlier. `last` has an
/// element for each pixel and for those around the sensor: (height + 2) * (width + 2).
size_t evh5_filter_noise(
    uint32_t column_bits, uint32_t width, int64_t base, int64_t period, int64_t *last, const uint32_t *cells,
    const uint32_t *times, size_t count, uint32_t *kept_cells, uint32_t *kept_times);

/// Adds 1 to the counter of every cell, up to 255. `cells` has EVH5_CELLS_SLACK more elements.
void evh5_count_cells(const uint32_t *cells, size_t count, uint8_t *counters);

/// values[cells[i]] = elements[i], in this order. `cells` has EVH5_CELLS_SLACK more elements.
void evh5_set_cells(const uint32_t *cells, const float *elements, size_t count, float *values);

/// Notes the times of cells, base + time and within 0...length, among the `depth` greatest of each cell, which fall; 0
/// stands for none. `newest` is [cell][depth]. The bit of a cell in `full` becomes 1 once it has `depth` times.
void evh5_keep_newest(
    const uint32_t *cells, const uint32_t *times, size_t count, int64_t base, uint32_t length, size_t depth,
    uint32_t *newest, uint32_t *full);

/// Adds `step` to the value of every cell with the upper bit set and subtracts it from those without, kept in -1...1
/// after each.
void evh5_add_cells(const uint32_t *cells, size_t count, float step, float *values);

/// Adds `left` to left_values and `right` to right_values of every cell, in double, kept in -1...1 after each; the
/// values may be NULL. With `is_signed` cells without the upper bit subtract. `following` cells, at least `count`, can
/// be read.
void evh5_share_cells(
    const uint32_t *cells, size_t count, size_t following, double left, double right, int is_signed,
    float *left_values, float *right_values);

/// values[i] = (float)((times[i] + offset) / duration), the sum exact and the quotient in double.
void evh5_time_fractions(const uint32_t *times, size_t count, int64_t offset, double duration, float *values);

#ifdef __cplusplus
}
#endif

#endif
