// Compiles the kernels once for each target, by including this file and the folder's -inl.h files again and again; and
// says which targets this processor has.
//
// Highway chooses no target here: the variants of CKernels.h are fewer, and a test chooses one for its own thread. So
// its headers are enough.

// Held to the targets that are tested: of the others, Highway 1.0.3's SSSE3 compares bytes wrongly, and vectors of SVE
// have no size that a member could have.
#define HWY_DISABLED_TARGETS \
    (HWY_SSSE3 | HWY_AVX3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

// Checks of debug builds would need the library.
#define HWY_IS_DEBUG_BUILD 0

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "Targets.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "Counting.h"
#include "EVT3State.h"
#include "EVT3Times.h"
#include "Kernels.h"
#include "Lanes.h"

#include "EVT3Words-inl.h"

#include "EVT3Lanes-inl.h"

#include "CellWriter-inl.h"

#include "EVT3Apart-inl.h"

#include "EVT3Cells-inl.h"

#include "EVT3Scan-inl.h"

#include "Words32Sinks-inl.h"

#include "ScanSink-inl.h"

#include "Words32-inl.h"

#include "Filter-inl.h"

HWY_BEFORE_NAMESPACE();
namespace evh5 {
namespace HWY_NAMESPACE {

const Kernels *table() {
    // In the order of evh5_words.
    static constexpr Kernels all = {
        {evt2_cells, evt21_cells, evt21_legacy_cells, evt3_cells, evt4_cells},
        {evt2_count, evt21_count, evt21_legacy_count, evt3_count, evt4_count},
        dat_cells,
        dat_count,
        evt3_latest,
        {evt2_scan, evt21_scan, evt21_legacy_scan, evt3_scan, evt4_scan},
        filter_cells,
    };
    return &all;
}

}  // namespace HWY_NAMESPACE
}  // namespace evh5
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace evh5 {

const Kernels *target_kernels(int variant) {
#if HWY_ARCH_X86
    __builtin_cpu_init();
#endif
    switch (variant) {
#if HWY_TARGETS & HWY_SSE4
        case EVH5_KERNELS_SSE4:
            return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("aes")
                       ? N_SSE4::table()
                       : nullptr;
#endif
#if HWY_TARGETS & HWY_AVX2
        case EVH5_KERNELS_AVX2:
            return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
                           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                           __builtin_cpu_supports("lzcnt")
                       ? N_AVX2::table()
                       : nullptr;
#endif
#if HWY_TARGETS & HWY_NEON
        case EVH5_KERNELS_NEON: return N_NEON::table();
#endif
        default: return nullptr;
    }
}

}  // namespace evh5

#endif
