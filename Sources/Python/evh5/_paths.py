"""Where a recording's tensor is in a mount: docs/PATHS.md as a function."""
from __future__ import annotations

import errno
import json
import os
import pathlib
import re
from typing import Any, Dict, List, Optional, Tuple, Union

from ._times import Time, microseconds, time_text, window_text

_WINDOW_WORDS = ("align", "at", "closed", "edge")
_WINDOW_KEYS = (*_WINDOW_WORDS, "max_duration", "max_period", "start_ts", "stride")


def path(root: Union[str, "os.PathLike[str]"], recording: Union[str, "os.PathLike[str]"], preprocessing: str, window: Time, *,
         part: Optional[int] = None, start_ts: Optional[Time] = None, max_duration: Optional[Time] = None,
         **parameters: Union[str, int, float, bool]) -> pathlib.Path:
    """The virtual file of a recording: `path(root, "train/a.raw", "histo", "50ms", downsample=2)`.

    `recording` is its path below the source, with or without `.raw` or `.dat`, or its absolute path. `parameters` are keys of the preprocessing
    (`dtype="uint8"`, `max_incr_per_pixel=10`, ...), `start_ts` and `max_duration` those of the window. With `max_duration`, `part` says which part.
    Keys may stand in the texts as well: `"histo,downsample=2"`.

    Where something is mounted at `root`, the file is looked for in its folder: two recordings of one name are told apart, and FileNotFoundError
    says what is not there. Else it is where the file will be, provided that no other recording has its name. ValueError: what no mount shows."""
    base = pathlib.Path(root)
    head, keys = _split(preprocessing)
    _add(keys, {name: _value(name, value) for name, value in parameters.items()}, preprocessing)
    if keys.get("downsample") == "1":
        del keys["downsample"]
    if keys.get("sample") == "sum":
        del keys["sample"]
    if keys.get("transpose") in ("false", "0"):
        del keys["transpose"]
    first = ",".join([head, *(key if key == "transpose" else f"{key}={keys[key]}" for key in sorted(keys))])
    second, in_parts = _window(window, start_ts, max_duration)
    if in_parts != (part is not None):
        raise ValueError("with max_duration a recording is shown in parts: say which, part=0" if in_parts
                         else f"part={part}: only with max_duration a recording is shown in parts")
    mounted = (base / ".evh5/status.json").exists()
    folder, name = _place(base, recording, mounted)
    where = base / first / second / folder
    if mounted:
        return where / _shown(where, name, part)
    return where / _file(_stem(name), part)


def _split(text: str) -> Tuple[str, Dict[str, str]]:
    """`histo,downsample=2` as its head and its keys."""
    head, *items = text.split(",")
    keys: Dict[str, str] = {}
    for item in items:
        key, equals, value = ("transpose", "=", "true") if item == "transpose" else item.partition("=")
        if not key or not equals or not value or key in keys:
            raise ValueError(f"'{item}' in '{text}' is not of the form key=value, or given twice")
        keys[key] = value
    if not re.fullmatch(r"(between=)?[!-.0-<>-~]+", head):
        raise ValueError(f"'{text}' does not start with a name or a window")
    return head, keys


def _add(keys: Dict[str, str], more: Dict[str, str], text: str) -> None:
    for key, value in more.items():
        if keys.setdefault(key, value) != value:
            raise ValueError(f"{key} is given twice: {value}, and in '{text}'")


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):  # the latter are NumPy's
        return "true" if value else "false"
    if isinstance(value, float):
        text = repr(float(value))
        text = text[:-2] if text.endswith(".0") else text
    elif isinstance(value, str):
        text = value
    else:
        # NumPy's types and scalars; what is neither text nor number has no spelling.
        text = getattr(value, "name", None) or getattr(value, "__name__", None) or str(value)
    if not re.fullmatch(r"[A-Za-z0-9_\-+.:]{1,64}", text):
        raise ValueError(f"{name}={value!r}: a path cannot hold this value")
    return text


