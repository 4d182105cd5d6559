// Counting cells up while the next ones are decoded: the one keeps the processor's memory pipes busy, the other its
// vector units.
#ifndef EVH5_COUNTING_H
#define EVH5_COUNTING_H

#include "CKernels.h"
#include "Variant.h"

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
    /// Cells that wait before the first of them are counted: none is read while its store is under way.
    EVH5_WAITING = 64,
    /// Cells that are decoded until all are counted: few enough to leave the first level cache to the counters.
    EVH5_COUNTED = 1024,
};

/// Counts 16 of the cells from `counted` to `written` when enough wait; returns up to where cells are counted now.
EVH5_INLINE size_t count_some(const uint32_t *cells, size_t counted, size_t written, uint8_t *counters) {
    if (written < counted + EVH5_WAITING) return counted;
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 16; i++) count_up(counters + cells[counted + i]);
    return counted + 16;
}

#endif
