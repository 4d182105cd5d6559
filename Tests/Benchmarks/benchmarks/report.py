"""The table, as text for a terminal and as docs/BENCHMARKS.md."""
from .measure import number

INTRODUCTION = """\
# Benchmarks

Written by `make benchmark ARGUMENTS=--write`, which measures evh5 and its peers side by side in one run. There is a part for each
kind of processor, by the kernels that ran; a run writes its own part and keeps the others. What stands under Findings is written by
hand, and kept too. Trust the ratios: the absolute figures are one machine's. A ratio says how many times faster (for sizes: larger)
evh5 is, median by median of repetitions measured in turn, A B A B. Beside each median stand the lowest and the highest value.
"""

PART = "## Kernels: "  # the heading of a part, before the variant
FINDINGS = "## Findings\n"  # what profiles show of missed goals

METHOD = """\
## How it is measured

- "kernels" names the variant of evh5's kernels that ran: the best one of the processor, or what EVH5_KERNELS named. Decoding and
  scanning are measured with every variant that the processor has. A peer that counts other events than there are is left out of a row.
- Decoding and scanning use one thread and are measured in processor time, which other programs' work hardly changes; all else is
  wall time. Recordings are in the page cache throughout.
- "decode fused into a histogram" computes all frames of histo/10s with evh5's own kernel, expansion to float32 included. Peers only
  decode, in their fastest way that was found: evutils' EventStreamer, expelliarmus by chunks of a million events, faery by packets.
- The HDF5 files to compare with hold the same tensors, copied through a mount: the first 100 frames at most, a chunk for
  every frame, gzip level 4 as h5py has it by default; the uncompressed one is contiguous. They are in the page cache.
- h5py reads frame after frame with `read_direct` into one buffer, on both sides. "nothing cached" is a daemon just started on a cache
  directory with nothing but the time index in it.
- "converting first" decodes by evutils, makes frames by a numba kernel and writes gzip by h5py as generate_hdf5 does, up to the frame
  that is asked for and no further. evutils' seek gives events only, no tensor; "with its index" is a second seek of an open reader,
  whose index is in memory. evh5's daemon has just started and finds its index on the disk.
- "events as columns" reads x, y, p and t of events/NAME.h5, from the mount and from a DSEC-like file (blosc with zstd, chunks as h5py chooses
  them for 2^16 values), for 10 ms after 10 ms, or for 20 places at random, by ms_to_idx; opening is included. evutils decodes the RAW file
  in slices of 10 ms, or seeks in an open reader that has its index. A peer whose events are others is left out.
- A processor second per GB is what the daemon used, divided by the 10^9 bytes that the reader got.
- Datasets are added by h5py in pieces of 8 MB to a virtual file and to an ordinary one, the store of sidecars being on the same disk. "until all is written" ends
  before the file is closed. Closing a virtual file verifies it and syncs it to the disk; the ordinary one is closed and then synced by fsync. What the second
  session writes is the room on the disk of all files that are new in the store or changed.
- "generate" makes the file of the whole recording, scanning it first, with a thread for each processor, until the file is durable. The pipeline
  (evutils, a numba kernel, h5py) makes the first 40 frames at most, with one thread, as it is; 3 repetitions. Sizes are those of the packed frames that
  both files have. For events the script (evutils, h5py) writes x, y, p and t of the first 20 million, in chunks that h5py chooses for 2^16
  values, until they are on the disk; sizes are of the chunks of these.
"""


def sections(document):
    """{heading: text with the heading} of a document's sections, in order; what stands before the first is ""."""
    found, heading = {}, ""
    for line in document.splitlines(keepends=True):
        if line.startswith("## "):
            heading = line
        found[heading] = found.get(heading, "") + line
    return found


def merged(document, kernels, part):
    """A document with the part of `kernels` written anew; other parts and the findings are those of `document`."""
    parts = {heading: text for heading, text in sections(document).items() if heading.startswith(PART)}
    parts[f"{PART}{kernels}\n"] = part
    findings = sections(document).get(FINDINGS, "")
    return "\n".join(text.strip("\n") + "\n" for text in (INTRODUCTION, *(parts[name] for name in sorted(parts)), METHOD, findings) if text)


def cell(text):
    return str(text).replace("|", "\\|")


def verdict(row):
    return {None: "-", True: "yes", False: "**no**"}[row.is_met]


def line(row):
    if row.missing:
        return [row.what, row.kernels, row.against, row.goal, row.missing, "", "", "-"]
    suffix = "x" if row.theirs is not None else f" {row.ours.unit}"
    against = row.against if not row.theirs or row.theirs.name in row.against else f"{row.against}: {row.theirs.name}"
    return [row.what, row.kernels, against, row.goal, f"{number(row.value)}{suffix}",
            row.ours.text(), row.theirs.text() if row.theirs else "", verdict(row)]


def table(head, rows):
    return "\n".join(["| " + " | ".join(map(cell, row)) + " |" for row in (head, ["---"] * len(head), *rows)])


def markdown(rows, kernels, machine, recordings, frames, repetitions):
    """The part of one run."""
    body = table(["what", "kernels", "against", "goal", "ratio", "evh5", "other", "met"], map(line, rows))
    notes = [f"- {row.what} ({row.kernels}), against {row.against}: {row.note}" for row in rows if row.note]
    machine = [*machine, ("measured", f"{repetitions} repetitions, at most {frames} frames of a tensor")]
    parts = [f"{PART}{kernels}", "", body, ""]
    if notes:
        parts += ["Notes:", "", *notes, ""]
    return "\n".join([*parts, "### The machine", "", table(["", ""], machine), "", "### The recordings", "",
                      table(["name", "format", "MB", "events", "Mev/s", "made by"], recordings), ""])
