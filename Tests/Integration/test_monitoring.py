"""The figures of a mount: for machines (`.evh5/metrics`), and who reads what (`evh5 top`)."""
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import promql_parser
import pytest
from prometheus_client.parser import text_string_to_metric_families

from toolbox.serving import of_mount
from toolbox.users import own, workers

ROOT = pathlib.Path(__file__).resolve().parents[2]


def metrics(m, text=None):
    """{(name, labels): value} of a mount, by prometheus_client's own parser."""
    text = text or (m.point / ".evh5/metrics").read_text()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert {sample.labels.pop("mount_point") for sample in samples} == {str(m.point)}
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}


def value(figures, name, **labels):
    return figures[(name, tuple(sorted(labels.items())))]


def look(evh5, m, *arguments):
    """What `evh5 top --json` prints, look by look."""
    return [json.loads(line) for line in evh5.run("top", "--json", *arguments, m.point, check=0).stdout.splitlines()]


def test_metrics_are_those_of_the_status(evh5, mount, library, tmp_path):
    m = mount(library, "--cache", tmp_path / "cache")
    with h5py.File(m / "histo/10ms/evt3.h5") as file:
        frames = len(file["data"])
        for _ in range(2):
            for i in range(frames):
                file["data"][i]
    for name in ("nothing", "histo/0ms"):
        with pytest.raises(FileNotFoundError):
            os.stat(m / name)
    figures, told = metrics(m), evh5.json("status", m.point)
    assert value(figures, "evh5_frames_total", **{"from": "computed"}) == told["frames"]["computed"] == frames
    assert value(figures, "evh5_frames_total", **{"from": "memory"}) == told["frames"]["hits"] >= frames
    assert value(figures, "evh5_memory_bytes") == told["frames"]["bytesHeld"]
    assert value(figures, "evh5_memory_target_bytes") == told["memoryTarget"]
    assert value(figures, "evh5_cache_limit_bytes") == told["cache"]["limit"]
    assert value(figures, "evh5_commits_total") == told["sidecars"]["commits"] == 0
    assert value(figures, "evh5_recordings_known") == told["recordingsKnown"]
    # What has come to it since: the reads of the figures themselves.
    reads = [one for one in told["requests"] if (one["way"], one["kind"]) == ("fuse", "read")][0]
    assert 2 * frames <= value(figures, "evh5_request_seconds_count", way="fuse", kind="read") <= reads["count"]
    data = frames * 2 * 48 * 64 * 4
    assert 2 * data <= value(figures, "evh5_request_bytes_total", way="fuse", kind="read") <= reads["bytes"] < 40 * data  # HDF5 reads small frames several at a time
    refused = {(one["way"], one["errno"]): one["count"] for one in told["refusals"]}
    assert value(figures, "evh5_refusals_total", way="fuse", errno="ENOENT") >= 2 and refused[("fuse", "ENOENT")] >= 2
    # A histogram's buckets are summed up, and the last has all.
    buckets = [(float(dict(labels)["le"]), n) for (name, labels), n in figures.items()
               if name == "evh5_request_seconds_bucket" and ("kind", "read") in labels]
    counts = [n for _, n in sorted(buckets)]
    assert counts == sorted(counts) and counts[-1] == value(figures, "evh5_request_seconds_count", way="fuse", kind="read")
    assert 0 < value(figures, "evh5_request_seconds_sum", way="fuse", kind="read") < 60


def test_frames_of_the_cache_and_commits_are_counted(evh5, mount, library, tmp_path):
    first = mount(library, "--cache", tmp_path / "cache", "--sidecars", tmp_path / "store")
    with h5py.File(first / "histo/10ms/evt3.h5", "r+") as file:
        data = file["data"][:]
        file["labels"] = np.arange(len(data))
    assert value(metrics(first), "evh5_commits_total") == 1
    first.stop()
    second = mount(library, "--cache", tmp_path / "cache", "--sidecars", tmp_path / "store")
    with h5py.File(second / "histo/10ms/evt3.h5") as file:
        assert np.array_equal(file["data"][:], data)
    figures = metrics(second)
    assert value(figures, "evh5_frames_total", **{"from": "disk"}) == len(data)
    assert value(figures, "evh5_frames_total", **{"from": "computed"}) == 0


