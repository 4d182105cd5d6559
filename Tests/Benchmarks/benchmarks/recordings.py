"""The recordings: made once, kept in the work folder.

By default `evh5 synth` makes them. When the project's shared folder is there (EVH5_SHARED, else ../shared) its generator does, and its
real recording is repeated; EVT2.1 and EVT4 are always of `evh5 synth`. All are 1280x720; dense means about 25 million events/s, sparse 2."""
import dataclasses
import json
import os
import pathlib
import subprocess

import numpy as np

PARTS = dict(dense=1, dense2=2, dense21=4, dense4=4, dense_dat=2, sparse=4, real=4)  # of the size that is asked for
RATES = dict(dense=25e6, sparse=2e6)
FORMATS = dict(dense2="evt2", dense21="evt21-legacy", dense4="evt4", dense_dat="dat")  # others are EVT3; peers read the older EVT2.1 only
BYTES_PER_EVENT = dict(dense=2.5, sparse=4.4, dense2=4.0, dense21=5.7, dense4=3.5, dense_dat=8.0)  # about: how long a simulation of a given size is


def read_through(path):
    """Brings a file into the page cache."""
    with open(path, "rb", buffering=0) as file:
        buffer = bytearray(1 << 22)
        while file.readinto(buffer):
            pass


def repeat(source, path, size):
    """Writes the events of an EVT3 recording again and again, their time going on, until there are `size` bytes."""
    content = source.read_bytes()
    at = 0
    while content.startswith(b"% ", at):
        at = content.index(b"\n", at) + 1
    words = np.frombuffer(content, "<u2", (len(content) - at) // 2, at)
    highs = words >> 12 == 8
    times = words[highs] & 0xFFF
    span = (int(times[-1]) - int(times[0]) & 0xFFF) + 1
    with open(path, "wb") as file:
        file.write(b"% evt 3.0\n% format EVT3;height=720;width=1280\n% geometry 1280x720\n% end\n")
        for k in range(max(1, size // words.nbytes)):
            again = words.copy()
            again[highs] = 0x8000 | (times + (k * span & 0xFFF) & 0xFFF)
            file.write(again.tobytes())


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
    """Recordings by name: dense, sparse and real (EVT3), dense2 (EVT2), dense21 (EVT2.1), dense4 (EVT4), dense_dat (DAT); `given` stands for dense."""

    def __init__(self, evh5, folder, size, root, given=None, say=print):
        self.evh5, self.folder, self.size, self.say = evh5, pathlib.Path(folder), int(size), say
        self.given = pathlib.Path(given).resolve() if given else None
        shared = pathlib.Path(os.environ.get("EVH5_SHARED", root.parent / "shared"))
        self.generator, self.real = shared / "tools/gen_events.c", shared / "recordings/real_evt3.raw"
        self.made = {}

    def __contains__(self, name):
        """Whether there is such a recording: with a recording given there are no others, and not everybody has the real one."""
        return name == "dense" if self.given else name != "real" or self.real.exists()

    def __getitem__(self, name):
        if name not in self.made:
            path, by = (self.given, "given") if self.given else self.make(name)
            read_through(path)
            self.made[name] = Recording(path, self.info(path), by)
        return self.made[name]

    def lines(self):
        return [one.line() for one in self.made.values()]

    def info(self, path):
        found = json.loads(subprocess.run([self.evh5, "info", "--json", path], capture_output=True, text=True).stdout)[0]
        if not found["usable"]:
            raise SystemExit(f"{path}: {found.get('reason', 'no recording')}")
        return found

    def make(self, name):
        scene = "sparse" if name == "sparse" else "dense"
        format = FORMATS.get(name, "evt3")
        size = self.size // PARTS[name]
        is_simulated = name in ("dense21", "dense4") or not self.generator.exists()
        by = "real" if name == "real" else "synth" if is_simulated else "gen_events"
        folder = self.folder / f"{by}-{size}" / name
        path = folder / (f"{name}.dat" if format == "dat" else f"{name}.raw")
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            self.say(f"making {path.name}, {size / 1e6:.0f} MB, by {by}")
            part = folder / ("part" + path.suffix)
            if by == "real":
                repeat(self.real, part, size)
            elif by == "gen_events":
                self.generate(part, scene, format, size)
            else:
                self.synthesize(part, scene, format, size / BYTES_PER_EVENT[name])
            part.rename(path)
        return path, {"gen_events": "tools/gen_events.c", "synth": "evh5 synth", "real": f"{self.real.name}, repeated"}[by]

    def generate(self, path, scene, format, size):
        program = self.folder / "gen_events"
        if not program.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cc", "-O3", "-march=native", "-w", "-o", program, self.generator, "-lm"], check=True)
        subprocess.run([program, scene, "1", "11700000", str(size), f"{format}={path}"], check=True, stdout=subprocess.DEVNULL)

    def synthesize(self, path, scene, format, events):
        subprocess.run([self.evh5, "synth", path, "--format", format, "--rate", str(int(RATES[scene])), "--duration",
                        f"{max(100, int(events / RATES[scene] * 1000))}ms", "--start-ts", "11700ms", "--force"], check=True, stdout=subprocess.DEVNULL)
