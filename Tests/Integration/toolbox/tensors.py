"""The eight tensors of section 3 of the contract in vectorised numpy, kept apart from any other implementation.

What saturates depends on the order of a cell's events, so cells are filled in rounds: round k adds the k-th
contribution of every cell at once. `render` gives one frame of given events, `tensor_of` all frames of a recording."""
import math

import numpy as np

DEFAULTS = {
    "histo": dict(max_incr_per_pixel=5.0),
    "diff": dict(max_incr_per_pixel=5.0),
    "timesurface": dict(),
    "event_cube": dict(max_incr_per_pixel=5.0, split_polarity=True, num_utbins=3),
    "event_cube_paper": dict(max_incr_per_pixel=63.75, split_polarity=True, num_utbins=5),
    "multi_channel_timesurface": dict(num_utbins=3),
    "histo_quantized": dict(negative_bit_length=4, total_bit_length=8, normalization=False),
    "diff_quantized": dict(negative_bit_length=8, normalization=False),
}
NAMES = tuple(DEFAULTS)


def tolerance(name, **parameters):
    """The largest allowed difference; quantized counts are exact as long as they are integers."""
    inexact = parameters.get("normalization") or parameters.get("downsample", 1) > 1
    return 2e-6 if not name.endswith("_quantized") or inexact else 0


def _fold(size, cells, values, fold):
    """`fold(old, value)` over each cell's values in order, starting at 0."""
    out = np.zeros(size, np.float64)
    order = np.argsort(cells, kind="stable")
    cells, values = cells[order], values[order]
    starts = np.flatnonzero(np.r_[True, cells[1:] != cells[:-1]]) if len(cells) else np.zeros(0, int)
    lengths = np.diff(np.r_[starts, len(cells)])
    for turn in range(int(lengths.max()) if len(lengths) else 0):
        now = starts[lengths > turn] + turn
        out[cells[now]] = fold(out[cells[now]], values[now])
    return out


def render(name, events, t0, duration, height, width, downsample=1, **parameters):
    """The frame (C, H, W) of exactly these events (file order), timed from t0 over `duration` us."""
    unknown = set(parameters) - set(DEFAULTS[name])
    assert not unknown, unknown
    parameters = {**DEFAULTS[name], **parameters}
    x, y, p = (events[k].astype(np.int64) for k in "xyp")
    t = events["t"].astype(np.int64) - t0
    if name.endswith("_quantized"):
        out = _quantized(name, x, y, p, height, width, downsample, **parameters)
    else:
        h, w = height // downsample, width // downsample
        pixel = (y // downsample) * w + x // downsample
        out = _FLOAT[name](pixel, p, t, duration, h * w, 1 / downsample ** 2, **parameters)
        out = out.reshape(-1, h, w).astype(np.float32)
    return out


def _histo(pixel, p, t, duration, area, weight, max_incr_per_pixel):
    counts = np.bincount(p * area + pixel, minlength=2 * area)
    return np.minimum(1, counts * weight / max_incr_per_pixel)


def _diff(pixel, p, t, duration, area, weight, max_incr_per_pixel):
    return _fold(area, pixel, (2 * p - 1) * weight / max_incr_per_pixel, lambda old, v: np.clip(old + v, -1, 1))


def _timesurface(pixel, p, t, duration, area, weight):
    out = np.zeros(2 * area)
    last = np.full(2 * area, -1)
    np.maximum.at(last, p * area + pixel, np.arange(len(t)))
    out[last >= 0] = t[last[last >= 0]] / duration
    return out


def _event_cube(pixel, p, t, duration, area, weight, max_incr_per_pixel, split_polarity, num_utbins):
    position = t * num_utbins / duration - 0.5
    left = np.floor(position).astype(np.int64)
    share = position - left
    bins = np.stack([left, left + 1], 1).ravel()  # each event's two contributions, one after the other
    values = np.stack([1 - share, share], 1).ravel() * weight / max_incr_per_pixel
    pixel, p = np.repeat(pixel, 2), np.repeat(p, 2)
    inside = (bins >= 0) & (bins < num_utbins)
    channel = 2 * bins + p if split_polarity else bins
    if not split_polarity:
        values = np.where(p == 1, values, -values)
    cells = (channel * area + pixel)[inside]
    size = num_utbins * (2 if split_polarity else 1) * area
    return _fold(size, cells, values[inside], lambda old, v: np.clip(old + v, -1, 1))


def _multi_channel_timesurface(pixel, p, t, duration, area, weight, num_utbins):
    micro = duration / num_utbins
    bins = np.minimum(num_utbins - 1, np.floor_divide(t, micro).astype(np.int64))
    value = t - bins * micro
    keep = (value >= 0) & (value <= micro)
    cells = ((2 * bins + p) * area + pixel)[keep]
    last = np.full(2 * num_utbins * area, -1)
    np.maximum.at(last, cells, np.arange(len(cells)))
    out = np.zeros(2 * num_utbins * area)
    out[last >= 0] = value[keep][last[last >= 0]] / micro
    return out


_FLOAT = dict(histo=_histo, diff=_diff, timesurface=_timesurface, event_cube=_event_cube, event_cube_paper=_event_cube,
              multi_channel_timesurface=_multi_channel_timesurface)


def _quantized(name, x, y, p, height, width, downsample, negative_bit_length, normalization, total_bit_length=8):
    area, pixel = height * width, y * width + x
    if name == "diff_quantized":
        low, high = -(1 << negative_bit_length - 1), (1 << negative_bit_length - 1) - 1
        counts = _fold(area, pixel, 2 * p - 1, lambda old, v: np.where((old + v < low) | (old + v > high), old, old + v))
        scale, integer = -low, np.int8
    else:
        top = np.array([(1 << negative_bit_length) - 1, (1 << total_bit_length - negative_bit_length) - 1])
        counts = np.minimum(np.bincount(p * area + pixel, minlength=2 * area).reshape(2, area), top[:, None])
        scale, integer = top.max(), np.uint8
    counts = counts.reshape(-1, height, width)
    if downsample == 1 and not normalization:
        return counts.astype(integer)
    blocks = counts.reshape(len(counts), height // downsample, downsample, width // downsample, downsample)
    mean = blocks.mean(axis=(2, 4))
    return (mean / scale if normalization else mean).astype(np.float32)


def frame_count(events, period, start=0):
    """N of mode delta_t."""
    last = int(events["t"][-1]) - start if len(events) else 0
    return max(0, math.ceil(last / period))


def tensor_of(name, events, period, height, width, start=0, **options):
    """All frames (N, C, H, W) of mode delta_t."""
    frames = []
    for i in range(frame_count(events, period, start)):
        t0 = start + i * period
        frames.append(render(name, events[(events["t"] >= t0) & (events["t"] < t0 + period)], t0, period, height, width, **options))
    return np.stack(frames)


def tensor_of_counts(name, events, n, height, width, start=0, **options):
    """All frames (N, C, H, W) of mode n_events, and the time of each one's last event."""
    events = events[events["t"] >= start]
    frames, last = [], []
    for i in range(len(events) // n):
        inside = events[i * n:(i + 1) * n]
        t0, end = int(inside["t"][0]), int(inside["t"][-1])
        frames.append(render(name, inside, t0, max(1, end - t0), height, width, **options))
        last.append(end)
    return np.stack(frames), np.array(last)
