"""Plain, slow decoders of undamaged recordings, from section 1 of the contract: bytes in, events (times shifted) out."""
import numpy as np

from .scenes import EVENT

VGA, HD = (640, 480), (1280, 720)
# What a system_ID says: an encoding where none is named, and a geometry.
SENSORS = {n: ("evt2", VGA) for n in (21, 23, 25, 28, 29, 33, 34, 35, 41, 151, 153, 161, 162)}
SENSORS |= {n: ("evt2", HD) for n in (26, 31, 39)} | {n: ("evt3", HD) for n in (30, 46, 48, 49, 50)} | {40: ("evt3", VGA)}


def split(data):
    """(header fields, payload)"""
    fields, at = {}, 0
    while data[at:at + 2] == b"% ":
        end = data.index(b"\n", at)
        line = data[at + 2:end].decode("latin-1").rstrip("\r")
        at = end + 1
        key, _, value = line.partition(" ")
        fields[key] = value
        if line == "end":
            break
    return fields, data[at:]


def format_of(fields):
    """(format, width, height); width and height None when the header does not say."""
    fields = {key.lower(): value for key, value in fields.items()}
    words = fields.get("format", "").split(";")
    options = dict(word.split("=", 1) for word in words[1:])
    names = [fields.get("camera_integrator_name"), fields.get("plugin_integrator_name")]
    if names == [None, None]:
        names = [fields.get("integrator_name")] * 2
    system = int(fields.get("system_id", -1))
    sensor = SENSORS.get(system) if all(name in (None, "Prophesee") for name in names) else None
    name = words[0] or {"2.0": "EVT2", "2.1": "EVT21", "3.0": "EVT3"}.get(fields.get("evt")) or ("DAT" if "version" in fields else None)
    name = name or (sensor[0] if sensor else "DAT")
    format = name.lower().replace(".", "")
    if format == "evt21":
        endianness = options.get("endianness") or fields.get("endianness")
        own = names in ([None, None], ["Prophesee", "Prophesee"])
        legacy = endianness == "legacy" or endianness is None and own and system != 0 and system < 55
        format = "evt21Legacy" if legacy else format
    if "width" in options:
        return format, int(options["width"]), int(options["height"])
    if "geometry" in fields:
        return format, *map(int, fields["geometry"].split("x"))
    if "width" in fields:
        return format, int(fields["width"]), int(fields["height"])
    return format, *(sensor[1] if sensor else (None, None))


def decode(data):
    """The events of a whole recording, and its (format, width, height)."""
    fields, payload = split(data)
    what = format_of(fields)
    return events_of(what[0], payload), what


def events_of(format, payload):
    """The events of what follows a header."""
    reader = {"evt2": _evt2, "evt21": _evt21, "evt21Legacy": _evt21, "evt3": _evt3, "evt4": _evt4, "dat": _dat, "dat1": _dat1}[format]
    if format == "evt21Legacy":
        words = np.frombuffer(payload[:len(payload) // 8 * 8], "<u4").reshape(-1, 2)[:, ::-1]
        payload = words.tobytes()
    return reader(payload)


class _Clock:
    """TIME_HIGH of the formats with 28 bits of it: unwrapped, and shifted by the first."""

    def __init__(self):
        self.shift, self.high, self.turns = None, 0, 0

    def tick(self, value):
        if self.shift is None:
            self.shift = value
        elif self.high - value >= 1 << 27:
            self.turns += 1
        self.high = value

    def time(self, low):
        return ((self.turns << 28) + self.high - self.shift) * 64 + low


def _array(x, y, p, t):
    out = np.zeros(len(t), EVENT)
    out["x"], out["y"], out["p"], out["t"] = x, y, p, t
    return out


def _columns(rows):
    return _array(*(np.array(rows, np.int64).reshape(-1, 4).T))


def _evt2(payload):
    rows, clock = [], _Clock()
    for word in np.frombuffer(payload[:len(payload) // 4 * 4], "<u4").tolist():
        type = word >> 28
        if type == 8:
            clock.tick(word & 0xFFFFFFF)
        elif type < 2 and clock.shift is not None:
            rows.append((word >> 11 & 0x7FF, word & 0x7FF, type, clock.time(word >> 22 & 63)))
    return _columns(rows)


def _evt21(payload):
    rows, clock = [], _Clock()
    for word in np.frombuffer(payload[:len(payload) // 8 * 8], "<u8").tolist():
        type = word >> 60
        if type == 8:
            clock.tick(word >> 32 & 0xFFFFFFF)
        elif type < 2 and clock.shift is not None:
            base, y, t = word >> 43 & 0x7FF, word >> 32 & 0x7FF, clock.time(word >> 54 & 63)
            rows += [(base + bit, y, type, t) for bit in range(32) if word >> bit & 1]
    return _columns(rows)


def _evt4(payload):
    rows, clock, words = [], _Clock(), iter(np.frombuffer(payload[:len(payload) // 4 * 4], "<u4").tolist())
    for word in words:
        type = word >> 28
        if type == 0xE:
            clock.tick(word & 0xFFFFFFF)
        elif 0xA <= type <= 0xD:
            bits = [0] if type < 0xC else (lambda mask: [bit for bit in range(32) if mask >> bit & 1])(next(words, 0))
            if clock.shift is not None:
                t = clock.time(word >> 22 & 63)
                rows += [((word >> 11 & 0x7FF) + bit, word & 0x7FF, type & 1, t) for bit in bits]
    return _columns(rows)


def _evt3(payload):
    rows, high, turns, low, shift, y, base, polarity = [], 0, 0, 0, None, 0, 0, 0
    t = 0
    for word in np.frombuffer(payload[:len(payload) // 2 * 2], "<u2").tolist():
        type, value = word >> 12, word & 0xFFF
        if type == 8:
            if shift is None:
                shift = max(0, value - 1) * 4096
            elif high - value >= 2048:
                turns += 1
            if value != high:
                low = 0
            high = value
        elif type == 6:
            low = value
        elif type == 0:
            y = value & 0x7FF
        elif type == 3:
            polarity, base = value >> 11, value & 0x7FF
        elif type == 2 and shift is not None:
            rows.append((value & 0x7FF, y, value >> 11, t))
        elif type in (4, 5):
            width = 12 if type == 4 else 8
            if shift is not None:
                rows += [(base + bit, y, polarity, t) for bit in range(width) if value >> bit & 1]
            base += width
        if shift is not None:
            t = (turns << 24) + (high << 12) + low - shift
    return _columns(rows)


def _dat(payload):
    body = np.frombuffer(payload[2:2 + (len(payload) - 2) // 8 * 8], [("t", "<u4"), ("w", "<u4")])
    t = body["t"].astype(np.int64)
    t += np.cumsum(np.concatenate(([0], (np.diff(t) < -(1 << 31)).astype(np.int64)))) << 32 if len(t) else 0
    w = body["w"]
    return _array(w & 0x3FFF, w >> 14 & 0x3FFF, w >> 28 != 0, t)


def _dat1(payload):
    """Version 1: x in 9 bits, y in 8, p in 1."""
    body = np.frombuffer(payload[2:2 + (len(payload) - 2) // 8 * 8], [("t", "<u4"), ("w", "<u4")])
    w = body["w"]
    assert not np.any(w >> 18)
    return _array(w & 0x1FF, w >> 9 & 0xFF, w >> 17, body["t"])
