// The times of EVT3 words that a scan has passed. C, and C++.
#ifndef EVH5_EVT3_TIMES_H
#define EVH5_EVT3_TIMES_H

#include "ScanTimes.h"

/// Whether a word is an event, or a vector of some.
EVH5_INLINE int evt3_has_events(uint32_t word) {
    const uint32_t type = word >> 12;
    return type == 2 || (type == 4 && (word & 0xFFF)) || (type == 5 && (word & 0xFF));
}

/// Adds what lies between words `start` and `end`, in which time runs forward from `low` and has no new time high.
EVH5_INLINE void evt3_add_times(
    const uint8_t *words, size_t start, size_t end, int64_t time, uint32_t low, struct evh5_scan *scan) {
    size_t k = start, m = end;
    uint32_t first = low;
    for (; k < end && !evt3_has_events(word16(words + 2 * k)); k++) {
        const uint32_t word = word16(words + 2 * k);
        if (word >> 12 == 6) first = word & 0xFFF;
    }
    if (k == end) return;
    while (!evt3_has_events(word16(words + 2 * (m - 1)))) m--;
    uint32_t last = first;
    for (; m > k; m--) {
        const uint32_t word = word16(words + 2 * (m - 1));
        if (word >> 12 == 6) {
            last = word & 0xFFF;
            break;
        }
    }
    scan_add_times(scan, time + first, time + last, time + first, time + last);
}

#endif
