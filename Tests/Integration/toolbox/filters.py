"""What filters leave of events, by numpy: each in a few lines, in the order in which docs/PATHS.md has them."""
import re

import numpy as np

TIMES = {"s": 1_000_000, "ms": 1000, "us": 1}


def refractory(events, time, width, height):
    """Left out: less than `time` after the event before of the same pixel and polarity."""
    place = (events["y"].astype(np.int64) * width + events["x"]) * 2 + events["p"]
    order = np.argsort(place, kind="stable")
    apart = np.diff(events["t"][order])
    early = (np.diff(place[order]) == 0) & (apart >= 0) & (apart < time)
    keep = np.ones(len(events), bool)
    keep[order[1:][early]] = False
    return events[keep]


def noise(events, time, width, height):
    """Stays: for one of 8 neighbours the last event before was at most `time` earlier (or is later, where time runs backwards)."""
    count, wide = len(events), width + 2
    place = (events["y"].astype(np.int64) + 1) * wide + events["x"] + 1
    number = np.arange(count)
    keys = np.sort(place * count + number)
    keep = np.zeros(count, bool)
    for step in (-wide - 1, -wide, -wide + 1, -1, 1, wide - 1, wide, wide + 1):
        now = (place + step) * count + number
        before = keys[np.maximum(np.searchsorted(keys, now) - 1, 0)]
        keep |= (before < now) & (before // count == place + step) & (events["t"][before % count] >= events["t"] - time)
    return events[keep]


def parsed(text):
    value, unit = re.fullmatch(r"(\d+)(\w+)", text).groups()
    return int(value) * TIMES[unit]


def left(events, options, width, height):
    """(events, width, height) after `options`, as they are written in paths."""
    if "refractory" in options:
        events = refractory(events, parsed(options["refractory"]), width, height)
    if "noise" in options:
        events = noise(events, parsed(options["noise"]), width, height)
    events = events.copy()
    if "polarity" in options:
        events = events[events["p"] == (options["polarity"] == "on")]
    if "roi" in options:
        x, y, width, height = map(int, re.split("[+x]", options["roi"]))
        inside = (events["x"] >= x) & (events["x"] < x + width) & (events["y"] >= y) & (events["y"] < y + height)
        events = events[inside]
        events["x"] -= x
        events["y"] -= y
    if "x" in options.get("flip", ""):
        events["x"] = width - 1 - events["x"]
    if "y" in options.get("flip", ""):
        events["y"] = height - 1 - events["y"]
    if "transpose" in options:
        events["x"], events["y"] = events["y"].copy(), events["x"].copy()
        width, height = height, width
    return events, width, height


def one_pixel(events, k, width, height):
    """(events, width, height) of the pixel at half the sides of each square of k x k."""
    at = (events["x"] % k == k // 2) & (events["y"] % k == k // 2) & (events["x"] < width // k * k) & (events["y"] < height // k * k)
    events = events[at]
    events["x"] //= k
    events["y"] //= k
    return events, width // k, height // k
