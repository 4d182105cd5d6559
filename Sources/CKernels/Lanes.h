// Where events go, and tables for eight lanes: what the -inl.h files of all targets share.
#pragma once

#include "Words.h"

namespace evh5 {

/// By a mask of eight lanes.
struct LaneTables {
    /// For bytes of 16 bit lanes, where each comes from: the last lane of the mask at or before it, or 0x80 for none.
    alignas(64) uint8_t spread[256][16];
    /// For bytes of 16 bit lanes: the lanes of the mask, moved to the front.
    alignas(64) uint8_t compress[256][16];
    /// The lanes of the mask as numbers, moved to the front.
    alignas(64) uint8_t numbers[256][8];

    constexpr LaneTables() : spread{}, compress{}, numbers{} {
        for (int mask = 0; mask < 256; mask++) {
            int last = -1, count = 0;
            for (int lane = 0; lane < 8; lane++) {
                if (mask >> lane & 1) {
                    last = lane;
                    compress[mask][2 * count] = static_cast<uint8_t>(2 * lane);
                    compress[mask][2 * count + 1] = static_cast<uint8_t>(2 * lane + 1);
                    numbers[mask][count] = static_cast<uint8_t>(lane);
                    count++;
                }
                spread[mask][2 * lane] = static_cast<uint8_t>(last < 0 ? 0x80 : 2 * last);
                spread[mask][2 * lane + 1] = static_cast<uint8_t>(last < 0 ? 0x80 : 2 * last + 1);
            }
            for (; count < 8; count++) compress[mask][2 * count] = compress[mask][2 * count + 1] = 0x80;
        }
    }
};

inline constexpr LaneTables kLanes;

/// Where the events of a pixel go; see evh5_placement.
struct Place {
    uint32_t width, height, shift, columns, on;

    explicit Place(const evh5_placement &p)
        : width(p.width), height(p.height), shift(p.shift), columns(p.columns), on(p.on) {}

    /// The cell of column 0 of a row.
    uint32_t row(uint32_t y, uint32_t polarity) const { return (y >> shift) * columns + (polarity ? on : 0); }

    uint32_t cell(uint32_t x, uint32_t y, uint32_t polarity) const { return row(y, polarity) + (x >> shift); }

    /// The bits of a vector from column `x` on that are inside.
    uint32_t inside(uint32_t x, uint32_t bits) const {
        return x >= width ? 0 : width - x >= 32 ? bits : bits & ((1u << (width - x)) - 1);
    }
};

}  // namespace evh5