def _window(window: Time, start_ts: Optional[Time], max_duration: Optional[Time]) -> Tuple[str, bool]:
    """The canonical window, and whether it is in parts."""
    head, keys = _split(window) if isinstance(window, str) else (window, {})
    is_count = isinstance(head, str) and head.endswith("ev") and not head.startswith("between=")
    for key in keys:
        if key not in _WINDOW_KEYS:
            raise ValueError(f"a window has no {key}; it has {', '.join(_WINDOW_KEYS)}")
    given = {key: value if key in _WINDOW_WORDS or key == "stride" and is_count else time_text(value) for key, value in keys.items()}
    _add(given, {key: time_text(value) for key, value in (("max_duration", max_duration), ("start_ts", start_ts)) if value is not None}, str(window))
    if given.get("start_ts") == "0us":
        del given["start_ts"]
    text = window_text(head)
    defaults = {"align": "end", "closed": "left", "edge": "rising", "stride": text[:-2] if is_count else text}
    for key, value in defaults.items():
        if given.get(key) == value:
            del given[key]
    if "max_duration" in given:
        longest = microseconds(given["max_duration"])
        if longest == 0 or not is_count and longest % microseconds(given.get("stride", text)):
            raise ValueError(f"max_duration={given['max_duration']} is not a multiple of the period {text}")
    return ",".join([text, *(f"{key}={given[key]}" for key in sorted(given))]), "max_duration" in given


def _place(root: pathlib.Path, recording: Union[str, "os.PathLike[str]"], mounted: bool) -> Tuple[pathlib.Path, str]:
    """The recording's folder below the source, and its name."""
    where = pathlib.Path(os.fspath(recording))
    if where.is_absolute():
        if not mounted:
            raise ValueError(f"'{where}' is absolute, and nothing is mounted at '{root}': give the path below the source")
        source = pathlib.Path(json.loads((root / ".evh5/status.json").read_bytes())["source"])
        below = _below(source, where)
        if below is None:
            raise ValueError(f"'{where}' is not below the source of this mount, '{source}'")
        where = below
    if ".." in where.parts or not where.name:
        raise ValueError(f"'{recording}' is no path of a recording below the source")
    return where.parent, where.name


def _below(source: pathlib.Path, where: pathlib.Path) -> Optional[pathlib.Path]:
    for base in (source, source.resolve()):
        # A recording that is a link itself is shown where the link is.
        for one in (where, where.parent.resolve() / where.name):
            if base in one.parents:
                return one.relative_to(base)
    return None


def _is_recording(name: str) -> bool:
    return name[-4:].lower() in (".raw", ".dat")


def _stem(name: str) -> str:
    """The name that a recording is shown under unless another has the same."""
    if name.endswith(".h5"):
        return name[:-3]
    if not _is_recording(name):
        return name
    stem = name[:-4]
    if len(stem) > 3 and name.lower().endswith(("_td.dat", "_cd.dat")):
        return stem[:-3]
    return stem


def _file(base: str, part: Optional[int]) -> str:
    return f"{base}.h5" if part is None else f"{base}_{part}.h5"


def _shown(where: pathlib.Path, name: str, part: Optional[int]) -> str:
    """The file's name as the mount lists it: to list a folder reads no recording, to ask for a file's size reads it once."""
    try:
        listed = set(os.listdir(where))
    except OSError as problem:
        raise FileNotFoundError(errno.ENOENT, _why(where) or problem.strerror or "not there", str(where)) from None
    # Its whole name first: that is how it is shown beside another of its stem.
    names: List[str] = [_file(name, part)] if _is_recording(name) else []
    names.append(_file(_stem(name), part))
    for one in names:
        if one in listed:
            return one
    stem, end = re.escape(_stem(name)), "" if part is None else f"_{part}"
    other = [one for one in sorted(listed) if re.fullmatch(rf"{stem}(_td|_cd)?\.(raw|dat){end}\.h5", one, re.IGNORECASE)]
    if other and not _is_recording(name):
        raise FileNotFoundError(errno.ENOENT, f"say which of {', '.join(other)} is meant", str(where / names[-1]))
    hint = "there is no such recording, or it cannot be used (`evh5 info` says why)"
    if part is not None and any(re.fullmatch(rf"({re.escape(name)}|{stem})_[0-9]+\.h5", one) for one in listed):
        hint = "the recording has no such part"
    raise FileNotFoundError(errno.ENOENT, hint, str(where / names[-1]))


def _why(where: pathlib.Path) -> Optional[str]:
    """What the mount's log says of the part of a path that does not exist."""
    while not (where / ".evh5/status.json").exists() and where != where.parent:
        missing, where = where.name, where.parent
        try:
            last = json.loads((where / ".evh5/status.json").read_bytes())["log"]["last"]
        except (OSError, ValueError, KeyError):
            continue
        for line in reversed(last):
            found = re.fullmatch(rf"lookup: '{re.escape(missing)}' does not exist: (.*?)(?: errno=[0-9]+)?", line["text"])
            if found:
                return found[1]
    return None
