"""A dataset of clips of frames, for PyTorch's DataLoader and everything else that takes a map-style dataset. It imports h5py, and no torch.

    from evh5.data import Frames

    clips = Frames(root / "histo/50ms/train", clip=10)
    loader = torch.utils.data.DataLoader(clips, batch_size=4, shuffle=True, num_workers=4)
"""
from __future__ import annotations

import bisect
import collections
import contextlib
import errno
import operator
import os
import pathlib
import threading
import weakref
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
PathLike = Union[str, "os.PathLike[str]"]


class Clip(NamedTuple):
    """Where an item comes from."""

    file: pathlib.Path
    #: The number of its first frame in the file.
    start: int


class Frames:
    """Clips of `clip` frames of tensor files, as arrays (clip, C, H, W). Item i is the same in every epoch and in every process.

    `files` is a folder such as `root / "histo/50ms/train"`, whose `.h5` files are taken with those of its folders, sorted; or a file; or several
    of either. Files of a mount and of `evh5 generate` are alike.

    `stride`: frames from the beginning of a clip to that of the next; by default `clip`, so that clips do not overlap. A clip lies in one
    file: the frames at its end that fill no clip are in none, and a recording with fewer frames than `clip` has no items.

    `labels`: an item is (frames, labels), where labels is a list with an array for each frame: the boxes whose time is in that frame, from
    `<name>_bbox.npy` beside the file. True looks for that name; a function gets the file's path and gives that of its labels. Times stay as they
    are in the label file, from the beginning of the tensor on.

    `transform`: is called with the frames, or with the frames and their labels, and what it returns is the item.

    Files are opened when they are needed, by the process that reads them, also after fork or spawn; at most `max_open` at the same time.
    Threads may share a dataset."""

    def __init__(self, files: Union[PathLike, Iterable[PathLike]], clip: int = 1, *, stride: Optional[int] = None,
                 labels: Union[bool, Callable[[pathlib.Path], PathLike]] = False, transform: Optional[Callable[..., Any]] = None,
                 max_open: int = 16) -> None:
        self.clip = _at_least_1("clip", clip)
        self.stride = self.clip if stride is None else _at_least_1("stride", stride)
        self.max_open = _at_least_1("max_open", max_open)
        self.transform = transform
        self.files = _tensor_files(files)
        self._labels: Optional[List[pathlib.Path]] = None
        if labels:
            self._labels = [pathlib.Path(labels(file)) if callable(labels) else _label_file(file) for file in self.files]
            for labels_of_file in self._labels:
                if not labels_of_file.is_file():
                    raise FileNotFoundError(errno.ENOENT, "there is no label file", str(labels_of_file))
        #: The number of items up to and with each file.
        self._ends: List[int] = []
        total = 0
        for file in self.files:
            total += max(0, (_frame_count(file) - self.clip) // self.stride + 1)
            self._ends.append(total)
        self._reader = _Reader(self.max_open)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> Any:
        number, start = self._place(index)
        frames, labels = self._reader.read(self.files[number], self._labels[number] if self._labels else None, start, self.clip)
        if labels is None:
            return self.transform(frames) if self.transform else frames
        return self.transform(frames, labels) if self.transform else (frames, labels)

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def where(self, index: int) -> Clip:
        """The file of an item, and the number of its first frame there."""
        number, start = self._place(index)
        return Clip(self.files[number], start)

    def close(self) -> None:
        """Closes the files that this process has open; they are opened again when they are needed."""
        self._reader.close()

    def __enter__(self) -> "Frames":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{len(self)} clips of {self.clip} frames of {len(self.files)} files>"

    def __getstate__(self) -> Dict[str, Any]:
        # Open files do not go into another process.
        return {**self.__dict__, "_reader": None}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reader = _Reader(self.max_open)

    def _place(self, index: int) -> Tuple[int, int]:
        """The number of an item's file, and of its first frame there."""
        number = operator.index(index)
        if number < 0:
            number += len(self)
        if not 0 <= number < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        file = bisect.bisect_right(self._ends, number)
        before = self._ends[file - 1] if file else 0
        return file, (number - before) * self.stride


def collate(items: Sequence[Tuple[Array, List[Array]]]) -> Tuple[Array, List[List[Array]]]:
    """A batch of items with labels, as `collate_fn` of a DataLoader: one array (B, clip, C, H, W), and the labels of each item as they are. The
    DataLoader's own can stack no lists of boxes."""
    return np.stack([frames for frames, _ in items]), [labels for _, labels in items]


def close_below(root: pathlib.Path) -> None:
    """Closes what datasets of this process have open below a folder, as a mount that ends needs it."""
    for reader in list(_readers):
        reader.close(root)


class _Open:
    """A tensor file that is open, and its labels in the order of their frames."""

    def __init__(self, path: pathlib.Path, labels: Optional[pathlib.Path]) -> None:
        self.file = h5py.File(path, "r")
        try:
            self.data = self.file["data"]
            if labels is not None:
                self.labels, self.label_ends = _labels_by_frame(labels, self.file)
        except BaseException:
            self.file.close()
            raise

    def frames(self, start: int, count: int) -> Array:
        frames: Array = self.data[start:start + count]
        if len(frames) != count:
            raise OSError(errno.ESTALE, f"has {len(self.data)} frames by now, fewer than when the dataset was made; make it anew", self.file.filename)
        return frames

    def labels_of(self, start: int, count: int) -> List[Array]:
        # Copies: nothing of an item changes what is kept, nor keeps it in memory.
        ends = self.label_ends
        return [self.labels[ends[frame]:ends[frame + 1]].copy() for frame in range(start, start + count)]


class _Reader:
    """The open files of one dataset in one process, those that were used last."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._new()
        _readers.add(self)

    def _new(self) -> None:
        self.process = os.getpid()
        # HDF5 reads one thing at a time anyway; so no thread closes what another reads.
        self.lock = threading.Lock()
        self.open: "collections.OrderedDict[pathlib.Path, _Open]" = collections.OrderedDict()

    def read(self, path: pathlib.Path, labels: Optional[pathlib.Path], start: int, count: int) -> Tuple[Array, Optional[List[Array]]]:
        self._after_fork()
        with self.lock:
            one = self.open.pop(path, None)
            if one is None:
                while len(self.open) >= self.limit:
                    self.open.popitem(last=False)[1].file.close()
                one = _Open(path, labels)
            self.open[path] = one
            return one.frames(start, count), None if labels is None else one.labels_of(start, count)

    def close(self, below: Optional[pathlib.Path] = None) -> None:
        self._after_fork()
        with self.lock:
            for path in list(self.open):
                if below is None or below in path.parents:
                    self.open.pop(path).file.close()

    def _after_fork(self) -> None:
        """What the parent had open is closed here, not there. Else HDF5 would go on with the parent's file when it is opened again."""
        if self.process == os.getpid():
            return
        inherited = self.open
        # A new lock: a thread of the parent may have held the other one.
        self._new()
        for one in inherited.values():
            with contextlib.suppress(Exception):
                one.file.close()


_readers: "weakref.WeakSet[_Reader]" = weakref.WeakSet()


def _at_least_1(name: str, value: int) -> int:
    number = operator.index(value)
    if number < 1:
        raise ValueError(f"{name}={value}: {name} is at least 1")
    return number


def _tensor_files(files: Union[PathLike, Iterable[PathLike]]) -> List[pathlib.Path]:
    found: List[pathlib.Path] = []
    for one in [files] if isinstance(files, (str, os.PathLike)) else files:
        # Whole paths, as workers may have another working folder.
        path = pathlib.Path(os.path.abspath(one))
        if not path.is_dir():
            if not path.exists():
                raise FileNotFoundError(errno.ENOENT, "there is no such file or folder", str(path))
            found.append(path)
            continue
        inside = [pathlib.Path(folder, name) for folder, _, names in os.walk(path, onerror=_raise) for name in names if name.endswith(".h5")]
        if not inside:
            raise FileNotFoundError(errno.ENOENT, "there is no .h5 file in this folder", str(path))
        found += sorted(inside)
    return found


def _raise(problem: OSError) -> None:
    raise problem


def _frame_count(path: pathlib.Path) -> int:
    with h5py.File(path, "r") as file:
        data = file.get("data")
        if not isinstance(data, h5py.Dataset) or data.ndim != 4:
            raise ValueError(f"'{path}' has no tensor /data of frames; name the files instead of their folder to leave it out")
        return int(data.shape[0])


def _label_file(path: pathlib.Path) -> pathlib.Path:
    """`a_bbox.npy` of `a.h5`. Where two recordings of a folder have one name, files have their extension, and labels may."""
    base = path.name[:-3] if path.name.endswith(".h5") else path.name
    names = [base]
    if base[-4:].lower() in (".raw", ".dat"):
        stem = base[:-4]
        names.append(stem[:-3] if base.lower().endswith(("_td.dat", "_cd.dat")) else stem)
    found = [path.with_name(f"{name}_bbox.npy") for name in names]
    return next((one for one in found if one.is_file()), found[0])


def _labels_by_frame(path: pathlib.Path, file: Any) -> Tuple[Array, Array]:
    """The labels that are in frames, sorted by frame, and where those of each frame begin and end: frame i has those from ends[i] to ends[i + 1]."""
    labels: Array = np.load(path)
    field = next((name for name in ("t", "ts") if name in (labels.dtype.names or ())), None)
    if field is None or labels.ndim != 1:
        raise ValueError(f"'{path}' is no list of labels with a time field 't' or 'ts' in us")
    data, times = file["data"], labels[field]
    count = int(data.shape[0])
    if "starts" in file:
        return _labels_by_window(labels, times, file)
    period = int(data.attrs.get("delta_t", 0))
    if period:
        # As events: frame i has the times in [i D, (i + 1) D).
        numbers = times // period
    else:
        # Frames by a number of events end with the time of their last event.
        numbers = np.searchsorted(file["last_timestamps"][:], times, side="left")
    inside = (times >= 0) & (numbers < count)
    labels, numbers = labels[inside], numbers[inside].astype(np.int64)
    order = np.argsort(numbers, kind="stable")
    return labels[order], np.concatenate([[0], np.cumsum(np.bincount(numbers, minlength=count))])


def _labels_by_window(labels: Array, times: Array, file: Any) -> Tuple[Array, Array]:
    """The same for windows that may overlap: a label is in each frame whose window has its time. Windows that end at listed times have their
    end and not their start: the label that a window was made for is in it."""
    starts, ends = file["starts"][:], file["ends"][:]
    keys = str(file["data"].attrs["window"]).split(",")
    is_at_end = any(key.startswith("at=") for key in keys) and not any(key.startswith("align=") for key in keys)
    side: Any = "right" if is_at_end else "left"
    order = np.argsort(times, kind="stable")
    labels, times = labels[order], times[order]
    first = np.searchsorted(times, starts, side=side)
    past = np.maximum(first, np.searchsorted(times, ends, side=side))
    chosen = [np.arange(a, b) for a, b in zip(first, past)]
    return labels[np.concatenate([np.zeros(0, np.int64), *chosen]).astype(np.int64)], np.concatenate([[0], np.cumsum(past - first)])
