// The index scan as a sink of the decoders of Words32-inl.h: events are counted, and their times looked at. Included
// once for each target.

HWY_BEFORE_NAMESPACE();
namespace evh5 {
namespace HWY_NAMESPACE {

/// The lane before each; the first has none.
alignas(32) static constexpr int32_t kLaneBefore[8] = {0, 0, 1, 2, 3, 4, 5, 6};

/// Strict: the exact decoder gets what is no event inside and no time high, as it tallies it.
struct ScanSink {
    static constexpr bool kTimed = true, kStrict = true;
    Words32 lows, highs;
    int64_t events, backward;
    uint32_t now, first, last, lowest, highest;

    HWY_INLINE ScanSink()
        : lows(hn::Set(kWords32, 0xFFFFFFFF)),
          highs(hn::Zero(kWords32)),
          events(0), backward(0), now(0), first(0), last(0), lowest(0xFFFFFFFF), highest(0) {}

    HWY_INLINE bool has_room(size_t) const { return true; }
    HWY_INLINE void begin(uint32_t time) { now = time; }
    HWY_INLINE void single(uint32_t) { add(1); }
    HWY_INLINE void vector(uint32_t, uint32_t, uint32_t bits) { add(__builtin_popcount(bits)); }

    HWY_INLINE void cells(Words32, Words32 times, Mask32 mask, bool all) {
        uint8_t bits[8] = {};
        hn::StoreMaskBits(kWords32, mask, bits);
        if (HWY_UNLIKELY(!bits[0])) return;
        lows = hn::Min(lows, hn::IfThenElse(mask, times, lows));
        highs = hn::Max(highs, hn::IfThenElseZero(mask, times));
        const int count = __builtin_popcount(bits[0]);
        // Without gaps, each beside the one before.
        const Words32 own = all ? times : hn::Compress(times, mask);
        uint32_t values[8];
        hn::StoreU(own, kWords32, values);
        if (!events) first = last = values[0];
        const auto before = hn::IfThenElse(
            hn::FirstN(kWords32, 1), hn::Set(kWords32, last),
            hn::TableLookupLanes(own, hn::SetTableIndices(kWords32, kLaneBefore)));
        const auto earlier = hn::And(hn::Lt(own, before), hn::FirstN(kWords32, static_cast<size_t>(count)));
        if (HWY_UNLIKELY(!hn::AllFalse(kWords32, earlier)))
            backward += static_cast<int64_t>(hn::CountTrue(kWords32, earlier));
        last = values[count - 1];
        events += count;
    }

    HWY_INLINE void finish() {
        const uint32_t low = hn::GetLane(hn::MinOfLanes(kWords32, lows));
        const uint32_t high = hn::GetLane(hn::MaxOfLanes(kWords32, highs));
        lowest = low < lowest ? low : lowest;
        highest = high > highest ? high : highest;
    }

    /// Adds all to `scan`; times are those after `start`.
    void store(int64_t start, evh5_scan *scan) const {
        if (!events) return;
        scan->events += events;
        scan->backward += backward;
        scan_add_times(scan, start + first, start + last, start + lowest, start + highest);
    }

private:
    HWY_INLINE void add(int count) {
        if (!events) first = last = now;
        backward += now < last;
        events += count;
        last = now;
        lowest = now < lowest ? now : lowest;
        highest = now > highest ? now : highest;
    }
};

}  // namespace HWY_NAMESPACE
}  // namespace evh5
HWY_AFTER_NAMESPACE();
