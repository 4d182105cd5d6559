"""From a RAW file to a frame in its middle: by evh5 with and without its index, by converting first, by evutils' seek."""
import pathlib
import time

from .measure import Goal, Row, in_turn
from .pipeline import Seeker, convert
from .tensorfiles import frame_count, read_frames

TENSOR, PERIOD = "histo/50ms", 50_000
INDEXED, SCANNED = Goal(avx512=1.5, avx2=1), Goal(avx512=9, avx2=5)  # against evutils' seek
INDEX, NO_INDEX, KNOWN = "evh5, index there", "evh5, no index", "evh5, recording read before"
CONVERTING, SEEK, SECOND_SEEK = "converting first", "evutils' seek", "evutils' seek with its index"


def timed(work):
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1e3


def frame_n(suite):
    recording, files = suite.recordings["dense"], suite.files
    with suite.mounts.mounted() as mount:
        middle = frame_count(files.virtual(mount, TENSOR)) // 2
    info = recording.info
    size = (info["height"], info["width"])
    at = info["timeShift"] + middle * PERIOD  # of the sensor's clock, which evutils uses
    seeker, output = Seeker(recording.path, PERIOD), str(pathlib.Path(suite.folder) / "converted.h5")
    suite.say(f"  frame {middle}")

    def through_mount(cache):
        with suite.mounts.mounted(cache=cache) as mount:
            return timed(lambda: read_frames(files.virtual(mount, TENSOR), [middle]))

    def through_known_mount():
        with suite.mounts.mounted() as mount:
            path = files.virtual(mount, TENSOR)
            read_frames(path, [0])
            return timed(lambda: read_frames(path, [middle]))

    def converting():
        def work():
            convert(recording.path, output, PERIOD, size, middle + 1)
            read_frames(output, [frame_count(output) - 1])
        return timed(work)

    def seek():
        def work():
            with seeker.open() as reader:
                seeker.read(reader, at)
        return timed(work)

    def second_seek():
        with seeker.open() as reader:
            seeker.read(reader, at)
            return timed(lambda: seeker.read(reader, at))

    convert(recording.path, output, PERIOD, size, 1)  # compiles
    sides = {INDEX: lambda: through_mount("indexed"), NO_INDEX: lambda: through_mount("empty"), KNOWN: through_known_mount,
             CONVERTING: converting, SEEK: seek, SECOND_SEEK: second_seek}
    found = in_turn(sides, "ms", suite.repetitions, suite.say)
    what = "from RAW only to frame N in the middle"

    def row(ours, theirs, **goal):
        return Row(f"{what}, {ours.removeprefix('evh5, ')}", theirs, found[ours], found[theirs], is_time=True, **goal)

    yield row(INDEX, CONVERTING, at_least=1, strictly=True)
    note = f"the daemon has just started; when it has read another frame of the file before, {found[KNOWN].text()}"
    yield row(INDEX, SECOND_SEEK, at_least=INDEXED.of(suite.kernels), note=note)
    yield row(NO_INDEX, CONVERTING, at_least=1, strictly=True)
    yield row(NO_INDEX, SEEK, at_least=SCANNED.of(suite.kernels))
