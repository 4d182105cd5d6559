// EVT3 word by word: the format's grammar, for what is odd and for ends. Included once for each target.
//
// Types (upper four bits): 0 row, 2 single event, 3 base of vectors, 4 and 5 vectors of 12 and 8 columns, 6 low time, 8
// time high; the others hold no events. https://docs.prophesee.ai/stable/data/encoding_formats/evt3.html

HWY_BEFORE_NAMESPACE();
namespace evh5 {
namespace HWY_NAMESPACE {

/// A word of type 3, 4 or 5 in row `y`. `sink.vector(cell of column 0 of the row, column, bits)` gets what is inside.
template <class Sink>
HWY_INLINE void evt3_part(
    uint32_t word, uint32_t y, const Place &place, uint32_t &base, uint32_t &polarity, Sink &sink) {
    if (word >> 12 == 3) {
        base = word & 0x7FF;
        polarity = word >> 11 & 1;
        return;
    }
    if (base == NO_BASE) return;
    const uint32_t columns = columns_of(word), bits = place.inside(base, word & ((1u << columns) - 1));
    if (bits && y < place.height) sink.vector(place.row(y, polarity), base, bits);
    base = base + columns < uint32_t{BASE_LIMIT} ? base + columns : uint32_t{BASE_LIMIT};
}

/// Any word. `sink.single(cell)` gets an event of its own.
template <class Sink>
HWY_INLINE void evt3_word(uint32_t word, const Place &place, Evt3State &state, Sink &sink) {
    switch (word >> 12) {
        case 0: state.y = word; break;
        case 2: {
            const uint32_t x = word & 0x7FF;
            if (x < place.width && state.y < place.height) sink.single(place.cell(x, state.y, word >> 11 & 1));
            break;
        }
        case 3:
        case 4:
        case 5: evt3_part(word, state.y, place, state.base, state.polarity, sink); break;
        case 6: state.low = word & 0xFFF; break;
        case 8: state.take_high(word); break;
        default: break;
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace evh5
HWY_AFTER_NAMESPACE();
