#!/usr/bin/env python3
"""Makes a folder of many small recordings, and measures how long a mount of it takes to list.

    many_recordings.py make FOLDER --count 10000 --bytes 4096 [--format evt3|evt2|dat]
    many_recordings.py measure FOLDER --evh5 .build/release/evh5

Recordings are valid: events move through the frame with steps of some microseconds. `dat` makes files as those of N-CARS: DAT version 2,
`obj_000000_td.dat`. Measured are the first `ls -l` with an empty cache, another window, `find`, `du`, and all of them after a restart, and
the memory of the daemon after each.
"""

import argparse
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def evt3(events):
    words, high, low, row = [], None, None, None
    for x, y, p, t in events:
        if t >> 12 & 0xFFF != high:
            high, low = t >> 12 & 0xFFF, None
            words.append(0x8000 | high)
        if t & 0xFFF != low:
            low = t & 0xFFF
            words.append(0x6000 | low)
        if y != row:
            row = y
            words.append(y)
        words.append(0x2000 | p << 11 | x)
    return struct.pack(f"<{len(words)}H", *words)


def evt2(events):
    words, high = [], None
    for x, y, p, t in events:
        if t >> 6 != high:
            high = t >> 6
            words.append(0x80000000 | high & 0xFFFFFFF)
        words.append(p << 28 | (t & 63) << 22 | x << 11 | y)
    return struct.pack(f"<{len(words)}I", *words)


def dat(events):
    return b"\x00\x08" + b"".join(struct.pack("<II", t & 0xFFFFFFFF, p << 28 | y << 14 | x) for x, y, p, t in events)


FORMATS = {
    "evt3": ("% camera_integrator_name Prophesee\n% format EVT3;height=240;width=320\n% evt 3.0\n% end\n", evt3, "a_{:07}.raw"),
    "evt2": ("% camera_integrator_name Prophesee\n% evt 2.0\n% geometry 304x240\n% end\n", evt2, "a_{:07}.raw"),
    "dat": ("% Data file containing CD events.\n% Version 2\n% Width 304\n% Height 240\n", dat, "obj_{:06}_td.dat"),
}


def recording(format, size, seed):
    header, encode, _ = FORMATS[format]
    source = random.Random(seed)
    t, x, y, events = 0, 100, 100, []
    # As many as certainly suffice; the rest is cut off at a whole word.
    for _ in range(size // 2):
        t += source.randrange(1, 60)
        x, y = (x + source.randrange(3)) % 300, (y + source.randrange(-1, 2)) % 240
        events.append((x, y, source.randrange(2), t))
    whole = header.encode() + encode(events)
    word = {"evt3": 2, "evt2": 4, "dat": 8}[format]
    prefix = len(header) + (2 if format == "dat" else 0)
    return whole[: prefix + max(0, size - prefix) // word * word]


def make(folder, count, size, format):
    folder.mkdir(parents=True, exist_ok=True)
    name = FORMATS[format][2]
    # Some different ones, so that a mistake of one with another shows.
    kinds = [recording(format, size - 16 * (i % 16), i) for i in range(min(count, 64))]
    for i in range(count):
        (folder / name.format(i)).write_bytes(kinds[i % len(kinds)])


def memory(pid):
    """VmRSS and VmHWM, MiB."""
    lines = [line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    value = {words[0]: int(words[1]) for words in lines if words and words[0] in ("VmRSS:", "VmHWM:")}
    return value["VmRSS:"] >> 10, value["VmHWM:"] >> 10


def daemon(evh5, mount):
    return json.loads(subprocess.check_output([evh5, "status", "--json", mount]))["pid"]


def timed(command):
    start = time.perf_counter()
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(folder, evh5):
    count = len(os.listdir(folder))
    with tempfile.TemporaryDirectory(prefix="evh5-many-", dir=folder.parent) as top:
        mount, cache, store = Path(top) / "h5", Path(top) / "cache", Path(top) / "store"
        mount.mkdir()
        print(f"{count} recordings in {folder}")

        def row(what, command):
            seconds = timed(command)
            now, most = memory(daemon(evh5, mount))
            print(
                f"{what:32} {seconds:8.2f} s   VmRSS {now:5} MiB   VmHWM {most:5} MiB   {(now << 20) // max(1, count):7} B each",
                flush=True,
            )

        for name in ["empty cache", "restarted"]:
            start = time.perf_counter()
            subprocess.run([evh5, "mount", "--cache", cache, "--sidecars", store, folder, mount], check=True)
            print(f"{name}: mounted in {time.perf_counter() - start:.2f} s, VmRSS {memory(daemon(evh5, mount))[0]} MiB")
            try:
                row("ls -l histo/50ms", f"ls -l {mount}/histo/50ms")
                row("the same again", f"ls -l {mount}/histo/50ms")
                row("ls -l timesurface/10ms", f"ls -l {mount}/timesurface/10ms")
                row("find event_cube/20ms -size +1M", f"find {mount}/event_cube/20ms -size +1M")
                row("du diff/100ms", f"du -s {mount}/diff/100ms")
                row("ls histo/250ms", f"ls {mount}/histo/250ms")
            finally:
                subprocess.run([evh5, "unmount", mount], check=True)
        files = [path for path in cache.rglob("*") if path.is_file()]
        print(f"cache: {len(files)} files, {sum(path.stat().st_size for path in files) >> 10} KiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("make")
    one.add_argument("folder", type=Path)
    one.add_argument("--count", type=int, default=10_000)
    one.add_argument("--bytes", type=int, default=4096)
    one.add_argument("--format", choices=FORMATS, default="evt3")
    two = commands.add_parser("measure")
    two.add_argument("folder", type=Path)
    two.add_argument("--evh5", default=".build/release/evh5")
    arguments = parser.parse_args()
    if arguments.command == "make":
        make(arguments.folder, arguments.count, arguments.bytes, arguments.format)
    else:
        measure(arguments.folder.resolve(), os.path.abspath(arguments.evh5))


if __name__ == "__main__":
    sys.exit(main())
