// What happens to cells once they are decoded.
#include "CKernels.h"
#include "Variant.h"

void evh5_count_cells(const uint32_t *cells, size_t count, uint8_t *counters) {
    for (size_t i = 0; i < count; i++) {
        const uint8_t n = counters[cells[i]];
        counters[cells[i]] = (uint8_t)(n + (n != 255));
    }
}

static size_t within_plain(uint32_t *cells, uint32_t *times, size_t count, uint32_t lowest, uint32_t length) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t cell = cells[i], time = times[i];
        cells[n] = cell;
        times[n] = time;
        n += time - lowest < length;
    }
    return n;
}

#if EVH5_HAS_AVX512
EVH5_AVX512 static size_t within_avx512(
    uint32_t *cells, uint32_t *times, size_t count, uint32_t lowest, uint32_t length) {
    const __m512i from = _mm512_set1_epi32((int)lowest), size = _mm512_set1_epi32((int)length);
    size_t n = 0;
    for (size_t i = 0; i < count; i += 16) {
        const size_t rest = count - i;
        const __mmask16 active = rest >= 16 ? 0xFFFF : (__mmask16)((1u << rest) - 1);
        const __m512i time = _mm512_maskz_loadu_epi32(active, times + i);
        const __m512i cell = _mm512_maskz_loadu_epi32(active, cells + i);
        const __mmask16 inside = _mm512_mask_cmplt_epu32_mask(active, _mm512_sub_epi32(time, from), size);
        // What is stored behind the last kept one was read before.
        _mm512_mask_storeu_epi32(cells + n, active, _mm512_maskz_compress_epi32(inside, cell));
        _mm512_mask_storeu_epi32(times + n, active, _mm512_maskz_compress_epi32(inside, time));
        n += (size_t)__builtin_popcount(inside);
    }
    return n;
}
#endif

size_t evh5_cells_within(uint32_t *cells, uint32_t *times, size_t count, uint32_t lowest, uint32_t length) {
#if EVH5_HAS_AVX512
    if (evh5_kernels_current() == EVH5_KERNELS_AVX512) return within_avx512(cells, times, count, lowest, length);
#endif
    return within_plain(cells, times, count, lowest, length);
}

EVH5_INLINE void fractions(const uint32_t *times, size_t count, int64_t offset, double duration, float *values) {
    if (offset > -((int64_t)1 << 52) && offset < (int64_t)1 << 52) {
        // The sum of two doubles this small is exact.
        const double start = (double)offset;
        for (size_t i = 0; i < count; i++) values[i] = (float)((start + (double)times[i]) / duration);
    } else {
        for (size_t i = 0; i < count; i++) values[i] = (float)((double)(offset + (int64_t)times[i]) / duration);
    }
}

#if EVH5_HAS_AVX512
EVH5_AVX512 static void fractions_avx512(
    const uint32_t *times, size_t count, int64_t offset, double duration, float *values) {
    fractions(times, count, offset, duration, values);
}
#endif

void evh5_time_fractions(const uint32_t *times, size_t count, int64_t offset, double duration, float *values) {
#if EVH5_HAS_AVX512
    if (evh5_kernels_current() == EVH5_KERNELS_AVX512) {
        fractions_avx512(times, count, offset, duration, values);
        return;
    }
#endif
    fractions(times, count, offset, duration, values);
}
