// Decoders as plain as the descriptions of the formats, one word at a time; they share no code with the kernels.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

struct PlainEvent {
    uint32_t x, y, polarity;
    int64_t t;
};

/// Of EVT3; of the others only `high` means something: the time high, or for DAT the last event's time.
struct PlainState {
    int64_t high = 0;
    uint32_t low = 0, y = 0xFFFF, base = 0xFFFF, polarity = 0;
};

enum class Format { evt2, evt21, evt21_legacy, evt3, evt4, dat };

inline size_t word_size(Format format) {
    switch (format) {
        case Format::evt3: return 2;
        case Format::evt2:
        case Format::evt4: return 4;
        default: return 8;
    }
}

inline int64_t with_turns(int64_t old, int64_t now, int64_t range, bool turned) {
    return old / range * range + now + (turned ? range : 0);
}

/// Decodes the whole words of `bytes` (after the first time high) and appends their events that are inside; returns the
/// bytes used.
inline size_t decode_plain(
    Format format, const std::vector<uint8_t> &bytes, size_t from, size_t to, uint32_t width, uint32_t height,
    PlainState &state, std::vector<PlainEvent> &events) {
    const auto add = [&](uint32_t x, uint32_t y, uint32_t polarity, int64_t t) {
        if (x < width && y < height) events.push_back({x, y, polarity, t});
    };
    const size_t size = word_size(format);
    size_t i = from;
    for (; i + size <= to; i += size) {
        uint64_t w = 0;
        memcpy(&w, bytes.data() + i, size);
        if (format == Format::evt3) {
            const uint32_t content = w & 0xFFF, type = static_cast<uint32_t>(w >> 12);
            if (type == 0) state.y = content;
            if (type == 2) add(w & 0x7FF, state.y, w >> 11 & 1, state.high + state.low);
            if (type == 3) {
                state.base = w & 0x7FF;
                state.polarity = w >> 11 & 1;
            }
            if ((type == 4 || type == 5) && state.base != 0xFFFF) {
                const uint32_t columns = type == 4 ? 12 : 8;
                for (uint32_t k = 0; k < columns; k++)
                    if (w >> k & 1) add(state.base + k, state.y, state.polarity, state.high + state.low);
                state.base = state.base + columns > 0x7FFF ? 0x7FFF : state.base + columns;
            }
            if (type == 6) state.low = content;
            if (type == 8) {
                const int64_t now = int64_t{content} << 12, old = state.high % (1 << 24);
                if (now != old) {
                    state.high = with_turns(state.high, now, 1 << 24, old - now >= 1 << 23);
                    state.low = 0;
                }
            }
            continue;
        }
        if (format == Format::dat) {
            const uint32_t place = static_cast<uint32_t>(w >> 32), x = place & 0x3FFF, y = place >> 14 & 0x3FFF;
            if (x >= width || y >= height) continue;
            const int64_t now = static_cast<uint32_t>(w), range = int64_t{1} << 32, old = state.high % range;
            state.high = with_turns(state.high, now, range, old >= range / 4 * 3 && now < range / 4);
            add(x, y, place >> 28 != 0, state.high);
            continue;
        }
        uint32_t word = static_cast<uint32_t>(w), mask = static_cast<uint32_t>(w >> 32);
        if (format == Format::evt21) {
            word = static_cast<uint32_t>(w >> 32);
            mask = static_cast<uint32_t>(w);
        }
        const uint32_t type = word >> 28, x = word >> 11 & 0x7FF, y = word & 0x7FF;
        const int64_t t = state.high + (word >> 22 & 0x3F);
        const bool is_evt4 = format == Format::evt4, is_evt2 = format == Format::evt2;
        if (type == (is_evt4 ? 14 : 8)) {
            const int64_t now = int64_t{word & 0x0FFFFFFF} << 6, range = int64_t{1} << 34, old = state.high % range;
            state.high = with_turns(state.high, now, range, old >= range / 4 * 3 && now < range / 4);
        } else if (is_evt4 && (type == 12 || type == 13)) {
            if (i + 8 > to) break;
            i += 4;
            memcpy(&mask, bytes.data() + i, 4);
            for (uint32_t k = 0; k < 32; k++)
                if (mask >> k & 1) add(x + k, y, type & 1, t);
        } else if (is_evt2 ? type <= 1 : is_evt4 && (type == 10 || type == 11)) {
            add(x, y, type & 1, t);
        } else if (!is_evt2 && !is_evt4 && type <= 1) {
            for (uint32_t k = 0; k < 32; k++)
                if (mask >> k & 1) add(x + k, y, type, t);
        }
    }
    return i - from;
}