READER = """
import sys, time, h5py
with h5py.File(sys.argv[1]) as file:
    data, end = file["data"], time.time() + float(sys.argv[2])
    print("reads", flush=True)
    while time.time() < end:
        for i in range(len(data)): data[i]
"""


def test_top_tells_who_reads_what(evh5, mount, library):
    m = mount(library)
    reader = subprocess.Popen([sys.executable, "-c", READER, m / "timesurface/10ms/evt2.h5", "30"], stdout=subprocess.PIPE)
    try:
        reader.stdout.readline()
        looks = look(evh5, m, "--count", "2", "--interval", "0.5")
        text = evh5.run("top", "--count", "1", "--interval", "0.5", m.point / "histo", check=0).stdout
    finally:
        reader.kill()
        reader.wait()
    assert len(looks) == 2 and looks[1]["time"] > looks[0]["time"]
    for one in looks:
        assert 0.4 < one["seconds"] < 20
        [one] = one["readers"]
        assert one["pid"] == reader.pid and one["path"] == "timesurface/10ms/evt2.h5"
        assert one["program"] == os.path.basename(os.path.realpath(sys.executable))[:15] or one["program"].startswith("python")
        frame = 2 * 48 * 64 * 4
        assert one["bytesPerSecond"] >= one["framesPerSecond"] * frame * 0.3 > 0  # one that is read in part counts too
        assert one["frames"]["memory"] > 0 and one["frames"]["disk"] == 0
        assert one["milliseconds"] > 0 and one["waiting"] >= 0
    # All are in memory once they were read.
    assert looks[1]["readers"][0]["frames"]["computed"] == 0
    assert str(reader.pid) in text and "timesurface/10ms/evt2.h5" in text and "100%" in text


def test_top_shows_who_waits(evh5, mount, library, module):
    """A function of the user's that hangs: the daemon answers about itself, and says who waits for what."""
    m = mount(library, *own(module, "bad", "behaving", channels=1))
    (module / "how").write_text("hang")
    reader = subprocess.Popen([sys.executable, "-c", "import sys, h5py; h5py.File(sys.argv[1])['data'][0]", m / "bad/20ms/evt3.h5"])
    try:
        while not (module / "hangs").exists():
            assert reader.poll() is None
            time.sleep(0.05)
        pids = workers(m)
        # Stopped, it does not even hang any more.
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        [told] = [one for one in json.loads((m.point / ".evh5/readers.json").read_text()) if one["waiting"]]
        assert told["reader"]["process"] == reader.pid and told["path"] == "bad/20ms/evt3.h5"
        [one] = look(evh5, m, "--count", "1", "--interval", "0.2")
        assert [reading["waiting"] for reading in one["readers"]] == [1]
        figures = metrics(m)
        assert value(figures, "evh5_requests_running", way="fuse", kind="read") >= 1
        assert value(figures, "evh5_workers", preprocessing="bad", state="busy") == 1
    finally:
        # Who reads waits for the worker, however it is killed itself.
        for pid in workers(m):
            os.kill(pid, signal.SIGKILL)
        reader.kill()
        reader.wait()


def test_metrics_by_http(evh5, mount, library):
    m = mount(library, "--http", "127.0.0.1:0")
    served = of_mount(m)
    assert served.path("metrics", token=False)[0] == 401
    size = (m / "histo/20ms/evt3.h5").stat().st_size
    for _ in range(3):
        assert len(served.path("histo/20ms/evt3.h5")[2]) == size
    assert served.path("histo/20ms/evt9.h5")[0] == 404
    code, headers, body = served.path("metrics")
    assert code == 200 and headers["content-type"].startswith("text/plain; version=0.0.4")
    figures, told = metrics(m, body.decode()), evh5.json("status", m.point)
    [reads] = [one for one in told["requests"] if (one["way"], one["kind"]) == ("http", "read")]
    assert value(figures, "evh5_request_seconds_count", way="http", kind="read") == reads["count"] == 4
    assert 3 * size <= value(figures, "evh5_request_bytes_total", way="http", kind="read") == reads["bytes"] < 3 * size + 1000
    refused = {one["errno"]: one["count"] for one in told["refusals"] if one["way"] == "http"}
    assert refused == {"401": 1, "404": 1}
    assert value(figures, "evh5_refusals_total", way="http", errno="401") == 1
    assert ("http 127.0.0.1", 0, "histo/20ms/evt3.h5") in {
        (one["reader"]["name"], one["reader"]["process"], one["path"]) for one in json.loads((m.point / ".evh5/readers.json").read_text())}
    # What is answered is not running any more, the question itself is.
    assert value(figures, "evh5_requests_running", way="http", kind="read") == 0
    assert value(figures, "evh5_requests_running", way="http", kind="statistics") == 1


