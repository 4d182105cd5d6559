"""The benchmarks by name, in the order of the table, and what they share."""
import pathlib
import shutil
import traceback

from . import decoding, events, filtering, generating, generating_events, loading, reading, seeking, writing
from .decoding import Bench
from .measure import Row
from .mounting import Mounts
from .recordings import Recordings
from .tensorfiles import TensorFiles

BENCHMARKS = {
    "decode": decoding.decode,
    "scan": decoding.scan,
    "filters": filtering.filtered,
    "sequential": reading.sequential,
    "cached": reading.cached,
    "in-memory": reading.in_memory,
    "random": reading.shuffled,
    "frame-n": seeking.frame_n,
    "events": events.slices,
    "cache-size": reading.cache_size,
    "peak-memory": reading.peak_memory,
    "loader-memory": loading.loader_memory,
    "adding": writing.adding,
    "generate": generating.generating,
    "generate-events": generating_events.generating_events,
}


class Suite:
    """What the benchmarks work with. Mounts and files are made when the first one asks."""

    def __init__(self, evh5, bench, root, folder, size, frames, repetitions, recording, say):
        self.evh5, self.folder, self.most_frames, self.repetitions, self.say = evh5, pathlib.Path(folder), frames, repetitions, say
        self.bench = Bench(bench)
        self.recordings = Recordings(evh5, self.folder / "recordings", size, root, recording, say)
        self._mounts = self._files = None

    @property
    def mounts(self):
        """Mounts of a folder with the dense recording alone."""
        if not self._mounts:
            recording, source = self.recordings["dense"].path, self.folder / "source"
            shutil.rmtree(source, ignore_errors=True)
            source.mkdir(parents=True)
            (source / recording.name).symlink_to(recording)
            self._mounts = Mounts(self.evh5, source, self.folder)
        return self._mounts

    @property
    def files(self):
        if not self._files:
            recording = self.recordings["dense"]
            self._files = TensorFiles(self.mounts, recording, self.folder / "files" / f"{recording.bytes}", self.most_frames, self.say)
        return self._files

    @property
    def kernels(self):
        """The variant that all of evh5 uses here."""
        return self.bench.kernels

    def rows(self, only):
        """The rows of the benchmarks in `only`, one after the other. One that fails becomes a row that says so, and the rest goes on."""
        for name in only or BENCHMARKS:
            self.say(name)
            try:
                for row in BENCHMARKS[name](self):
                    row.kernels = row.kernels or self.kernels
                    yield row
            except Exception as error:
                traceback.print_exc()
                yield Row(name, "-", kernels=self.kernels, missing=f"ended by an error: {type(error).__name__}: {error}", failed=True)

    def end(self):
        """Removes what only this run needed."""
        for name in ("cache", "indexed", "source", "converted.h5"):
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
