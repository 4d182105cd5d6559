"""Preprocessings of the user's own, written in a notebook, a script or a module.

evh5 calls them in processes of its own, by the file that they are in. A function of a module is named by its module. One of a notebook or script
has no file that could be imported without running the whole of it: its source, and that of the functions of the notebook that it calls, is
written into a module of its own."""
from __future__ import annotations

import inspect
import math
import os
import re
import sys
from typing import Any, Callable, Dict, List, NamedTuple, Optional, TypeVar, Union, overload

from ._source import module_text

Value = Union[bool, int, float, str]
Function = TypeVar("Function", bound=Callable[..., Any])

#: The arguments that evh5 gives; all others are parameters.
_OWN = ("events", "tensor", "delta_t", "downsampling_factor", "reset")


class Registration(NamedTuple):
    """A function as `evh5 mount --register` takes it; `text` is its module's, where that has to be written."""

    name: str
    module: str
    function: str
    folder: Optional[str]
    text: Optional[str]
    settings: str

    def flag(self, folder: str) -> str:
        """NAME=python:..., once the module that has to be written is in `folder`."""
        place = self.folder or folder
        if "," in place:
            raise ValueError(f"{self.name}: its module is in '{place}', and evh5 takes no folder with a comma in its name")
        return f"{self.name}=python:{self.module}:{self.function},path={place}{self.settings}"


_registrations: Dict[str, Registration] = {}


@overload
def register(function: Function, *, name: Optional[str] = None, channels: int, dtype: Any = "float32", fractions: bool = False,
             timeout: Optional[float] = None, **parameters: Value) -> Function: ...


@overload
def register(function: None = None, *, name: Optional[str] = None, channels: int, dtype: Any = "float32", fractions: bool = False,
             timeout: Optional[float] = None, **parameters: Value) -> Callable[[Function], Function]: ...


def register(function: Optional[Callable[..., Any]] = None, *, name: Optional[str] = None, channels: int, dtype: Any = "float32",
             fractions: bool = False, timeout: Optional[float] = None, **parameters: Value) -> Any:
    """Makes a function a preprocessing of the mounts that are made from now on; also as a decorator:

        @evh5.register(channels=2, fractions=True)
        def decayed(events, tensor, delta_t, downsampling_factor=0, reset=False, decay=0.5):
            ...

    It is called `name`, by default as the function. `channels`, `dtype` (float32, uint8, int8 or uint16), `fractions` (all values are in 0...1) and
    `timeout` (seconds for a frame) are as docs/PREPROCESSINGS.md has them. Its further arguments, here `decay`, become keys of paths, with their
    defaults; `parameters` gives others.

    evh5 calls it in other processes: it may use modules, what it imports itself, and functions of the same notebook, but no variables of the
    notebook (give those as parameters). Registered again, it replaces the one before; mounts that are there keep theirs."""
    if function is None:
        return lambda one: register(one, name=name, channels=channels, dtype=dtype, fractions=fractions, timeout=timeout, **parameters)
    if not inspect.isfunction(function):
        raise TypeError(f"{function!r} is no function written in Python")
    name = function.__name__ if name is None else name
    if not re.fullmatch("[A-Za-z0-9_-]{1,64}", name):
        raise ValueError(f"'{name}' cannot be a name in paths: give one of 1 to 64 letters, digits, _ and -, as name=")
    settings = f",channels={int(channels)},dtype={_type_name(dtype)}"
    if fractions:
        settings += ",fractions=true"
    if timeout is not None:
        settings += f",timeout={math.ceil(float(timeout) * 1000)}ms"
    for key, value in _parameters(function, parameters).items():
        settings += f",{key}={_text(key, value)}"
    _registrations[name] = _registration(name, function, settings)
    return function


def unregister(name: str) -> None:
    """Takes a registered function back: mounts that are made from now on are without it."""
    del _registrations[name]


def registered() -> List[str]:
    """The names of the functions that the next mount has."""
    return sorted(_registrations)


def registrations() -> List[Registration]:
    return list(_registrations.values())


def _type_name(dtype: Any) -> str:
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None) or getattr(dtype, "__name__", str(dtype))
    if name not in ("float32", "uint8", "int8", "uint16"):
        raise ValueError(f"dtype={name}: a preprocessing of your own is float32, uint8, int8 or uint16")
    return str(name)


def _parameters(function: Callable[..., Any], given: Dict[str, Value]) -> Dict[str, Value]:
    """The further arguments with their defaults, checked as evh5 will call."""
    signature = inspect.signature(function)
    further: Dict[str, Value] = {}
    for number, argument in enumerate(signature.parameters.values()):
        if argument.kind in (argument.VAR_KEYWORD, argument.VAR_POSITIONAL) or number < 3 or argument.name in _OWN:
            continue
        if argument.name not in given and argument.default is argument.empty:
            raise TypeError(f"{function.__name__} takes {argument.name}, which has no default: give one, {argument.name}=...")
        further[argument.name] = given.get(argument.name, argument.default)
    further.update(given)
    try:
        signature.bind(None, None, 1, downsampling_factor=0, reset=True, **further)
    except TypeError as problem:
        raise TypeError(f"{function.__name__}{signature} cannot be called as {function.__name__}(events, tensor, delta_t, downsampling_factor=..., "
                        f"reset=...{''.join(f', {name}=...' for name in further)}): {problem}") from None
    return further


def _text(key: str, value: Any) -> str:
    """A parameter's default as evh5 reads it: its spelling says its type."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{key}={value}: a parameter is a finite number")
        return repr(float(value))
    if isinstance(value, str):
        if not re.fullmatch(r"[A-Za-z0-9_\-+.:]{1,64}", value):
            raise ValueError(f"{key}={value!r}: a text is 1 to 64 ASCII letters, digits and _ - + . :")
        if value in ("true", "false") or re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", value):
            raise ValueError(f"{key}={value!r}: evh5 would take this text for a number or a boolean; give one, or another text")
        return value
    raise TypeError(f"{key}={value!r}: a parameter is a boolean, an integer, a float or a text")


def _registration(name: str, function: Callable[..., Any], settings: str) -> Registration:
    module = sys.modules.get(function.__module__)
    file = getattr(module, "__file__", None)
    is_there = module is not None and "<" not in function.__qualname__ and _attribute(module, function.__qualname__) is function
    if function.__module__ != "__main__" and file and file.endswith(".py") and is_there:
        folder = os.path.dirname(os.path.abspath(file))
        for _ in range(function.__module__.count(".") + (os.path.basename(file) == "__init__.py")):
            folder = os.path.dirname(folder)
        return Registration(name, function.__module__, function.__qualname__, folder, None, settings)
    # Its own name, so that it is the same file for the same source, and the cache's frames are found again.
    return Registration(name, "evh5_" + re.sub("[^A-Za-z0-9_]", "_", name), function.__name__, None, module_text(function), settings)


def _attribute(module: Any, name: str) -> Any:
    for part in name.split("."):
        module = getattr(module, part, None)
    return module
