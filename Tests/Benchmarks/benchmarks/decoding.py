"""Decoding and scanning, one thread, in processor time: evh5-bench with every variant of its kernels beside the decoders of PyPI."""
import json
import os
import subprocess
import time

from .measure import Goal, Row, in_turn

FASTEST = "fastest peer that only decodes"
PLAIN = "evh5's plain decoders"


def evutils(path, format):
    from evutils.io import EventStreamer

    return sum(len(events) for events in EventStreamer(str(path), chunk_size=1_000_000))


def expelliarmus(path, format):
    from expelliarmus import Wizard

    wizard = Wizard(encoding=format.lower(), fpath=str(path), chunk_size=1_000_000, buff_size=1 << 20)
    return sum(len(events) for events in wizard.read_chunk())


def faery(path, format):
    import faery as library

    return sum(len(events) for events in library.events_stream_from_file(str(path)))


PEERS = {
    "EVT3": (evutils, faery),  # expelliarmus mistimes EVT3
    "EVT2": (evutils, expelliarmus, faery),
    "EVT2.1 (legacy)": (evutils,),
    "EVT4": (evutils,),
    "DAT": (evutils, expelliarmus, faery),
}

# Names of recordings, the scene as rows call it, and the goals.
DECODED = (
    ("dense", "dense", Goal(avx512=3.5, avx2=3)),
    ("sparse", "sparse", Goal(avx512=3.5, avx2=3)),
    ("real", "a real recording", Goal(avx512=3.4, avx2=3)),
    ("dense2", "dense", Goal(avx512=1.8, avx2=1.5)),
    ("dense21", "dense", Goal(avx512=1.8, avx2=1.5)),
    ("dense4", "dense", Goal(avx512=1.8, avx2=1.5)),
    ("dense_dat", "dense", Goal(avx512=1.8, avx2=1.5)),
)
SCANNED = (
    ("dense", "dense", Goal(avx512=0.2, avx2=0.2)),
    ("sparse", "sparse", Goal(avx512=0.2, avx2=0.25)),
    ("dense2", "dense", Goal(avx512=0.2, avx2=0.2)),
)


def peer_speed(peer, recording):
    """A function that decodes once and returns million events per processor second."""
    def run():
        begin = time.process_time()
        events = peer(recording.path, recording.info["format"])
        seconds = time.process_time() - begin
        if events != recording.events:
            raise RuntimeError(f"it found {events} events of {recording.events}")
        return events / seconds / 1e6
    return run


def usable(peers, recording, say):
    """{name: function} of the peers that decode this recording, and notes on those that do not: they drop out."""
    sides, notes = {}, []
    for peer in peers:
        side = peer_speed(peer, recording)
        try:
            side()
        except Exception as error:
            notes.append(f"{peer.__name__} is left out: {error}")
            say(f"    {notes[-1]}")
        else:
            sides[peer.__name__] = side
    return sides, notes


class Bench:
    """Runs of evh5-bench. `kernels` is the variant in use, `variants` all that the processor has, the best one last."""

    def __init__(self, tool):
        self.tool = tool
        found = self.call("kernels")
        self.kernels, self.variants = found["current"], found["available"]

    def call(self, *words, kernels=None):
        environment = dict(os.environ) | ({"EVH5_KERNELS": kernels} if kernels else {})
        done = subprocess.run([self.tool, *map(str, words)], check=True, capture_output=True, text=True, timeout=600, env=environment)
        return json.loads(done.stdout)

    def run(self, what, recording, kernels):
        found = self.call(what, recording.path, kernels=kernels)
        if found["kernels"] != kernels:
            raise RuntimeError(f"evh5-bench ran {found['kernels']} kernels instead of {kernels}")
        return found

    def speed(self, what, recording, kernels):
        def run():
            found = self.run(what, recording, kernels)
            if found["events"] != recording.events:
                raise RuntimeError(f"evh5-bench {what} found {found['events']} events of {recording.events}")
            return found["events"] / found["cpu"] / 1e6
        return run

    def bandwidth(self, what, recording, kernels):
        def run():
            found = self.run(what, recording, kernels)
            return found["bytes"] / found["cpu"] / 1e9
        return run


def scenes(suite, wanted):
    """(recording, scene, goal) of those that there are."""
    for name, scene, goal in wanted:
        if name in suite.recordings:
            yield suite.recordings[name], "the given recording" if suite.recordings.given else scene, goal


def others(bench):
    """Variants that are not in use, the best first; the plain decoders are one."""
    return [name for name in reversed(bench.variants) if name != bench.kernels]


def by_variant(suite, what, found, side, best):
    """Rows of the variants that are not in use: vectors against the plain decoders, the plain ones against what `best` names."""
    for kernels in others(suite.bench):
        ours = found[side(kernels)]
        if kernels != "plain":
            yield Row(what, PLAIN, ours, found[side("plain")], at_least=1, kernels=kernels)
        elif best:
            yield Row(what, best[0], ours, best[1], kernels=kernels)


def decode(suite):
    """Rows of decoding: dense, sparse and real EVT3, EVT2, EVT2.1, EVT4, DAT."""
    bench = suite.bench
    for recording, scene, goal in scenes(suite, DECODED):
        format = recording.info["format"]
        row = Row(f"decode {format} fused into a histogram, {scene}", FASTEST, at_least=goal.of(bench.kernels), kernels=bench.kernels)
        suite.say(f"  {row.what}")
        peers, notes = usable(PEERS.get(format, ()), recording, suite.say)
        side = "evh5 {}".format
        sides = {side(kernels): bench.speed("histogram", recording, kernels) for kernels in (bench.kernels, *others(bench))}
        plane = "evh5, own count plane"
        sides[plane] = bench.speed("counts", recording, bench.kernels)
        found = in_turn(sides | peers, "Mev/s", suite.repetitions, suite.say)
        row.ours = found[side(bench.kernels)]
        best = max((found[name] for name in peers), key=lambda samples: samples.median, default=None)
        if best:
            row.theirs = best
            notes = [f"{found[name].name} {found[name].text()}" for name in peers if found[name] is not best] + notes
        else:
            row.missing = f"no peer reads {format}: {row.ours.text()}"
        row.note = "; ".join([f"into a plain count plane, evh5 decodes {found[plane].text()}"] + notes)
        yield row
        yield from by_variant(suite, row.what, found, side, best and (FASTEST, best))


def scan(suite):
    """The time index against memory speed."""
    bench = suite.bench
    for recording, scene, goal in scenes(suite, SCANNED):
        what = f"index scan of {recording.info['format']}, one thread, {scene}"
        suite.say(f"  {what}")
        side, memory = "evh5 {}".format, "sum over the mapped file"
        sides = {side(kernels): bench.bandwidth("scan", recording, kernels) for kernels in (bench.kernels, *others(bench))}
        sides["sum"] = bench.bandwidth("sum", recording, bench.kernels)
        found = in_turn(sides, "GB/s", suite.repetitions, suite.say)
        yield Row(what, memory, found[side(bench.kernels)], found["sum"], at_least=goal.of(bench.kernels), kernels=bench.kernels)
        yield from by_variant(suite, what, found, side, (memory, found["sum"]))
