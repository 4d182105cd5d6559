// Cells of a sensor's pixels to those of a frame. Included once for each target.

HWY_BEFORE_NAMESPACE();
namespace evh5 {
namespace HWY_NAMESPACE {

size_t filter_cells(
    const evh5_filter *filter, const uint32_t *cells, const uint32_t *times, size_t count, uint32_t *kept_cells,
    uint32_t *kept_times) {
    const hn::CappedTag<uint32_t, 8> d;
    const size_t lanes = hn::Lanes(d);
    const evh5_filter f = *filter;
    size_t n = 0, i = 0;
    const auto side = [&](auto place, uint32_t flip, uint32_t add) HWY_ATTR {
        return hn::Add(hn::Xor(place, hn::Set(d, flip)), hn::Set(d, add));
    };
    for (; i + lanes <= count; i += lanes) {
        const auto cell = hn::LoadU(d, cells + i);
        const auto x = side(hn::And(cell, hn::Set(d, (1u << f.column_bits) - 1)), f.x_flip, f.x_add);
        const auto y = side(
            hn::ShiftRightSame(hn::And(cell, hn::Set(d, 0x7FFFFFFF)), static_cast<int>(f.column_bits)), f.y_flip,
            f.y_add);
        auto stays = hn::And(hn::Lt(x, hn::Set(d, f.x_limit)), hn::Lt(y, hn::Set(d, f.y_limit)));
        stays = hn::And(stays, hn::Eq(hn::And(cell, hn::Set(d, f.polarity_mask)), hn::Set(d, f.polarity)));
        const auto sampled = hn::Set(d, f.sample_mask), sample = hn::Set(d, f.sample);
        stays = hn::And(stays, hn::Eq(hn::And(x, sampled), sample));
        stays = hn::And(stays, hn::Eq(hn::And(y, sampled), sample));
        const auto on = hn::And(hn::BroadcastSignBit(hn::BitCast(hn::RebindToSigned<decltype(d)>(), cell)),
                                hn::BitCast(hn::RebindToSigned<decltype(d)>(), hn::Set(d, f.on)));
        const auto column = hn::Mul(hn::ShiftRightSame(x, static_cast<int>(f.shift)), hn::Set(d, f.x_step));
        const auto row = hn::Mul(hn::ShiftRightSame(y, static_cast<int>(f.shift)), hn::Set(d, f.y_step));
        const auto place = hn::Add(hn::Add(column, row), hn::BitCast(d, on));
        const auto time = hn::LoadU(d, times + i);
        hn::CompressStore(time, stays, d, kept_times + n);
        n += hn::CompressStore(place, stays, d, kept_cells + n);
    }
    return n + evh5_filter_cells_plain(filter, cells + i, times + i, count - i, kept_cells + n, kept_times + n);
}

}  // namespace HWY_NAMESPACE
}  // namespace evh5
HWY_AFTER_NAMESPACE();
