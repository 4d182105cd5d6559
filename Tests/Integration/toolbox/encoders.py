"""Plain, slow encoders of every recording format, from section 1 of the contract; each returns the bytes of a file.

Times are what the sensor would stamp: an encoder writes them as they are and a reader subtracts the time base, so
`shifted(format, events)` says what a reader must show.

Some words without events are put between. With `triggers`, a list of (time, channel, edge) sorted by time and none
before the first event, exactly those triggers are; DAT has none."""
import struct

import numpy as np

FORMATS = ("evt2", "evt21", "evt21Legacy", "evt3", "evt4", "dat")
EXTENSION = {name: "dat" if name == "dat" else "raw" for name in FORMATS}


def header(format, width, height, extra=(), end=True):
    """The header lines of a recording; `extra` lines come before `% end`."""
    lines = {
        "evt2": ["evt 2.0", f"format EVT2;height={height};width={width}", f"geometry {width}x{height}"],
        "evt21": ["evt 2.1", f"format EVT21;height={height};width={width};endianness=little"],
        "evt21Legacy": ["evt 2.1", f"format EVT21;height={height};width={width}"],
        "evt3": ["evt 3.0", f"format EVT3;height={height};width={width}", f"geometry {width}x{height}"],
        "evt4": [f"format EVT4;height={height};width={width}"],
        "dat": ["Data file containing CD events.", "Version 2", f"Height {height}", f"Width {width}"],
    }[format]
    lines = ["Date 2025-05-04 10:11:12"] + lines + list(extra) + (["end"] if end and format != "dat" else [])
    return "".join(f"% {line}\n" for line in lines).encode()


def time_base(format, events):
    """What a reader subtracts from a file that `payload` made of these events."""
    if format == "dat" or len(events) == 0:
        return 0
    first = int(events["t"][0])
    if format == "evt3":
        return max(0, ((first >> 12) & 0xFFF) - 1) * 4096
    return ((first >> 6) & 0xFFFFFFF) * 64


def shifted(format, events):
    """The events as a reader must show them."""
    out = events.copy()
    if format == "evt3":  # its clock starts anew every 2^24 us; the first word says where in it the recording begins
        out["t"] -= int(events["t"][0]) & ~0xFFFFFF if len(events) else 0
    elif format not in ("dat",) and len(events):
        out["t"] -= int(events["t"][0]) & ~((1 << 34) - 1)
    out["t"] -= time_base(format, events)
    return out


def _rows(events):
    """Runs of events that share t, y and p with x rising: what a vector word can hold. Yields (t, y, p, [x...])."""
    start = 0
    for i in range(1, len(events) + 1):
        if i == len(events) or any(events[i][k] != events[start][k] for k in "typ") or events[i]["x"] <= events[i - 1]["x"]:
            first = events[start]
            yield int(first["t"]), int(first["y"]), int(first["p"]), [int(x) for x in events["x"][start:i]]
            start = i


def _masks(xs):
    """(base, mask) pairs of 32 pixels aligned to 32."""
    out = {}
    for x in xs:
        out[x & ~31] = out.get(x & ~31, 0) | 1 << (x & 31)
    return sorted(out.items())


def _time_highs(last, high, wrap):
    """The TIME_HIGH words between two times: sensors send every one, a wrap included; at most 3000 are written out, as a
    reader takes any forward step below half the range."""
    if last is None:
        return [high % wrap]
    if high == last:
        return []
    if high - last > 3000:
        step = wrap // 4
        return [value % wrap for value in range(last + step, high, step)] + [high % wrap]
    return [value % wrap for value in range(last + 1, high + 1)]


def _merged(items, time, triggers):
    """(False, item) in order, and before each (True, trigger) for those that are not later; the rest at the end."""
    due = list(triggers or ())
    for item in items:
        while due and due[0][0] <= time(item):
            yield True, due.pop(0)
        yield False, item
    for trigger in due:
        yield True, trigger


def evt2(events, triggers=None):
    out, last = [], None
    for is_trigger, e in _merged(events, lambda e: int(e["t"]), triggers):
        t = e[0] if is_trigger else int(e["t"])
        out += [8 << 28 | value for value in _time_highs(last, t >> 6, 1 << 28)]
        last = t >> 6
        if is_trigger:
            out.append(0xA << 28 | (t & 63) << 22 | e[1] << 8 | e[2])
            continue
        out.append(int(e["p"]) << 28 | (t & 63) << 22 | int(e["x"]) << 11 | int(e["y"]))
        if len(out) % 97 == 0:  # what sensors put between: a trigger, an other and its continuation
            out += [0xA << 28 | (t & 63) << 22 | 1] if triggers is None else []
            out += [0xE << 28 | 0x123, 0xF << 28 | 0x456]
    return np.array(out, "<u4").tobytes()


