// What a scan has found so far. C, and C++.
#ifndef EVH5_SCAN_TIMES_H
#define EVH5_SCAN_TIMES_H

#include "Words.h"

/// Adds the times of some events, at least one, that follow those in `scan`, and the step to them; us.
EVH5_INLINE void scan_add_times(
    struct evh5_scan *scan, int64_t first, int64_t last, int64_t lowest, int64_t highest) {
    if (!scan->touched) {
        scan->first = first;
        scan->lowest = lowest;
        scan->highest = highest;
    }
    if (scan->touched && first < scan->last) scan->backward++;
    scan->touched = 1;
    scan->last = last;
    if (lowest < scan->lowest) scan->lowest = lowest;
    if (highest > scan->highest) scan->highest = highest;
}

#endif
