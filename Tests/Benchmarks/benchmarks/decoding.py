"""Decoding and scanning, one thread, in processor time: evh5-bench beside the decoders of PyPI."""
import json
import subprocess
import time

from .measure import Row, in_turn

FASTEST = "fastest peer that only decodes"


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
    "EVT3": dict(evutils=evutils, faery=faery),  # expelliarmus mistimes EVT3
    "EVT2": dict(evutils=evutils, expelliarmus=expelliarmus, faery=faery),
    "DAT": dict(evutils=evutils, expelliarmus=expelliarmus, faery=faery),
}


def peer_speed(peer, recording):
    """A function that decodes once and returns million events per processor second."""
    def run():
        begin = time.process_time()
        events = peer(recording.path, recording.info["format"])
        seconds = time.process_time() - begin
        if events != recording.events:
            raise RuntimeError(f"{peer.__name__} found {events} events of {recording.events} in {recording.path}")
        return events / seconds / 1e6
    return run


class Bench:
    """Runs of evh5-bench."""

    def __init__(self, tool):
        self.tool = tool

    def run(self, *words):
        return json.loads(subprocess.run([self.tool, *map(str, words)], check=True, capture_output=True, text=True, timeout=600).stdout)

    def speed(self, what, recording):
        def run():
            found = self.run(what, recording.path)
            if found["events"] != recording.events:
                raise RuntimeError(f"evh5-bench {what} found {found['events']} events of {recording.events}")
            return found["events"] / found["cpu"] / 1e6
        return run

    def bandwidth(self, what, recording):
        def run():
            found = self.run(what, recording.path)
            return found["bytes"] / found["cpu"] / 1e9
        return run


def decode(suite):
    """Rows of decoding: dense, sparse and real EVT3, EVT2, DAT."""
    wanted = (("dense", "dense", 2), ("sparse", "sparse", 1.5), ("dense2", "dense", 1.5), ("dense_dat", "dense", 1.5),
              ("real", "a real recording", None))
    for name, scene, goal in wanted:
        if name not in suite.recordings:
            continue
        recording = suite.recordings[name]
        format = recording.info["format"]
        scene = "the given recording" if suite.recordings.given else scene
        row = Row(f"decode {format} fused into a histogram, {scene}", FASTEST, at_least=goal)
        if format not in PEERS:
            row.missing = f"no peer reads {format}"
            yield row
            continue
        suite.say(f"  {row.what}")
        sides = {"evh5": suite.bench.speed("histogram", recording), "evh5, own count plane": suite.bench.speed("counts", recording)}
        sides |= {name: peer_speed(peer, recording) for name, peer in PEERS[format].items()}
        found = in_turn(sides, "Mev/s", suite.repetitions, suite.say)
        row.ours = found.pop("evh5")
        plane = found.pop("evh5, own count plane")
        row.theirs = max(found.values(), key=lambda samples: samples.median)
        others = [samples for samples in found.values() if samples is not row.theirs]
        row.note = "; ".join([f"into a plain count plane, evh5 decodes {plane.text()}"] + [f"{s.name} {s.text()}" for s in others])
        yield row


def scan(suite):
    """The time index against memory speed."""
    recording = suite.recordings["dense"]
    suite.say("  index scan")
    found = in_turn({"evh5": suite.bench.bandwidth("scan", recording), "sum": suite.bench.bandwidth("sum", recording)},
                    "GB/s", suite.repetitions, suite.say)
    what = f"index scan of {recording.info['format']}, one thread"
    yield Row(what, "-", ours=found["evh5"], at_least=5)
    yield Row(what, "sum over the mapped file", ours=found["evh5"], theirs=found["sum"], at_least=0.2)
