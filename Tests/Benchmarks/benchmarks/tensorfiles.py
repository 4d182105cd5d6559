"""HDF5 files of the same tensors, to read against: gzip, bitshuffle with lz4, and uncompressed; kept in the work folder."""
import os
import time

import h5py
import hdf5plugin
import numpy as np

from .recordings import read_through

TENSORS = ("histo/50ms", "timesurface/250ms", "event_cube/50ms", "timesurface/10ms")
GZIP, BITSHUFFLE, PLAIN = "gzip", "bitshuffle-lz4", "uncompressed"
STORAGE = {
    GZIP: dict(compression="gzip", compression_opts=4),
    BITSHUFFLE: dict(hdf5plugin.Bitshuffle(cname="lz4")),
    PLAIN: {},
}


def frame_count(path):
    with h5py.File(path, "r") as file:
        return len(file["data"])


def read_frames(path, frames):
    """Frames per second of h5py reading `frames` in their order, into one buffer, opening included."""
    begin = time.perf_counter()
    with h5py.File(path, "r") as file:
        data = file["data"]
        buffer = np.empty((1, *data.shape[1:]), data.dtype)
        for i in frames:
            data.read_direct(buffer, np.s_[i:i + 1])
    return len(frames) / (time.perf_counter() - begin)


def made_of(path):
    """What an earlier run wrote about a copy; None when there is none."""
    if not path.exists():
        return None
    with h5py.File(path, "r") as file:
        return file.attrs.get("made_of")


class TensorFiles:
    def __init__(self, mounts, recording, folder, most_frames, say):
        self.mounts, self.recording, self.folder, self.most, self.say = mounts, recording, folder, most_frames, say
        self.counts = {}

    def virtual(self, mount, tensor):
        return mount / f"{tensor}/{self.recording.path.stem}.h5"

    def frames(self, tensor):
        """How many frames of a tensor are read and stored."""
        if tensor not in self.counts:
            with self.mounts.mounted() as mount:
                self.counts[tensor] = min(self.most, frame_count(self.virtual(mount, tensor)))
        return self.counts[tensor]

    def path(self, tensor, storage):
        """The file, made when it is not there or of other frames; its bytes are in the page cache."""
        path = self.folder / f"{self.recording.path.stem}-{tensor.replace('/', '-')}-{storage}.h5"
        count, state = self.frames(tensor), self.state(tensor)
        if made_of(path) != state:
            self.say(f"  writing {path.name}, {count} frames")
            self.folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            with self.mounts.mounted() as mount, h5py.File(self.virtual(mount, tensor), "r") as source, h5py.File(part, "w") as file:
                data = source["data"]
                shape = (count, *data.shape[1:])
                chunks = {} if storage == PLAIN else dict(chunks=(1, *data.shape[1:]), **STORAGE[storage])
                copy = file.create_dataset("data", shape, data.dtype, **chunks)
                for i in range(count):
                    copy[i] = data[i]
                file.attrs["made_of"] = state
            part.rename(path)
        read_through(path)
        return str(path)

    def state(self, tensor):
        """What the bytes of a copy follow from."""
        found = os.stat(self.recording.path)
        with self.mounts.mounted() as mount, h5py.File(self.virtual(mount, tensor), "r") as file:
            version = int(file.attrs["tensor_version"])
        return f"{found.st_ino} {found.st_size} {found.st_mtime_ns} {tensor} version {version} frames {self.frames(tensor)}"
