"""Windows and times as evh5 writes them in paths: exact, in integers throughout."""
from __future__ import annotations

import datetime
import re
from typing import Union

#: `250ms`, `0.25s`, `250000us`; an integer is in us.
Time = Union[str, int, datetime.timedelta]

_UNITS = {"s": 6, "ms": 3, "us": 0, "": 0}
_LARGEST = 1 << 50
_MOST_EVENTS = 10**12
_LONGEST_PERIOD = 2**32 - 1


def microseconds(time: Time) -> int:
    """A time in us. Raises ValueError where it is none, or no whole number of us."""
    if isinstance(time, bool):
        raise ValueError(f"{time!r} is no time")
    if isinstance(time, datetime.timedelta):
        value = time // datetime.timedelta(microseconds=1)
    elif isinstance(time, str):
        match = re.fullmatch(r"([0-9]+)(?:\.([0-9]+))?(s|ms|us|)", time)
        if not match or (match[2] and not match[3]):
            raise ValueError(f"'{time}' is no time; write 250ms, 0.25s, 250000us or 250000")
        fraction, digits = (match[2] or "").rstrip("0"), _UNITS[match[3]]
        if len(fraction) > digits:
            raise ValueError(f"'{time}' is no whole number of us")
        value = int(match[1] + fraction.ljust(digits, "0"))
    else:
        try:
            value = int(time)
        except (TypeError, ValueError):
            raise ValueError(f"{time!r} is no time") from None
        if value != time:
            raise ValueError(f"{time!r} is no time: a number is in us, and whole; write 250ms or 0.25s")
    if not 0 <= value <= _LARGEST:
        raise ValueError(f"{time!r} is not between 0 and {_LARGEST} us")
    return value


def time_text(time: Time) -> str:
    """The one spelling of a time: the largest of s, ms and us that is exact; zero is `0us`."""
    value = microseconds(time)
    if value and value % 1_000_000 == 0:
        return f"{value // 1_000_000}s"
    if value and value % 1000 == 0:
        return f"{value // 1000}ms"
    return f"{value}us"


def window_text(window: Time) -> str:
    """The one spelling of a window without keys: a period, a number of events as `10000ev`, `10parts`, or `between=NAME`."""
    if isinstance(window, str) and window.startswith("between="):
        return window
    if isinstance(window, str) and re.fullmatch("0*[1-9][0-9]*parts", window):
        return f"{int(window[:-5])}parts"
    if isinstance(window, str) and window.endswith("ev"):
        count = window[:-2]
        if not re.fullmatch("[0-9]+", count) or not 1 <= int(count) <= _MOST_EVENTS:
            raise ValueError(f"'{window}': a count is an integer from 1 to {_MOST_EVENTS} followed by ev")
        return f"{int(count)}ev"
    if not 1 <= microseconds(window) <= _LONGEST_PERIOD:
        raise ValueError(f"{window!r}: a period is 1 to {_LONGEST_PERIOD} us")
    return time_text(window)
