"""What RVT's preprocessing makes of labels, in numpy; by the description of its rules in docs/MODELS.md.

By hand it was compared with RVT's own scripts/genx/preprocess_dataset.py; see docs/MODELS.md."""
import numpy as np

BOX = np.dtype([("t", "<u8"), ("x", "<f4"), ("y", "<f4"), ("w", "<f4"), ("h", "<f4"), ("class_id", "u1"), ("track_id", "<u4"), ("class_confidence", "<f4")])
SIZES = {"gen1": (304, 240), "gen4": (1280, 720)}


def labels(dataset, seed, duration, first=0):
    """Labels as people and trackers make them: up to four at a time, boxes also outside of the frame, times that jitter and miss some."""
    random = np.random.default_rng(seed)
    period = {"gen1": 250_000, "gen4": 16_667}[dataset]
    jitter = {"gen1": 2_600, "gen4": 60}[dataset]
    width, height = SIZES[dataset]
    rows = []
    for time in range(first + int(random.integers(60_000)), duration, period):
        if random.random() < 0.15:
            continue
        time += int(random.integers(jitter))
        for _ in range(random.integers(1, 5)):
            rows.append((time, *random.uniform(-40, width, 1), *random.uniform(-40, height, 1), *random.uniform(2, width, 1) ** random.choice([0.7, 1]),
                         *random.uniform(2, height / 2, 1), random.integers(0, 7), len(rows), random.random()))
    return np.array(rows, BOX)


def kept(given, dataset, training):
    found = given.copy()
    if dataset == "gen4":
        found = found[found["class_id"] < 3]
    for low, length, side in zip("xy", "wh", SIZES[dataset]):
        begin = found[low].clip(0, side - 1)
        end = (found[low] + found[length]).clip(0, side - 1)
        found[low], found[length] = begin, end - begin
    w, h = found["w"], found["h"]
    if dataset == "gen1":
        good = (w >= 10) & (h >= 10) & (w * w + h * h >= 900)
    else:
        good = (w >= 5) & (h >= 5)
    if training:
        good &= w <= {"gen1": 273, "gen4": 1152}[dataset]
    return found[good & (w > 0) & (h > 0)]


def prepared(given, dataset, training):
    """The arrays of the four files, by the names of files and arrays; {} when no label is left."""
    found = kept(given, dataset, training)
    if not len(found):
        return {}
    times = sorted({int(t) for t in found["t"]})
    base = 250_000
    if dataset == "gen4":
        median = float(np.median(np.diff(times)))
        base = int({60: 6, 30: 3}[round(1e6 / median)] * median)
    frames, steps = [], []
    for time in times:
        if not frames:
            frames += [time] if time >= 100_000 else []
            continue
        count = round((time - frames[-1]) / base)
        if abs(time - frames[-1] - count * base) <= 2000:
            frames.append(time)
            steps.append(2 * count)
    ends = list(range(frames[0], 0, -50_000))[-2:0:-1]
    for begin, end, count in zip(frames, frames[1:], steps):
        ends += np.linspace(begin, end, count + 1).astype("int64")[:-1].tolist()
    ends.append(frames[-1])
    per_frame = [found[found["t"] == time] for time in frames]
    return {
        "labels": np.concatenate(per_frame), "objframe_idx_2_label_idx": np.cumsum([0] + [len(rows) for rows in per_frame])[:-1],
        "labels_v2/timestamps_us": np.array(frames), "timestamps_us": np.array(ends), "objframe_idx_2_repr_idx": np.array([ends.index(time) for time in frames]),
    }
