// A decoder of EVT3 between two words.
#pragma once

#include "Lanes.h"

namespace evh5 {

/// As evh5_decoder has it.
struct Evt3State {
    int64_t high;
    uint32_t low, y, base, polarity;

    explicit Evt3State(const evh5_decoder &d)
        : high(d.time_high), low(d.time_low), y(d.y), base(d.base_x), polarity(d.vector_polarity) {}

    void store(evh5_decoder *d) const {
        d->time_high = high;
        d->time_low = static_cast<uint16_t>(low);
        d->y = static_cast<uint16_t>(y);
        d->base_x = static_cast<uint16_t>(base);
        d->vector_polarity = static_cast<uint8_t>(polarity);
    }

    /// The time high word that changes nothing.
    uint32_t high_word() const { return 0x8000 | static_cast<uint32_t>(high >> 12 & 0xFFF); }

    void take_high(uint32_t word) {
        const int64_t now = evt3_time_high(high, word);
        if (now == high) return;
        high = now;
        low = 0;
    }
};

/// Columns of a vector word.
inline uint32_t columns_of(uint32_t word) { return word >> 12 == 4 ? 12 : 8; }

}  // namespace evh5
