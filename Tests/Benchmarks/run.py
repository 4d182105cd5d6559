#!/usr/bin/env python3
"""Measures evh5 beside its peers and prints a table of ratios; `--write` makes docs/BENCHMARKS.md of it. `make benchmark` calls it."""
import argparse
import json
import os
import pathlib
import sys

from benchmarks import machine, report
from benchmarks.suite import BENCHMARKS, Suite

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build/release"


def size(text):
    """Bytes of `1G`, `100M`, `2500k`; the units are powers of 1000."""
    units = dict(k=1e3, M=1e6, G=1e9)
    return int(float(text[:-1]) * units[text[-1]]) if text[-1:] in units else int(text)


def arguments(words):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a recording of 100M and 3 repetitions of 40 frames at most, for developers")
    parser.add_argument("--size", type=size, help="of the dense EVT3 recording; the others have a half or a quarter (default 1G)")
    parser.add_argument("--repetitions", type=int, help="default 5")
    parser.add_argument("--frames", type=int, help="frames of a tensor to read, at most (default 100)")
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; again for more")
    parser.add_argument("--recording", help="measure on this RAW or DAT file alone instead of simulated recordings")
    parser.add_argument("--work", default=ROOT / ".build/benchmarks", help="folder for recordings and files, kept for the next run")
    parser.add_argument("--json", help="write rows and all samples to this file")
    parser.add_argument("--write", action="store_true", help="write docs/BENCHMARKS.md")
    a = parser.parse_args(words)
    if a.write and a.only:
        parser.error("--write needs all rows; leave --only out")
    standard = (100_000_000, 3, 40) if a.quick else (1_000_000_000, 5, 100)
    a.size, a.repetitions, a.frames = (given or default for given, default in zip((a.size, a.repetitions, a.frames), standard))
    return a


def samples(side):
    return side and dict(name=side.name, unit=side.unit, median=side.median, values=side.values)


def main(words=None):
    a = arguments(words)
    load = machine.load()
    evh5, bench = (pathlib.Path(os.environ.get(name, BUILD / file)) for name, file in (("EVH5", "evh5"), ("EVH5_BENCH", "evh5-bench")))
    for path in (evh5, bench):
        if not path.exists():
            sys.exit(f"there is no {path}: run `make benchmark`")
    suite = Suite(evh5, bench, ROOT, pathlib.Path(a.work).resolve(), a.size, a.frames, a.repetitions, a.recording,
                  lambda text: print(text, file=sys.stderr, flush=True))
    rows = []
    try:
        for row in suite.rows(a.only):
            rows.append(row)
            print("  => " + " | ".join(report.line(row)), file=sys.stderr, flush=True)
    finally:
        suite.end()
    text = report.markdown(rows, suite.kernels, machine.describe(evh5, ROOT, load), suite.recordings.lines(), a.frames, a.repetitions)
    print(text)
    if a.json:
        pathlib.Path(a.json).write_text(json.dumps([dict(what=row.what, kernels=row.kernels, against=row.against, goal=row.goal, value=row.value, met=row.is_met,
            missing=row.missing, note=row.note, evh5=samples(row.ours), other=samples(row.theirs)) for row in rows], indent=1))
    if a.write:
        document = ROOT / "docs/BENCHMARKS.md"
        document.write_text(report.merged(document.read_text() if document.exists() else "", suite.kernels, text))
    return 1 if any(row.failed for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
