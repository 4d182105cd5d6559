"""The inputs of published models, one event after the other in plain Python: slow, and unlike any other implementation here.

Formulas: docs/TENSORS.md. `frame_of` gives one frame of given events; `start` and `end` are the window's edges, us."""
import math

import numpy as np

f4 = np.float32
NAMES = ("stacked_histogram", "mixed_density_stack", "voxel_grid", "event_volume", "event_count", "event_image", "ergo12")


def tolerance(name, norm="none", **_):
    return 0 if name in ("stacked_histogram", "mixed_density_stack", "event_count") else 1e-5 if norm != "none" else 2e-6


def frame_of(name, events, start, end, height, width, downsample=1, **options):
    rows = [(int(e["y"]) // downsample, int(e["x"]) // downsample, int(e["p"]), int(e["t"])) for e in events]
    return _RENDER[name](rows, start, end, height // downsample, width // downsample, **options)


def frames_of(name, events, edges, height, width, **options):
    """The frames of windows [start, end) of time."""
    inside = [(events["t"] >= start) & (events["t"] < end) for start, end in edges]
    return np.stack([frame_of(name, events[which], start, end, height, width, **options) for which, (start, end) in zip(inside, edges)])


def _share(rows, t):
    """How far t is from the first to the last event, in float32 as the authors have it."""
    first, last = rows[0][3], rows[-1][3]
    return f4(t - first) / f4(max(last - first, 1))


def _stacked_histogram(rows, start, end, height, width, num_bins=10, count_cutoff=10, wraps=True):
    counts = np.zeros((2 * num_bins, height, width), int)
    for y, x, p, t in rows:
        counts[p * num_bins + min(max(int(math.floor(_share(rows, t) * f4(num_bins))), 0), num_bins - 1), y, x] += 1
    return np.minimum(counts % 256 if wraps else counts, count_cutoff).astype(np.uint8)


def _int8(value):
    return (value + 128) % 256 - 128


def _mixed_density_stack(rows, start, end, height, width, num_bins=10, count_cutoff=32):
    sums = np.zeros((num_bins, height, width), int)
    for y, x, p, t in rows:
        share = min(max(_share(rows, t), f4(1e-6)), f4(1 - 1e-6))
        # How often the time up to the event can be doubled before it is all.
        sums[int(max(f4(num_bins) - np.log(share) / f4(math.log(0.5)), 0)), y, x] += 1 if p else -1
    out = np.zeros_like(sums)
    for channel in range(num_bins):
        out[channel] = _int8(_int8(sums[channel]) + (out[channel - 1] if channel else 0))
    return np.clip(out, -count_cutoff, count_cutoff).astype(np.int8)


def _voxel_grid(rows, start, end, height, width, num_bins=5, origin="events", norm="none"):
    grid = np.zeros((num_bins, height, width))
    if not rows:
        return grid.astype(f4)
    first, last = (rows[0][3], rows[-1][3]) if origin == "events" else (start, end)
    for y, x, p, t in rows:
        place = (num_bins - 1) * (t - first) / max(last - first, 1)
        for moment in range(num_bins):
            distance = abs(place - moment)
            if distance < 1:
                grid[moment, y, x] += (1 if p else -1) * (1 - distance)
    there = grid != 0
    if norm != "none" and there.any():
        n = there.sum()
        mean = grid[there].sum() / n
        spread = math.sqrt(((grid[there] - mean) ** 2).sum() / (n - 1 if norm == "nonzero_unbiased" and n > 1 else n))
        grid[there] = (grid[there] - mean) / (spread or 1)
    return grid.astype(f4)


def _event_volume(rows, start, end, height, width, num_bins=5):
    volume = np.zeros((num_bins, height, width))
    for y, x, p, t in rows:
        place = f4(f4(t - start) * f4(num_bins) / f4(end - start)) - f4(0.5)
        left = min(max(math.floor(place), 0), num_bins - 1)
        weight = f4(max(0.0, 1 - abs(left - float(place))))
        sign = 1 if p else -1
        volume[left, y, x] += sign * float(weight)
        volume[min(left + 1, num_bins - 1), y, x] += sign * float(f4(1) - weight)
    return volume.astype(f4)


def _event_count(rows, start, end, height, width, dtype="uint8"):
    counts = np.zeros((2, height, width), int)
    for y, x, p, _ in rows:
        counts[p, y, x] += 1
    return counts.astype(f4) if dtype == "float32" else np.minimum(counts, np.iinfo(dtype).max).astype(dtype)


def _event_image(rows, start, end, height, width):
    image = np.zeros((4, height, width), f4)
    for y, x, p, t in rows:
        image[0 if p else 1, y, x] += 1
        image[2 if p else 3, y, x] = (t - start) / (end - start)
    return image


def _halves(rows):
    """All, each third, and what is left when the older half is taken away once, twice and three times."""
    third, size = len(rows) // 3, len(rows)
    parts = [rows, rows[:third], rows[third:2 * third], rows[2 * third:3 * third]]
    for _ in range(3):
        size //= 2
        rows = rows[size:]
        parts.append(rows)
    return parts


def _ergo12(rows, start, end, height, width):
    image = np.zeros((12, height, width))
    if not rows:
        return image.astype(f4)
    first, last = min(row[3] for row in rows), max(row[3] for row in rows)
    parts = _halves([(y, x, 1 if p else -1, (t - first) / max(1, last - first)) for y, x, p, t in rows])
    def mean(values):
        return sum(values) / len(values)

    def variance(values):
        return mean([value * value for value in values]) - mean(values) ** 2

    def one(values):
        return 1
    for channel, (part, wanted, what, of) in enumerate([
            (0, 0, 2, variance), (3, -1, 3, variance), (2, -1, 3, one), (6, 0, 2, sum), (5, 1, 3, one), (6, 0, 3, len),
            (2, 1, 3, mean), (5, -1, 3, one), (1, -1, 3, max), (0, 1, 3, max), (4, 0, 3, max), (1, 0, 3, one)]):
        cells = {}
        for row in parts[part]:
            if wanted in (0, row[2]):
                cells.setdefault(row[:2], []).append(row[what])
        for cell, values in cells.items():
            image[(channel, *cell)] = of(values)
    return image.astype(f4)


_RENDER = {name: globals()["_" + name] for name in NAMES}


def fading(events, end, tau, height, width, downsample=1):
    """The exponential time surface of all these events, which are those before the window's end."""
    surface = np.zeros((2, height // downsample, width // downsample), f4)
    for e in events:
        surface[int(e["p"]), int(e["y"]) // downsample, int(e["x"]) // downsample] = math.exp((int(e["t"]) - end) / tau)
    return surface


def recent(events, end, height, width, k=3, min_time=150, max_time=5_000_000, downsample=1):
    """The TORE volume of all these events, which are those before the window's end: the k least ages of each cell, on events first."""
    ages = {}
    for e in events:
        cell = (1 - int(e["p"]), int(e["y"]) // downsample, int(e["x"]) // downsample)
        ages.setdefault(cell, []).append(max(0, end - int(e["t"])))
    volume = np.full((2, k, height // downsample, width // downsample), max_time, np.float64)
    for (polarity, y, x), values in ages.items():
        values = sorted(values)[:k]
        volume[polarity, :len(values), y, x] = values
    volume = np.log(np.minimum(volume, max_time) + 1) - math.log(min_time + 1)
    return np.maximum(volume, 0).reshape(2 * k, height // downsample, width // downsample).astype(f4)
