"""Reading events as columns through the mount, in slices of time, against an HDF5 file laid out as DSEC's and against evutils on the RAW file."""
import os
import time

import h5py
import hdf5plugin
import numpy as np

from .measure import Row, in_turn
from .pipeline import MOST_EVENTS, Seeker
from .recordings import read_through
from .tensorfiles import made_of

SLICE = 10  # ms
PLACES = 20  # random slices of one measurement
COLUMNS = ("x", "y", "p", "t")
DSEC, EVUTILS, SECOND_SEEK = "h5py reading a DSEC-like file", "evutils", "evutils' seek with its index"
# As the writers of DSEC's authors: chunks that h5py chooses for 2^16 values.
STORAGE = dict(shape=(1 << 16,), maxshape=(None,), chunks=True, **hdf5plugin.Blosc("zstd", clevel=1, shuffle=hdf5plugin.Blosc.SHUFFLE))


def read_slices(path, numbers, count):
    """(events, seconds) of h5py reading all columns of these slices of 10 ms, opening and the index of `count` slices included."""
    events, begin = 0, time.perf_counter()
    with h5py.File(path, "r") as file:
        # As far as the DSEC-like file goes, which is the recording's beginning.
        columns, index = [file[f"events/{name}"] for name in COLUMNS], file["ms_to_idx"][:count * SLICE + 1].astype(np.int64)
        for number in numbers:
            first, last = index[number * SLICE], index[(number + 1) * SLICE]
            events += len([column[first:last] for column in columns][0])
    return events, time.perf_counter() - begin


