"""The recordings: made once, kept in the work folder.

By default `evh5 synth` makes them. When the project's shared tools are there (EVH5_SHARED, else ../shared) their generator does; it
has the figures of real sensors. Both are 1280x720, 25 million events/s (dense) or 2 (sparse)."""
import dataclasses
import json
import os
import pathlib
import subprocess

RATES = dict(dense=25e6, sparse=2e6)
BYTES_PER_EVENT = dict(dense=2.5, sparse=4.4, dense2=4.0, dense_dat=8.0)  # about: how long a simulation of a given size is


@dataclasses.dataclass
class Recording:
    path: pathlib.Path
    info: dict
    made_by: str

    @property
    def events(self):
        return self.info["events"]

    @property
    def bytes(self):
        return os.path.getsize(self.path)

    def line(self):
        return [self.path.name, self.info["format"], f"{self.bytes / 1e6:.0f}", self.events, f"{self.info['rate'] / 1e6:.1f}", self.made_by]


class Recordings:
    """Recordings by name: dense (EVT3), sparse (EVT3), dense2 (EVT2), dense_dat (DAT); `given` stands for dense."""

    def __init__(self, evh5, folder, size, root, given=None, say=print):
        self.evh5, self.folder, self.size, self.say = evh5, pathlib.Path(folder), int(size), say
        self.given = pathlib.Path(given).resolve() if given else None
        shared = pathlib.Path(os.environ.get("EVH5_SHARED", root.parent / "shared"))
        self.generator = shared / "tools/gen_events.c"
        self.made = {}

    def __contains__(self, name):
        """Whether there is such a recording: with a recording given, no others are simulated."""
        return not self.given or name == "dense"

    def __getitem__(self, name):
        if name not in self.made:
            path, by = (self.given, "given") if self.given else self.make(name)
            path.read_bytes()  # into the page cache
            self.made[name] = Recording(path, self.info(path), by)
        return self.made[name]

    def lines(self):
        return [one.line() for one in self.made.values()]

    def info(self, path):
        done = subprocess.run([self.evh5, "info", "--json", path], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)[0]

    def make(self, name):
        scene = "sparse" if name == "sparse" else "dense"
        format = {"dense2": "evt2", "dense_dat": "dat"}.get(name, "evt3")
        size = self.size if name == "dense" else self.size // 4
        by = "gen_events" if self.generator.exists() else "synth"
        folder = self.folder / f"{by}-{size}" / name
        path = folder / (f"{name}.dat" if format == "dat" else f"{name}.raw")
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            self.say(f"making {path.name}, {size / 1e6:.0f} MB, by {by}")
            part = folder / ("part" + path.suffix)
            if by == "gen_events":
                self.generate(part, scene, format, size)
            else:
                self.synthesize(part, scene, format, size / BYTES_PER_EVENT[name])
            part.rename(path)
        return path, "tools/gen_events.c" if by == "gen_events" else "evh5 synth"

    def generate(self, path, scene, format, size):
        program = self.folder / "gen_events"
        if not program.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cc", "-O3", "-march=native", "-w", "-o", program, self.generator, "-lm"], check=True)
        subprocess.run([program, scene, "1", "11700000", str(size), f"{format}={path}"], check=True, stdout=subprocess.DEVNULL)

    def synthesize(self, path, scene, format, events):
        subprocess.run([self.evh5, "synth", path, "--format", format, "--rate", str(int(RATES[scene])), "--duration",
                        f"{max(100, int(events / RATES[scene] * 1000))}ms", "--start-ts", "11700ms", "--force"], check=True, stdout=subprocess.DEVNULL)
