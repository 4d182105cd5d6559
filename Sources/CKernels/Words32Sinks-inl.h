// Where events of EVT2, EVT2.1, EVT4 and DAT go: cells in order, or counters. Included once for each target.

HWY_BEFORE_NAMESPACE();
namespace evh5 {
namespace HWY_NAMESPACE {

/// As many words of 32 bits as fit into a register, up to eight.
const hn::CappedTag<uint32_t, 8> kWords32;
using Words32 = hn::Vec<decltype(kWords32)>;
using Mask32 = hn::Mask<decltype(kWords32)>;

/// Cells and times in order.
struct CellSink {
    static constexpr bool kTimed = true, kStrict = false;
    const Place &place;
    CellWriter<true> writer;
    size_t capacity;

    /// Whether `events` more may come.
    HWY_INLINE bool has_room(size_t events) const { return writer.count + events <= capacity; }
    HWY_INLINE void begin(uint32_t now) { writer.now = now; }
    HWY_INLINE void single(uint32_t cell) { writer.single(cell); }
    HWY_INLINE void vector(uint32_t row, uint32_t x, uint32_t bits) { writer.vector(row, x, bits); }

    HWY_INLINE void cells(Words32 cells, Words32 times, Mask32 mask, bool all) {
        uint32_t *const to = writer.cells + writer.count, *const when = writer.times + writer.count;
        if (HWY_LIKELY(all)) {
            hn::StoreU(cells, kWords32, to);
            hn::StoreU(times, kWords32, when);
            writer.count += hn::Lanes(kWords32);
        } else {
            hn::CompressStore(times, mask, kWords32, when);
            writer.count += hn::CompressStore(cells, mask, kWords32, to);
        }
    }

    HWY_INLINE void finish() {}
};

/// Counters of cells.
struct CountSink {
    static constexpr bool kTimed = false, kStrict = false;
    static constexpr size_t kRoom = 1024;
    Counters counters;
    uint32_t waiting[kRoom + 64];
    size_t written = 0, counted = 0;

    explicit CountSink(const Counters &counters) : counters(counters) {}

    HWY_INLINE bool has_room(size_t) const { return true; }
    HWY_INLINE void begin(uint32_t) {}
    HWY_INLINE void single(uint32_t cell) { counters.single(cell); }

    /// Is counted some vectors later, when its counters are near.
    HWY_INLINE void vector(uint32_t row, uint32_t x, uint32_t bits) {
        Vector &slot = vectors[vector_count++ % kVectors];
        if (HWY_LIKELY(slot.bits)) counters.vector(slot.row, slot.x, slot.bits);
        slot = {row, x, bits};
        __builtin_prefetch(counters.counters + row + (x >> counters.place.shift), 1);
    }

    HWY_INLINE void cells(Words32 cells, Words32, Mask32 mask, bool all) {
        if (HWY_LIKELY(all)) {
            hn::StoreU(cells, kWords32, waiting + written);
            written += hn::Lanes(kWords32);
        } else {
            written += hn::CompressStore(cells, mask, kWords32, waiting + written);
        }
        counted = count_some(waiting, counted, written, counters.counters);
        if (written > kRoom - 16) count_cells();
    }

    HWY_INLINE void finish() {
        count_cells();
        for (Vector &vector : vectors) {
            if (vector.bits) counters.vector(vector.row, vector.x, vector.bits);
            vector.bits = 0;
        }
    }

private:
    struct Vector {
        uint32_t row, x, bits;
    };
    static constexpr size_t kVectors = 16;
    Vector vectors[kVectors] = {};
    size_t vector_count = 0;

    HWY_INLINE void count_cells() {
        for (; counted < written; counted++) {
            __builtin_prefetch(counters.counters + waiting[counted + EVH5_AHEAD], 1);
            count_up(counters.counters + waiting[counted]);
        }
        written = counted = 0;
    }
};

}  // namespace HWY_NAMESPACE
}  // namespace evh5
HWY_AFTER_NAMESPACE();
