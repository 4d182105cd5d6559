// Words of recordings, and what the formats say of time. C, and C++.
#ifndef EVH5_WORDS_H
#define EVH5_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "CKernels.h"

#define EVH5_INLINE static inline __attribute__((always_inline))

/// Columns as DecoderState has them in Swift: no vector base yet, and where the base stops growing.
enum { NO_BASE = 0xFFFF, BASE_LIMIT = 0x7FFF };

/// From this time on, us, a counter that goes around adds nothing any more; DecoderState.turnLimit in Swift.
#define EVH5_TURN_LIMIT ((int64_t)1 << 59)

/// Files are little endian.
EVH5_INLINE uint16_t word16(const uint8_t *p) {
    uint16_t w;
    memcpy(&w, p, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap16(w);
#endif
    return w;
}

EVH5_INLINE uint32_t word32(const uint8_t *p) {
    uint32_t w;
    memcpy(&w, p, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap32(w);
#endif
    return w;
}

/// EVT3's time after the time high `word`: a fall by half the range or more is a wrap.
EVH5_INLINE int64_t evt3_time_high(int64_t high, uint32_t word) {
    const int64_t now = (int64_t)(word & 0xFFF) << 12, old = high & 0xFFF000;
    return high - old + now + (old >= now + (2048 << 12) && high < EVH5_TURN_LIMIT ? 1 << 24 : 0);
}

/// Time after the 28 bit time high `word` of EVT2, EVT2.1 and EVT4: from the last quarter of its range to the first it
/// went once around.
EVH5_INLINE int64_t evt2_time_high(int64_t high, uint32_t word) {
    const int64_t range = (int64_t)1 << 34, old = high & (range - 1), now = (int64_t)(word & 0x0FFFFFFF) << 6;
    return high - old + now + (old >> 32 == 3 && now >> 32 == 0 && high < EVH5_TURN_LIMIT ? range : 0);
}

/// Whether times after `high` can be told as 32 bit distances from `first`.
EVH5_INLINE int is_near(int64_t first, int64_t high) { return high >= first && high - first < (int64_t)1 << 31; }

#endif
