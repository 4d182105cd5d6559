// Which variant of the kernels runs.
#include "Variant.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "CKernels.h"

/// What the process uses; -1 until somebody asked.
static atomic_int standard = -1;
/// What this thread uses; -1 for the standard.
static _Thread_local int chosen = -1;

int evh5_kernels_best(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bitalg") &&
        __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
        __builtin_cpu_supports("popcnt"))
        return EVH5_KERNELS_AVX512;
#endif
    return EVH5_KERNELS_PLAIN;
}

void evh5_kernels_use(int variant) {
    const int best = evh5_kernels_best();
    chosen = variant < best ? variant : best;
}

int evh5_kernels_current(void) {
    if (chosen >= 0) return chosen;
    int variant = atomic_load_explicit(&standard, memory_order_relaxed);
    if (variant < 0) {
        // A way back for machines where AVX-512 lowers the clock, or is suspected of anything.
        const char *asked = getenv("EVH5_KERNELS");
        variant = asked && strcmp(asked, "plain") == 0 ? EVH5_KERNELS_PLAIN : evh5_kernels_best();
        atomic_store_explicit(&standard, variant, memory_order_relaxed);
    }
    return variant;
}