class EventFiles:
    """The virtual file of the dense recording, and a copy of its first slices as a DSEC-like file."""

    def __init__(self, suite):
        self.mounts, self.recording, self.say = suite.mounts, suite.recordings["dense"], suite.say
        self.shift = self.recording.info["timeShift"]
        with self.mounts.mounted() as mount:
            self.there = os.path.exists(self.virtual(mount))
            if self.there:
                with h5py.File(self.virtual(mount), "r") as file:
                    self.count = min(suite.most_frames, (len(file["ms_to_idx"]) - 1) // SLICE)
                    self.index = file["ms_to_idx"][:self.count * SLICE + 1].astype(np.int64)
                    self.events = int(self.index[-1])
        self.path = suite.folder / "files" / f"{self.recording.bytes}" / f"{self.recording.path.stem}-events-blosc.h5"

    def virtual(self, mount):
        return mount / f"events/{self.recording.path.stem}.h5"

    def dsec(self):
        """Its path; it is made when it is not there or of another recording."""
        found = os.stat(self.recording.path)
        state = f"{found.st_ino} {found.st_size} {found.st_mtime_ns} slices {self.count}"
        if made_of(self.path) != state:
            self.say(f"  writing {self.path.name}, {self.events} events")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part = self.path.with_suffix(".part")
            with self.mounts.mounted() as mount, h5py.File(self.virtual(mount), "r") as source, h5py.File(part, "w") as file:
                for name in COLUMNS:
                    copy = file.create_dataset(f"events/{name}", dtype=source[f"events/{name}"].dtype, **STORAGE)
                    copy.resize(self.events, 0)
                    for first, last in zip(self.index[:-1:SLICE], self.index[SLICE::SLICE]):
                        copy[first:last] = source[f"events/{name}"][first:last]
                file["ms_to_idx"], file["t_offset"] = self.index.astype("u8"), np.int64(0)
                file.attrs["made_of"] = state
            part.rename(self.path)
        read_through(self.path)
        return str(self.path)

    def fault(self, events, first, last):
        """What is not right with a peer's events that shall be those from `first` to before `last`, in the sensor's time; None when all is."""
        if len(events) < last - first:
            return f"it found {len(events)} events of {last - first}"
        with h5py.File(self.path, "r") as file:
            for name in COLUMNS:
                given = np.asarray(getattr(events, name))[:last - first].astype(np.int64) - (self.shift if name == "t" else 0)
                if not np.array_equal(given, file[f"events/{name}"][first:last]):
                    return f"its {name} of events {first} to {last} are others"
        return None


def decoded(files):
    """evutils' slices of 10 ms, until it has decoded as many events as the DSEC-like file has."""
    from evutils.io import EventReader

    events = 0
    with EventReader(str(files.recording.path), delta_t=SLICE * 1000, reuse_buffers=True, max_events=MOST_EVENTS) as reader:
        for piece in reader:
            yield piece
            events += len(piece)
            if events >= files.events:
                return
    raise RuntimeError(f"it found {events} events of {files.events}")


def sought(files, reader, number):
    """evutils' slice at a place."""
    reader.seek(t=files.shift + number * SLICE * 1000)
    return reader.read()


def decoding_fault(files):
    """Why evutils is left out, or None."""
    first = 0
    try:
        for piece in decoded(files):
            last = min(first + len(piece), files.events)
            if fault := files.fault(piece, first, last):
                return fault
            first = last
    except Exception as error:
        return str(error)
    return None


def seeking_fault(files, places):
    try:
        with Seeker(files.recording.path, SLICE * 1000).open() as reader:
            for number in places:
                first, last = files.index[number * SLICE], files.index[(number + 1) * SLICE]
                piece = sought(files, reader, number)
                if fault := files.fault(piece, first, last) or len(piece) > last - first and f"it found {len(piece)} events of {last - first}":
                    return f"at {number * SLICE} ms {fault}"
    except Exception as error:
        return str(error)
    return None


def rows(what, against, found, fault, **rest):
    """Against the DSEC-like file, and against evutils unless it is wrong."""
    yield Row(what, DSEC, found["evh5"], found[DSEC], **rest)
    if fault:
        yield Row(what, against, missing=f"no peer reads it: evutils is left out: {fault}")
    else:
        yield Row(what, against, found["evh5"], found[against], **rest)


def slices(suite):
    """All columns, slice after slice, and slices at random places: nothing cached, the time index there."""
    files = EventFiles(suite)
    names = f"events as columns, slices of {SLICE} ms one after the other", f"events as columns, a random slice of {SLICE} ms, index there"
    if not files.there:
        for what, against in zip(names, (EVUTILS, SECOND_SEEK)):
            yield Row(what, DSEC, missing="not in this version")
            yield Row(what, against, missing="not in this version")
        return
    suite.say(f"  {files.count} slices of {SLICE} ms")
    dsec, numbers = files.dsec(), range(files.count)

    def speed(path):
        events, seconds = read_slices(path, numbers, files.count)
        if events != files.events:
            raise RuntimeError(f"{path} shows {events} events of {files.events}")
        return events / seconds / 1e6

    def through_mount():
        with suite.mounts.mounted() as mount:
            return speed(files.virtual(mount))

    def by_evutils():
        begin = time.perf_counter()
        return sum(len(piece) for piece in decoded(files)) / (time.perf_counter() - begin) / 1e6

    fault = decoding_fault(files)
    sides = {"evh5": through_mount, DSEC: lambda: speed(dsec)} | ({} if fault else {EVUTILS: by_evutils})
    yield from rows(names[0], EVUTILS, in_turn(sides, "Mev/s", suite.repetitions, suite.say), fault)

    suite.say("  random slices")
    # Not in the first slice: evutils begins with the first event, wherever that is in it.
    places = np.random.default_rng(3).integers(1, files.count, PLACES).tolist()

    def seek_mount():
        with suite.mounts.mounted() as mount:
            return read_slices(files.virtual(mount), places, files.count)[1] / PLACES * 1e3

    def seek_evutils():
        with Seeker(files.recording.path, SLICE * 1000).open() as reader:
            sought(files, reader, 0)  # makes its index
            begin = time.perf_counter()
            for number in places:
                sought(files, reader, number)
            return (time.perf_counter() - begin) / PLACES * 1e3

    fault = seeking_fault(files, places)
    sides = {"evh5": seek_mount, DSEC: lambda: read_slices(dsec, places, files.count)[1] / PLACES * 1e3} | ({} if fault else {SECOND_SEEK: seek_evutils})
    yield from rows(names[1], SECOND_SEEK, in_turn(sides, "ms", suite.repetitions, suite.say), fault, is_time=True)
