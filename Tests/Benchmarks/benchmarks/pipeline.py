"""How tensors are made today: slices of events from evutils, a numba kernel, h5py writing a gzip chunk per frame."""
import h5py
import numba
import numpy as np
from evutils.io import EventReader

from .tensorfiles import STORAGE, GZIP

MOST_EVENTS = 100_000_000  # of a slice


@numba.njit(cache=True)
def count_up(frame, x, y, polarity, step):
    for k in range(x.size):
        channel = 1 if polarity[k] else 0
        value = frame[channel, y[k], x[k]] + step
        frame[channel, y[k], x[k]] = value if value < 1 else 1


def convert(recording, output, period, shape, frames):
    """Writes the first `frames` histograms of `period` us, as generate_hdf5 lays them out."""
    frame = np.zeros(shape, np.float32)
    with h5py.File(output, "w") as file, EventReader(str(recording), delta_t=period, reuse_buffers=True, max_events=MOST_EVENTS) as reader:
        data = file.create_dataset("data", (0, *shape), np.float32, maxshape=(None, *shape), chunks=(1, *shape), **STORAGE[GZIP])
        for i, events in zip(range(frames), reader):
            frame[:] = 0
            count_up(frame, events.x, events.y, events.p, np.float32(0.2))
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
