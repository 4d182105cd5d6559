// What EVT3Scan.c calls.
#ifndef EVH5_EVT3_CLEAN_H
#define EVH5_EVT3_CLEAN_H

#include "AVX512.h"

#if EVH5_HAS_AVX512

/// What is told about a clean stretch of EVT3 words, and what goes on after it.
struct evh5_clean {
    /// The time high word in force.
    uint32_t high_word;
    uint32_t width, height;
    /// The last low time and row, as the words have them, and what vectors have.
    uint32_t low, row, base, polarity;
    /// Events of the stretch are added, spread over the lanes: 24 a lane at most for 64 words.
    __m512i events;
};

/// The smallest width that evh5_evt3_clean is for.
enum { EVH5_CLEAN_WIDTH = 72 };

/// Goes on from word `start`, which has 32 words before it, over all blocks of 64 words up to `stop` in which nothing
/// needs a closer look: the words are events, addresses and times, inside the sensor, time runs forward without a new
/// time high, vectors directly follow their base and stay in the row. Returns where it stopped; `clean` is as of there.
size_t evh5_evt3_clean(const uint8_t *words, size_t start, size_t stop, struct evh5_clean *clean);

#endif
#endif
