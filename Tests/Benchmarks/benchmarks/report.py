"""The table, as text for a terminal and as docs/BENCHMARKS.md."""
from .measure import number

INTRODUCTION = """\
# Benchmarks

Written by `make benchmark ARGUMENTS=--write`, which measures evh5 and its peers side by side in one run; only what stands under
Findings is written by hand, and kept. Trust the ratios: the absolute figures are this machine's. A ratio says how many times
faster (for sizes: larger) evh5 is, median by median of {repetitions} repetitions measured in turn, A B A B. Beside each median stand the
lowest and the highest value.
"""

FINDINGS = "## Findings\n"  # what profiles show of missed goals

METHOD = """\
## How it is measured

- Decoding and scanning use one thread and are measured in processor time, which other programs' work hardly changes; all else is
  wall time. Recordings are in the page cache throughout.
- "decode fused into a histogram" computes all frames of histo/10s with evh5's own kernel, expansion to float32 included. Peers only
  decode, in their fastest way that was found: evutils' EventStreamer, expelliarmus by chunks of a million events, faery by packets.
- The HDF5 files to compare with hold the same tensors, copied through a mount: the first {frames} frames at most, a chunk for
  every frame, gzip level 4 as h5py has it by default; the uncompressed one is contiguous. They are in the page cache.
- h5py reads frame after frame with `read_direct` into one buffer, on both sides. "nothing cached" is a daemon just started on a cache
  directory with nothing but the time index in it.
- "converting first" decodes by evutils, makes frames by a numba kernel and writes gzip by h5py as generate_hdf5 does, up to the frame
  that is asked for and no further. evutils' seek gives events only, no tensor; "with its index" is a second seek of an open reader,
  whose index is in memory. evh5's daemon has just started and finds its index on the disk.
- A processor second per GB is what the daemon used, divided by the 10^9 bytes that the reader got.
- Datasets are added by h5py in pieces of 8 MB to a virtual file and to an ordinary one, the store of sidecars being on the same disk. "until all is written" ends
  before the file is closed. Closing a virtual file verifies it and syncs it to the disk; the ordinary one is closed and then synced by fsync. What the second
  session writes is the room on the disk of all files that are new in the store or changed.
- "generate" makes the file of the whole recording, scanning it first, with a thread for each processor, until the file is durable. The pipeline
  (evutils, a numba kernel, h5py) makes the first 40 frames at most, with one thread, as it is; 3 repetitions. Sizes are those of the packed frames that
  both files have.
"""


def findings(document):
    """The part of a written document that was added by hand; "" when there is none."""
    _, heading, text = document.partition("\n" + FINDINGS)
    return heading + text


def cell(text):
    return str(text).replace("|", "\\|")


def verdict(row):
    return {None: "-", True: "yes", False: "**no**"}[row.is_met]


def line(row):
    if row.missing:
        return [row.what, row.against, row.goal, row.missing, "", "", "-"]
    suffix = "x" if row.theirs is not None else f" {row.ours.unit}"
    against = row.against if not row.theirs or row.theirs.name in row.against else f"{row.against}: {row.theirs.name}"
    return [row.what, against, row.goal, f"{number(row.value)}{suffix}",
            row.ours.text(), row.theirs.text() if row.theirs else "", verdict(row)]


def table(head, rows):
    return "\n".join(["| " + " | ".join(map(cell, row)) + " |" for row in (head, ["---"] * len(head), *rows)])


def markdown(rows, machine, recordings, frames, repetitions):
    body = table(["what", "against", "goal", "ratio", "evh5", "other", "met"], map(line, rows))
    notes = [f"- {row.what}, against {row.against}: {row.note}" for row in rows if row.note]
    parts = [INTRODUCTION.format(repetitions=repetitions), body, ""]
    if notes:
        parts += ["Notes:", "", *notes, ""]
    parts += ["## The machine", "", table(["", ""], machine), "", "## The recordings", "",
              table(["name", "format", "MB", "events", "Mev/s", "made by"], recordings), "", METHOD.format(frames=frames)]
    return "\n".join(parts)
