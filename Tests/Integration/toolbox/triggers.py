"""External triggers of RAW files: a plain, slow decoder, and recordings with them put in."""
import numpy as np

from .decoders import _Clock
from .event_files import TRIGGER


def triggers_of(format, payload):
    """The external triggers of what follows a RAW file's header, slowly; their times are shifted as those of events."""
    if format == "dat":
        return np.zeros(0, TRIGGER)
    size, top, high, trigger, id, id_mask, value = {"evt2": (4, 28, 8, 0xA, 8, 31, 0), "evt4": (4, 28, 0xE, 9, 8, 31, 0), "evt21": (8, 60, 8, 0xA, 40, 31, 32),
                                                    "evt21Legacy": (8, 60, 8, 0xA, 40, 31, 32), "evt3": (2, 12, 8, 0xA, 8, 15, 0)}[format]
    words = np.frombuffer(payload[:len(payload) // size * size], f"<u{size}")
    if format == "evt21Legacy":
        words = words >> np.uint64(32) | words << np.uint64(32)
    clock, rows, low, skip = _Clock() if format != "evt3" else None, [], 0, False
    first, turns, current = None, 0, 0
    for word in words.tolist():
        kind = word >> top
        if skip:  # the mask of a vector of EVT4
            skip = False
        elif kind == high and clock:
            clock.tick(word >> (top - 28) & 0xFFFFFFF)
        elif kind == high:
            now = word & 0xFFF
            first = max(0, now - 1) * 4096 if first is None else first
            turns += current - now >= 2048
            current, low = now, low if now == current else 0
        elif kind == 6 and not clock:
            low = word & 0xFFF
        elif kind == trigger and (clock.shift if clock else first) is not None:
            time = clock.time(word >> (top - 6) & 63) if clock else (turns << 24) + (current << 12) + low - first
            rows.append((word >> value & 1, time, word >> id & id_mask))
        skip = skip or format == "evt4" and kind in (0xC, 0xD)
    return np.array(rows, TRIGGER)


def trigger_word(format, time, id, p):
    """A trigger at `time`, which is in the 64 us (EVT3: at the time) of the word before."""
    if format == "evt3":
        return np.array([0xA000 | id << 8 | p], "<u2").tobytes()
    low = (time & 63) << 22
    if format in ("evt2", "evt4"):
        return np.array([(0xA if format == "evt2" else 9) << 28 | low | id << 8 | p], "<u4").tobytes()
    words = np.array([0, 0xA << 28 | low | id << 8 | p], "<u4")
    return (words[::-1] if format == "evt21Legacy" else words).tobytes()


def with_triggers(format, events, triggers, payload):
    """What follows the header of a file with these events and a trigger (number of the event that it follows and whose time it has, id, polarity) for each
    of `triggers`; `payload` encodes events."""
    out, start = b"", 0
    for number, id, p in triggers:
        out += payload(format, events[start:number + 1]) + trigger_word(format, int(events["t"][number]), id, p)
        start = number + 1
    return out + payload(format, events[start:])
