// Counting cells up while the next ones are decoded: the one keeps the processor's memory pipes busy, the other its
// vector units.
#ifndef EVH5_COUNTING_H
#define EVH5_COUNTING_H

#include "CKernels.h"
#include "Words.h"

/// One more, up to 255.
EVH5_INLINE void count_up(uint8_t *counter) {
    uint8_t n = *counter;
#if defined(__x86_64__)
    // The carry of the comparison is what to add. Compilers take more instructions, or one with a false dependency.
    __asm__("cmpb $255, %0\n\tadcb $0, %0" : "+q"(n) : : "cc");
#else
    n = (uint8_t)(n + (n != 255));
#endif
    *counter = n;
}

enum {
    /// How many are counted at once: as many as are decoded at once, or fewer.
    EVH5_AT_ONCE = 16,
    /// Cells that wait before the first of them are counted: a counter that was just stored is not read again at once.
    EVH5_WAITING = 64,
    /// How many cells ahead to ask for their counters, which the second level cache may not hold.
    EVH5_AHEAD = 32,
    /// Cells that are decoded until all are counted: few enough to leave the first level cache to the counters.
    EVH5_COUNTED = 1024,
};

/// Counts some of the cells from `counted` to `written` when enough wait; returns up to where they are counted.
EVH5_INLINE size_t count_some(const uint32_t *cells, size_t counted, size_t written, uint8_t *counters) {
    if (written < counted + EVH5_WAITING) return counted;
#pragma clang loop unroll(full)
    for (size_t i = counted; i < counted + EVH5_AT_ONCE; i++) {
        __builtin_prefetch(counters + cells[i + EVH5_AHEAD], 1);
        count_up(counters + cells[i]);
    }
    return counted + EVH5_AT_ONCE;
}

#endif
