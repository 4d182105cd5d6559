// How time goes on in EVT3, for all variants.
#ifndef EVH5_EVT3_TIME_H
#define EVH5_EVT3_TIME_H

#include "Variant.h"

/// From this time on, us, a counter that goes around adds nothing any more; DecoderState.turnLimit in Swift.
#define EVH5_TURN_LIMIT ((int64_t)1 << 59)

/// `high` after a time high word: a fall by half the range or more is a wrap.
EVH5_INLINE int64_t evt3_time_high(int64_t high, uint32_t word) {
    int64_t new = (int64_t)(word & 0xFFF) << 12;
    int64_t old = high & 0xFFF000;
    return high - old + new + (old >= new + (2048 << 12) && high < EVH5_TURN_LIMIT ? 1 << 24 : 0);
}

/// Whether times after `high` can be told as 32 bit distances from `first`.
EVH5_INLINE int is_near(int64_t first, int64_t high) { return high >= first && high - first < (int64_t)1 << 31; }

#endif