def evt21(events, legacy=False, triggers=None):
    out, last = [], None
    for is_trigger, item in _merged(_rows(events), lambda row: row[0], triggers):
        t = item[0]
        out += [8 << 60 | value << 32 for value in _time_highs(last, t >> 6, 1 << 28)]
        last = t >> 6
        if is_trigger:
            out.append((0xA << 28 | (t & 63) << 22 | item[1] << 8 | item[2]) << 32)
            continue
        _, y, p, xs = item
        for base, mask in _masks(xs):
            out.append(p << 60 | (t & 63) << 54 | base << 43 | y << 32 | mask)
        if len(out) % 97 == 0:
            out += [0xA << 60 | (t & 63) << 54 | 1 << 32] if triggers is None else []
            out += [0xE << 60 | 0x123 << 32]
    words = np.array(out, "<u8")
    if legacy:
        words = words >> np.uint64(32) | words << np.uint64(32)
    return words.astype("<u8").tobytes()


def evt3(events, triggers=None):
    """Singles, VECT_12/12/8 triples, and lone VECT_12 and VECT_8 words, chosen by how many events a row has."""
    out, high, low, row = [], None, None, None
    for is_trigger, item in _merged(_rows(events), lambda row: row[0], triggers):
        t = item[0]
        highs = _time_highs(high, t >> 12, 1 << 12)
        if highs:
            out += [0x8000 | value for value in highs]
            high, low = t >> 12, None
            out.append(0x8000 | high & 0xFFF)  # sensors repeat it
        if low != t & 0xFFF:
            low = t & 0xFFF
            out.append(0x6000 | low)
        if is_trigger:
            out.append(0xA000 | item[1] << 8 | item[2])
            continue
        _, y, p, xs = item
        if row != y:
            row = y
            out.append(y)
        for base, mask in _masks(xs):
            if bin(mask).count("1") < 3:
                out += [0x2000 | p << 11 | base + bit for bit in range(32) if mask >> bit & 1]
                continue
            out.append(0x3000 | p << 11 | base)
            out += [0x4000 | mask & 0xFFF]
            if mask >> 12:
                out += [0x4000 | mask >> 12 & 0xFFF]
            if mask >> 24:
                out += [0x5000 | mask >> 24]
        if len(out) % 97 == 0:
            out += [0xA001] if triggers is None else []
            out += [0xE123, 0x7456, 0xF789]
    return np.array(out, "<u2").tobytes()


def evt4(events, triggers=None):
    out, last = [], None
    for is_trigger, item in _merged(_rows(events), lambda row: row[0], triggers):
        t = item[0]
        out += [0xE << 28 | value for value in _time_highs(last, t >> 6, 1 << 28)]
        last = t >> 6
        if is_trigger:
            out.append(9 << 28 | (t & 63) << 22 | item[1] << 8 | item[2])
            continue
        _, y, p, xs = item
        for base, mask in _masks(xs):
            bits = [bit for bit in range(32) if mask >> bit & 1]
            if len(bits) < 3:
                out += [0xA + p << 28 | (t & 63) << 22 | base + bit << 11 | y for bit in bits]
            else:
                out += [0xC + p << 28 | (t & 63) << 22 | base << 11 | y, mask]
        if len(out) % 97 == 0:
            out += [9 << 28 | (t & 63) << 22 | 1] if triggers is None else []
            out += [0xFFFFFFFF]
    return np.array(out, "<u4").tobytes()


def dat(events, type=12, size=8):
    body = np.zeros(len(events), [("t", "<u4"), ("w", "<u4")])
    body["t"] = events["t"] & 0xFFFFFFFF
    body["w"] = events["p"].astype("u4") << 28 | events["y"].astype("u4") << 14 | events["x"].astype("u4")
    return struct.pack("BB", type, size) + body.tobytes()


def payload(format, events, triggers=None):
    if format == "dat":
        assert not triggers
        return dat(events)
    if format == "evt21Legacy":
        return evt21(events, True, triggers)
    return {"evt2": evt2, "evt21": evt21, "evt3": evt3, "evt4": evt4}[format](events, triggers=triggers)


def encode(format, events, width, height, extra=(), triggers=None):
    """The bytes of a whole recording."""
    return header(format, width, height, extra) + payload(format, events, triggers)


def write(path, format, events, width=64, height=48, extra=(), triggers=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(format, events, width, height, extra, triggers))
    return path