def test_health_while_a_worker_is_stopped(mount, library, module):
    m = mount(library, *own(module, "bad", "behaving", channels=1), "--http", "127.0.0.1:0")
    served = of_mount(m)
    assert served.path("healthz", token=False)[::2] == (200, b"ok\n")
    assert served.path("healthz", method="HEAD", token=False)[0] == 200
    assert served.path("healthz", headers={"Host": "evil.example"}, token=False)[0] == 403
    (module / "how").write_text("hang")
    reader = subprocess.Popen([sys.executable, "-c", "import sys, h5py; h5py.File(sys.argv[1])['data'][0]", m / "bad/20ms/evt3.h5"])
    try:
        while not (module / "hangs").exists():
            assert reader.poll() is None
            time.sleep(0.05)
        for pid in workers(m):
            os.kill(pid, signal.SIGSTOP)
        start = time.monotonic()
        assert served.path("healthz", token=False)[::2] == (200, b"ok\n")
        assert time.monotonic() - start < 20
    finally:
        for pid in workers(m):
            os.kill(pid, signal.SIGKILL)
        reader.kill()
        reader.wait()


def test_health_while_the_source_hangs(mount, library):
    """The source is itself on a filesystem whose daemon is stopped, as a network disk that does not answer."""
    below = mount(library)
    served = of_mount(mount(below / "histo/50ms", "--http", "127.0.0.1:0"))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert {answer[::2] for answer in pool.map(lambda _: served.path("healthz", token=False), range(40))} == {(200, b"ok\n")}
    pid = below.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(1.2)  # that long the kernel believes what it was told
        for _ in range(2):
            # Many ask at the same time, and again while the first question hangs still.
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                for code, _, body in pool.map(lambda _: served.path("healthz", token=False), range(8)):
                    assert code == 503 and b"2 s" in body
    finally:
        os.kill(pid, signal.SIGCONT)
    deadline = time.monotonic() + 20
    while served.path("healthz", token=False)[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_every_metric_is_explained(mount, library, tmp_path):
    m = mount(library, "--cache", tmp_path / "cache", "--sidecars", tmp_path / "store")
    told = set(re.findall(r"^# TYPE (\S+)", (m.point / ".evh5/metrics").read_text(), re.M))
    explained = {name for row in re.findall(r"^\| (`evh5_.*?) \|", (ROOT / "docs/MONITORING.md").read_text(), re.M) for name in re.findall(r"`(evh5_\w+)", row)}
    assert len(told) > 30 and told == explained


def test_the_board_asks_for_what_is_told(mount, library):
    """Grafana's board in docs/monitoring: each of its questions is PromQL, of metrics that a mount has."""
    board = json.loads((ROOT / "docs/monitoring/grafana.json").read_text())
    questions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len(questions) > 15
    names = {name for name, _ in metrics(mount(library))} | {"evh5_request_seconds_bucket", "evh5_request_seconds_count", "evh5_refusals_total",
                                                             "evh5_request_bytes_total", "evh5_workers"}
    for question in questions:
        promql_parser.parse(question.replace("$__rate_interval", "1m"))
        asked = re.findall(r"\bevh5_\w+", question)
        assert asked and set(asked) <= names, question


def test_top_of_no_mount(evh5, tmp_path):
    assert evh5.run("top", tmp_path, check=7).stdout == ""
    evh5.run("top", "--interval", "0", tmp_path, check=64)
