// Which variant of the kernels runs: what callers see.
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "AVX512/AVX512Kernels.h"
#include "CKernels.h"
#include "Kernels.h"

namespace evh5 {

namespace {

const Kernels *avx512_kernels() {
#if defined(__x86_64__)
    static const Kernels *const kernels = []() -> const Kernels * {
        __builtin_cpu_init();
        const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi2") &&
                         __builtin_cpu_supports("avx512bitalg") && __builtin_cpu_supports("avx512vpopcntdq") &&
                         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                         __builtin_cpu_supports("popcnt");
        const Kernels *const others = target_kernels(EVH5_KERNELS_AVX2);
        if (!has || !others) return nullptr;
        // EVT2.1 and EVT4 have none of their own.
        static Kernels all = *others;
        all.cells[EVH5_WORDS_EVT3] = evh5_avx512_evt3_cells;
        all.count[EVH5_WORDS_EVT3] = evh5_avx512_evt3_count;
        all.cells[EVH5_WORDS_EVT2] = evh5_avx512_evt2_cells;
        all.count[EVH5_WORDS_EVT2] = evh5_avx512_evt2_count;
        all.dat_cells = evh5_avx512_dat_cells;
        all.dat_count = evh5_avx512_dat_count;
        all.evt3_latest = evh5_avx512_evt3_latest;
        all.scan[EVH5_WORDS_EVT3] = evh5_avx512_evt3_scan;
        return &all;
    }();
    return kernels;
#else
    return nullptr;
#endif
}

const Kernels *kernels_of(int variant) {
    return variant == EVH5_KERNELS_AVX512 ? avx512_kernels() : target_kernels(variant);
}

/// What the process uses; -1 until somebody asked.
std::atomic<int> standard{-1};
/// What this thread uses; -1 for the standard.
thread_local int chosen = -1;

/// Those in use; null for the plain ones.
const Kernels *current() { return kernels_of(evh5_kernels_current()); }

}  // namespace

}  // namespace evh5

using evh5::current;

const char *evh5_kernels_name(int variant) {
    switch (variant) {
        case EVH5_KERNELS_PLAIN: return "plain";
        case EVH5_KERNELS_SSE4: return "sse4";
        case EVH5_KERNELS_AVX2: return "avx2";
        case EVH5_KERNELS_NEON: return "neon";
        case EVH5_KERNELS_AVX512: return "avx512";
        default: return nullptr;
    }
}

int evh5_kernels_has(int variant) {
    return variant == EVH5_KERNELS_PLAIN || (variant > 0 && evh5::kernels_of(variant) != nullptr);
}

int evh5_kernels_best(void) {
    for (int variant = EVH5_KERNELS_END - 1; variant > EVH5_KERNELS_PLAIN; variant--)
        if (evh5_kernels_has(variant)) return variant;
    return EVH5_KERNELS_PLAIN;
}

void evh5_kernels_use(int variant) {
    evh5::chosen = variant < 0 || evh5_kernels_has(variant) ? variant : evh5_kernels_best();
}

int evh5_kernels_current(void) {
    if (evh5::chosen >= 0) return evh5::chosen;
    int variant = evh5::standard.load(std::memory_order_relaxed);
    if (variant < 0) {
        variant = evh5_kernels_best();
        // A way back for machines where AVX-512 lowers the clock, or a variant is suspected of anything.
        if (const char *asked = getenv("EVH5_KERNELS")) {
            for (int other = 0; other < EVH5_KERNELS_END; other++)
                if (strcmp(asked, evh5_kernels_name(other)) == 0 && evh5_kernels_has(other)) variant = other;
        }
        evh5::standard.store(variant, std::memory_order_relaxed);
    }
    return variant;
}

size_t evh5_cells(
    enum evh5_words format, const uint8_t *words, size_t size, const struct evh5_placement *placement,
    struct evh5_decoder *state, uint32_t *cells, uint32_t *times, size_t capacity, size_t *count) {
    *count = 0;
    const auto *const kernels = current();
    return kernels ? kernels->cells[format](words, size, placement, state, cells, times, capacity, count) : 0;
}

size_t evh5_count(
    enum evh5_words format, const uint8_t *words, size_t size, const struct evh5_placement *placement,
    struct evh5_decoder *state, uint8_t *counters, size_t counter_count) {
    const auto *const kernels = current();
    return kernels ? kernels->count[format](words, size, placement, state, counters, counter_count) : 0;
}

size_t evh5_dat_cells(
    const uint8_t *records, size_t size, const struct evh5_placement *placement, uint32_t geometry_width,
    uint32_t geometry_height, struct evh5_decoder *state, uint32_t *cells, uint32_t *times, size_t capacity,
    size_t *count) {
    *count = 0;
    const auto *const kernels = current();
    return kernels ? kernels->dat_cells(
                         records, size, placement, geometry_width, geometry_height, state, cells, times, capacity, count)
                   : 0;
}

size_t evh5_dat_count(
    const uint8_t *records, size_t size, const struct evh5_placement *placement, uint32_t geometry_width,
    uint32_t geometry_height, struct evh5_decoder *state, uint8_t *counters, size_t counter_count) {
    const auto *const kernels = current();
    return kernels ? kernels->dat_count(
                         records, size, placement, geometry_width, geometry_height, state, counters, counter_count)
                   : 0;
}

size_t evh5_evt3_latest(
    const uint8_t *words, size_t size, const struct evh5_placement *placement, struct evh5_decoder *state,
    const struct evh5_latest *latest) {
    const auto *const kernels = current();
    return kernels ? kernels->evt3_latest(words, size, placement, state, latest) : 0;
}

size_t evh5_scan_words(
    enum evh5_words format, const uint8_t *words, size_t size, uint32_t width, uint32_t height, int64_t time_shift,
    struct evh5_decoder *state, struct evh5_scan *scan) {
    const auto *const kernels = current();
    return kernels ? kernels->scan[format](words, size, width, height, time_shift, state, scan) : 0;
}

size_t evh5_filter_cells(
    const struct evh5_filter *filter, const uint32_t *cells, const uint32_t *times, size_t count, uint32_t *kept_cells,
    uint32_t *kept_times) {
    const auto *const kernels = current();
    return (kernels ? kernels->filter_cells : evh5_filter_cells_plain)(
        filter, cells, times, count, kept_cells, kept_times);
}
