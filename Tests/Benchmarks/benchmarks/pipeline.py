"""How tensors are made today: slices of events from evutils, a numba kernel, h5py writing a gzip chunk per frame."""
import h5py
import numba
import numpy as np
from evutils.io import EventReader

from .tensorfiles import STORAGE, GZIP

MOST_EVENTS = 100_000_000  # of a slice


@numba.njit(cache=True)
def count_up(frame, x, y, polarity, t, start, period):
    step = np.float32(0.2)
    for k in range(x.size):
        channel = 1 if polarity[k] else 0
        value = frame[channel, y[k], x[k]] + step
        frame[channel, y[k], x[k]] = value if value < 1 else 1


@numba.njit(cache=True)
def keep_times(frame, x, y, polarity, t, start, period):
    scale = np.float32(1 / period)
    for k in range(x.size):
        frame[1 if polarity[k] else 0, y[k], x[k]] = np.float32(t[k] - start) * scale


@numba.njit(cache=True)
def fill_cube(frame, x, y, polarity, t, start, period):
    """Three micro bins, each event shared out between the two that are nearest."""
    step, scale = np.float32(0.2), np.float32(3 / period)
    for k in range(x.size):
        place = np.float32(t[k] - start) * scale - np.float32(0.5)
        below = int(np.floor(place))
        share = place - np.float32(below)
        for bin, weight in ((below, np.float32(1) - share), (below + 1, share)):
            if 0 <= bin < 3:
                channel = 2 * bin + (1 if polarity[k] else 0)
                value = frame[channel, y[k], x[k]] + weight * step
                frame[channel, y[k], x[k]] = value if value < 1 else 1


KERNELS = {"histo": (count_up, 2), "timesurface": (keep_times, 2), "event_cube": (fill_cube, 6)}


def convert(recording, output, period, size, frames, preprocessing="histo"):
    """Writes the first `frames` frames of `period` us, as generate_hdf5 lays them out; `size` is (height, width)."""
    kernel, channels = KERNELS[preprocessing]
    shape = (channels, *size)
    frame, start = np.zeros(shape, np.float32), None
    with h5py.File(output, "w") as file, EventReader(str(recording), delta_t=period, reuse_buffers=True, max_events=MOST_EVENTS) as reader:
        data = file.create_dataset("data", (0, *shape), np.float32, maxshape=(None, *shape), chunks=(1, *shape), **STORAGE[GZIP])
        for i, events in zip(range(frames), reader):
            if start is None:
                start = int(events.t[0])
            frame[:] = 0
            kernel(frame, events.x, events.y, events.p, events.t, start + i * period, period)
            data.resize(i + 1, axis=0)
            data[i] = frame


class Seeker:
    """evutils going to a time and reading a slice of events there."""

    def __init__(self, recording, period):
        self.recording, self.period = str(recording), period

    def open(self):
        return EventReader(self.recording, delta_t=self.period, max_events=MOST_EVENTS)

    @staticmethod
    def read(reader, time):
        reader.seek(t=time)
        if len(reader.read()) == 0:
            raise RuntimeError(f"evutils found no events at {time} us")
