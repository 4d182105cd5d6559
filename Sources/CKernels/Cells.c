// What happens to cells once they are decoded.
#include "CKernels.h"
#include "Counting.h"
#include "AVX512/AVX512.h"

/// How many cells ahead to ask for their memory: planes are larger than the second level cache. Past the last cell this
/// asks for any memory, which does no harm.
enum { AHEAD = 24 };

void evh5_count_cells(const uint32_t *cells, size_t count, uint8_t *counters) {
#pragma clang loop unroll_count(4)
    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(counters + cells[i + AHEAD], 1);
        count_up(counters + cells[i]);
    }
}

void evh5_set_cells(const uint32_t *cells, const float *elements, size_t count, float *values) {
    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(values + cells[i + AHEAD], 1);
        values[cells[i]] = elements[i];
    }
}

void evh5_keep_newest(
    const uint32_t *cells, const uint32_t *times, size_t count, int64_t base, uint32_t length, size_t depth,
    uint32_t *newest, uint32_t *full) {
    for (size_t i = 0; i < count; i++) {
        const uint32_t *const ahead = newest + (size_t)cells[i + AHEAD < count ? i + AHEAD : i] * depth;
        __builtin_prefetch(ahead, 1);
        __builtin_prefetch(ahead + depth - 1, 1);
        const uint32_t cell = cells[i];
        const int64_t passed = base + times[i];
        uint32_t time = passed < 0 ? 0 : passed > length ? length : (uint32_t)passed;
        uint32_t *const own = newest + (size_t)cell * depth;
        // Each place keeps the greater and hands on the smaller: no branch on what nobody could foretell.
        for (size_t place = 0; place < depth; place++) {
            const uint32_t there = own[place];
            own[place] = there > time ? there : time;
            time = there > time ? time : there;
        }
        full[cell >> 5] |= (uint32_t)(own[depth - 1] != 0) << (cell & 31);
    }
}

/// Without a branch: polarities come in no order that a processor could guess.
EVH5_INLINE float signed_float(float value, uint32_t sign) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits ^= sign;
    memcpy(&value, &bits, sizeof bits);
    return value;
}

EVH5_INLINE double signed_double(double value, uint32_t sign) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits ^= (uint64_t)sign << 32;
    memcpy(&value, &bits, sizeof bits);
    return value;
}

void evh5_add_cells(const uint32_t *cells, size_t count, float step, float *values) {
    const uint32_t sign = 0x80000000;
    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(values + (cells[i + AHEAD < count ? i + AHEAD : i] & ~sign), 1);
        float *const value = values + (cells[i] & ~sign);
        const float sum = *value + signed_float(step, ~cells[i] & sign);
        const float capped = sum < 1 ? sum : 1;
        *value = capped > -1 ? capped : -1;
    }
}

EVH5_INLINE void add_weight(float *value, double weight) {
    const double sum = (double)*value + weight;
    const double capped = sum < 1 ? sum : 1;
    *value = (float)(capped > -1 ? capped : -1);
}

void evh5_share_cells(
    const uint32_t *cells, size_t count, size_t following, double left, double right, int is_signed,
    float *left_values, float *right_values) {
    const uint32_t bit = is_signed ? 0x80000000 : 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t next = cells[i + AHEAD < following ? i + AHEAD : i] & ~bit;
        const uint32_t cell = cells[i] & ~bit;
        const uint32_t sign = ~cells[i] & bit;
        if (left_values) {
            __builtin_prefetch(left_values + next, 1);
            add_weight(left_values + cell, signed_double(left, sign));
        }
        if (right_values) {
            __builtin_prefetch(right_values + next, 1);
            add_weight(right_values + cell, signed_double(right, sign));
        }
    }
}

size_t evh5_cells_within(uint32_t *cells, uint32_t *times, size_t count, uint32_t lowest, uint32_t length) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t cell = cells[i], time = times[i];
        cells[n] = cell;
        times[n] = time;
        n += time - lowest < length;
    }
    return n;
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
