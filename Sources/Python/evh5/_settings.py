"""The settings of `evh5 mount` as keywords, and how they are written as flags."""
from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple, TypedDict, Union

from ._times import Time, window_text

Path = Union[str, "os.PathLike[str]"]
Size = Union[int, str]
Geometry = Union[str, Tuple[int, int]]


class Settings(TypedDict, total=False):
    """Every flag of `evh5 mount`, with `_` for `-`. What is not given comes from the environment, the config file, or evh5's defaults."""

    config_file: Path
    cache: Path
    max_cache_size: Size
    memory_target: Size
    sidecars: Path
    read_only: bool
    geometry: Union[Geometry, Mapping[str, Geometry]]
    encoding: Union[str, Mapping[str, str]]
    register: Union[str, Sequence[str], Mapping[str, str]]
    python: Path
    preprocessing_workers: int
    windows: Union[str, Sequence[Time]]
    folders: Union[str, Mapping[str, str]]
    companion_size_limit: Size
    allow_other: bool
    follow_links: bool
    uid: int
    gid: int
    file_mode: Union[int, str]
    dir_mode: Union[int, str]
    max_threads: int
    page_cache: bool
    http: str
    token_file: Path
    token: bool
    host_name: Union[str, Sequence[str]]
    log_level: str
    log_format: str
    log_directory: Path
    options: Union[str, Sequence[str]]


def _path(value: Any) -> str:
    # The daemon has another working folder.
    return os.path.join(os.getcwd(), os.fsdecode(value))


def _program(value: Any) -> str:
    text = os.fsdecode(value)
    return _path(text) if os.sep in text else text


def _number(value: Any) -> str:
    if isinstance(value, bool):
        raise TypeError(f"{value!r} is no number")
    return str(value) if isinstance(value, str) else str(int(value))


def _mode(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:04o}"


def _geometry(value: Any) -> str:
    if isinstance(value, str):
        return value
    width, height = value
    return f"{int(width)}x{int(height)}"


def _by_glob(one: Callable[[Any], str]) -> Callable[[Any], str]:
    def text(value: Any) -> str:
        if isinstance(value, Mapping):
            return ";".join(f"{glob}={one(item)}" for glob, item in value.items())
        return one(value)
    return text


def _windows(value: Any) -> str:
    return value if isinstance(value, str) else ",".join(window_text(one) for one in value)


def _options(value: Any) -> str:
    return value if isinstance(value, str) else ",".join(value)


_TEXTS: Dict[str, Callable[[Any], str]] = {
    "config_file": _path, "cache": _path, "sidecars": _path, "log_directory": _path, "python": _program, "token_file": _path,
    "max_cache_size": _number, "memory_target": _number, "companion_size_limit": _number, "preprocessing_workers": _number,
    "max_threads": _number, "uid": _number, "gid": _number, "file_mode": _mode, "dir_mode": _mode,
    "geometry": _by_glob(_geometry), "encoding": _by_glob(str), "windows": _windows, "folders": _by_glob(str), "log_level": str, "log_format": str, "options": _options,
    "http": str, "host_name": _options,
}
_SWITCHES = ("read_only", "allow_other", "follow_links", "page_cache", "token")


def registrations(value: Any) -> List[str]:
    """The texts of `register`: one, several, or a name for each."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [f"{name}={text}" for name, text in value.items()]
    return list(value)


def flags(settings: Mapping[str, Any]) -> List[str]:
    """The flags of these settings; None is as if a setting was not given. Raises TypeError for one that there is not."""
    words: List[str] = []
    for name, value in settings.items():
        flag = "--" + name.replace("_", "-")
        if name in _SWITCHES:
            if value is not None:
                words.append(flag if value else "--no-" + flag[2:])
        elif name == "register":
            words += [f"{flag}={text}" for text in registrations(value or ())]
        elif name in _TEXTS:
            if value is not None:
                try:
                    words.append(f"{flag}={_TEXTS[name](value)}")
                except (TypeError, ValueError) as problem:
                    raise type(problem)(f"{name}={value!r}: {problem}") from None
        else:
            known = ", ".join(sorted([*_SWITCHES, *_TEXTS, "register"]))
            raise TypeError(f"there is no setting {name!r}; there are mount_point, {known}")
    return words
