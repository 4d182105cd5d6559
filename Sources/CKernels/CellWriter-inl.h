// Cells and their times in order, as they are handed to Swift. Included once for each target.

HWY_BEFORE_NAMESPACE();
namespace evh5 {
namespace HWY_NAMESPACE {

/// Writes cells, and times with `kTimed`, at the end of what is there. What follows may be overwritten: up to 32 more.
template <bool kTimed>
struct CellWriter {
    const Place &place;
    uint32_t *cells, *times;
    size_t count;
    uint32_t now;

    HWY_INLINE void single(uint32_t cell) {
        cells[count] = cell;
        if (kTimed) times[count] = now;
        count++;
    }

    /// The columns of a vector: a table tells the places of the bits of a byte. Empty bytes are not left out: a branch
    /// that nobody can foretell costs more.
    HWY_INLINE void vector(uint32_t row, uint32_t x, uint32_t bits) {
        const hn::CappedTag<uint32_t, 8> d;
        const hn::Rebind<uint8_t, decltype(d)> d8;
        const auto first = hn::Set(d, row);
#pragma clang loop unroll(full)
        for (int part = 0; part < 4; part++, bits >>= 8, x += 8) {
            const uint32_t byte = bits & 255;
            for (size_t k = 0; k < 8; k += hn::Lanes(d)) {
                const auto number = hn::PromoteTo(d, hn::LoadU(d8, kLanes.numbers[byte] + k));
                const auto column = hn::ShiftRightSame(hn::Add(number, hn::Set(d, x)), static_cast<int>(place.shift));
                hn::StoreU(hn::Add(first, column), d, cells + count + k);
                if (kTimed) hn::StoreU(hn::Set(d, now), d, times + count + k);
            }
            count += static_cast<size_t>(__builtin_popcount(byte));
        }
    }
};

}  // namespace HWY_NAMESPACE
}  // namespace evh5
HWY_AFTER_NAMESPACE();
