"""Events to test with: small seeded scenes with moving bars, hot pixels and noise, sorted by time."""
import numpy as np

EVENT = np.dtype([("x", "<u2"), ("y", "<u2"), ("p", "u1"), ("t", "<i8")])


def events_of(rows):
    """Events from (x, y, p, t) tuples."""
    return np.array([tuple(row) for row in rows], EVENT)


def scene(width=64, height=48, duration=400_000, count=20_000, seed=1, first=0):
    """`count` events over `duration` us from `first` on: half noise, a quarter a moving bar, a quarter hot pixels
    (so that every saturation is met), a tenth of them sharing a time, y and polarity as sensors' row readouts do."""
    random = np.random.default_rng(seed)
    events = np.zeros(count, EVENT)
    events["t"] = first + np.sort(random.integers(0, duration, count))
    events["p"] = random.integers(0, 2, count)
    events["x"] = random.integers(0, width, count)
    events["y"] = random.integers(0, height, count)
    kind = random.integers(0, 4, count)
    bar = kind == 2
    position = (events["t"] - first) * width // duration
    events["x"][bar] = np.minimum(width - 1, position[bar] + random.integers(0, 3, bar.sum()))
    hot = kind == 3
    events["x"][hot] = random.integers(width // 2, width // 2 + 3, hot.sum())
    events["y"][hot] = random.integers(height // 2, height // 2 + 2, hot.sum())
    for start in random.integers(0, max(1, count - 40), count // 100):
        row = slice(start, start + 10)
        events["t"][row] = events["t"][start]
        events["y"][row] = events["y"][start]
        events["p"][row] = events["p"][start]
    return events[np.argsort(events["t"], kind="stable")]


def raw_events(format, events):
    """A scene as each format's files hold it: RAW files start in the middle of a sensor's life, DAT files at 0."""
    events = events.copy()
    events["t"] += 0 if format == "dat" else 1_234_567
    return events


def truly_sorted(events):
    return bool(np.all(np.diff(events["t"]) >= 0))


def decoded(path):
    """The events of a .npz beside a real recording, as OpenEB decoded them."""
    with np.load(path) as file:
        events = np.zeros(len(file["t"]), EVENT)
        for field in "xypt":
            events[field] = file[field]
    return events
