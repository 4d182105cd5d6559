"""info, index, synth, status and the help: what they say, in which shape, with which exit code."""
import json
import os
import pathlib
import time

import h5py
import numpy as np
import pytest

from toolbox import decoders, encoders, peers, scenes, tensors
from toolbox.scenes import raw_events


# --- info

@pytest.mark.parametrize("format", encoders.FORMATS)
def test_info(evh5, library, small, shown, format):
    path = library / f"{format}.{encoders.EXTENSION[format]}"
    [told] = evh5.json("info", path)
    events = shown[format]
    assert told["path"] == str(path) and told["usable"] is True
    assert (told["width"], told["height"], told["bytes"]) == (64, 48, path.stat().st_size)
    assert told["events"] == len(events)
    assert (told["firstTime"], told["lastTime"]) == (int(events["t"][0]), int(events["t"][-1]))
    assert told["duration"] == told["lastTime"] - told["firstTime"]
    assert told["timeShift"] == encoders.time_base(format, raw_events(format, small))
    assert told["rate"] == pytest.approx(len(events) * 1e6 / told["duration"])
    assert told["dropped"] and set(told["dropped"].values()) == {0}, told["dropped"]
    assert {"key": "Date", "value": "2025-05-04 10:11:12"} in told["header"]
    text = evh5.run("info", path, check=0).stdout
    assert str(path) in text and str(len(events)) in text and "64x48" in text


@pytest.mark.parametrize("format", encoders.FORMATS)
def test_info_counts_triggers(evh5, mount, source, small, format):
    events = raw_events(format, small)
    first, last = int(events["t"][0]), int(events["t"][-1])
    triggers = [] if format == "dat" else [(first + (last - first) * i // 300, 6 if i % 3 else 1, i % 2) for i in range(301)]
    name = f"cam.{encoders.EXTENSION[format]}"
    encoders.write(source / name, format, events, triggers=triggers)
    [told] = evh5.json("info", source / name)
    assert told["events"] == len(events) and told["triggerCount"] == len(triggers)
    assert told["triggers"] == ({"1": 101, "6": 200} if triggers else {})
    text = evh5.run("info", source / name, check=0).stdout
    assert ("triggers    301 (channel 1: 101, channel 6: 200)" if triggers else "triggers    0\n") in text
    with h5py.File(mount(source) / "histo/50ms/cam.h5") as file:
        names = list(file.attrs)
        assert file.attrs["trigger_count"] == len(triggers) and file.attrs["trigger_count"].dtype == np.int64
        assert set(names) >= {"event_count", "trigger_count"}


def test_info_knows_the_formats(evh5, library):
    names = {told["path"].rsplit("/", 1)[1].split(".")[0]: told["format"] for told in evh5.json("info", library)}
    assert set(names) == set(encoders.FORMATS)
    assert names["evt2"] == "EVT2" and names["evt3"] == "EVT3" and names["evt4"] == "EVT4" and names["dat"] == "DAT"
    assert names["evt21"] == "EVT2.1" and "legacy" in names["evt21Legacy"]


def test_info_on_real_recordings(evh5, shared):
    told = {entry["path"].rsplit("/", 1)[1]: entry for entry in evh5.json("info", *sorted((shared / "recordings").glob("real_*.[rd]a[wt]")), "--geometry", "80x44")}
    for name in ("real_evt2.raw", "real_evt3.raw", "real_td.dat"):
        with np.load(shared / "recordings" / name.replace(".raw", ".events.npz").replace(".dat", ".events.npz")) as events:
            assert told[name]["events"] == len(events["t"]), name
            assert (told[name]["firstTime"], told[name]["lastTime"]) == (events["t"][0], events["t"][-1])


def test_info_on_several_of_which_one_is_bad(evh5, source, small):
    encoders.write(source / "good.raw", "evt2", small)
    (source / "bad.raw").write_bytes(b"% evt 3.0\n% end\n")
    done = evh5.run("info", source / "good.raw", source / "bad.raw", source / "missing.raw", "--json")
    assert done.returncode == 3
    told = {os.path.basename(entry["path"]): entry for entry in json.loads(done.stdout)}
    assert told["good.raw"]["usable"] is True and told["good.raw"]["events"] == len(small)
    for name in ("bad.raw", "missing.raw"):
        assert told[name]["usable"] is False and len(told[name]["reason"]) > 10
    assert "geometry" in told["bad.raw"]["reason"]


def test_info_needs_no_cache(evh5, source, small):
    encoders.write(source / "a.raw", "evt2", small)
    for cache in ("/proc/nowhere", source / "a.raw"):
        assert evh5.json("info", source / "a.raw", "--cache", cache)[0]["events"] == len(small)


# --- index

def test_index(evh5, library, tmp_path):
    told = evh5.json("index", library, "--cache", tmp_path / "cache")
    assert (told["built"], told["known"], told["unusable"]) == (6, 0, []) and told["events"] == 6 * 20_000
    assert any(path.is_file() for path in (tmp_path / "cache").rglob("*"))
    told = evh5.json("index", library, "--cache", tmp_path / "cache")
    assert (told["built"], told["known"]) == (0, 6)


def test_index_tells_of_bad_ones(evh5, source, small):
    encoders.write(source / "deep/er/good.raw", "evt2", small)
    (source / "bad.raw").write_bytes(b"nothing")
    done = evh5.run("index", source, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 3 and told["built"] + told["known"] == 1
    assert [entry["path"] for entry in told["unusable"]] == [str(source / "bad.raw")] and "bad.raw" in done.stderr
    assert evh5.run("index", source / "missing").returncode == 3


def test_a_mount_uses_the_index(evh5, mount, source, tmp_path):
    """With a kept index, neither stat nor a frame in the middle reads the recording from one end to the other."""
    events = scenes.scene(640, 480, count=120_000, duration=3_000_000, seed=31)
    path = encoders.write(source / "a.raw", "evt2", events, 640, 480)
    evh5.json("index", source, "--cache", tmp_path / "cache")
    where = mount(source, "--cache", tmp_path / "cache")
    before = _bytes_read(where.pid)
    with h5py.File(where / "histo/10ms/a.h5") as file:
        assert np.any(file["data"][150])
    if before is not None:
        assert _bytes_read(where.pid) - before < path.stat().st_size  # mapping reads nothing; a scan reads it all


def _bytes_read(pid):
    try:
        with open(f"/proc/{pid}/io") as file:
            return int(file.readline().split()[1])
    except OSError:
        return None


# --- synth

SYNTH = {"evt2": "raw", "evt21": "raw", "evt21-legacy": "raw", "evt3": "raw", "evt4": "raw", "dat": "dat"}


@pytest.mark.parametrize("format", SYNTH)
def test_synth_as_others_read_it(evh5, tmp_path, mount, format):
    path = tmp_path / f"s/a.{SYNTH[format]}"
    path.parent.mkdir()
    told = evh5.json("synth", path, "--format", format, "--geometry", "320x240", "--duration", "200ms", "--rate", "300k", "--seed", "5", "--start-ts", "0")
    assert (told["width"], told["height"], told["bytes"], told["path"]) == (320, 240, path.stat().st_size, str(path))
    events, (name, width, height) = decoders.decode(path.read_bytes())
    assert (name.lower(), width, height) == (format.replace("-", ""), 320, 240)
    assert len(events) == told["events"] and 40_000 < len(events) < 80_000
    assert scenes.truly_sorted(events) and events["x"].max() < 320 and events["y"].max() < 240
    assert 0.2 < events["p"].mean() < 0.8
    peer = {"evt2": "expelliarmus", "dat": "expelliarmus", "evt3": "faery"}.get(format)
    if peer:
        read = peers.READERS[peer](path, format)
        read["t"] += int(events["t"][0]) - int(read["t"][0])
        assert np.array_equal(read, events)
    [told] = evh5.json("info", path)
    assert told["events"] == len(events) and set(told["dropped"].values()) == {0}
    with h5py.File(mount(path.parent) / "timesurface/20ms/a.h5") as file:
        assert np.allclose(file["data"][:], tensors.tensor_of("timesurface", events, 20_000, 240, 320), atol=2e-6)


def test_synth_repeats_itself(evh5, tmp_path):
    arguments = ("--geometry", "64x48", "--duration", "100ms", "--rate", "50k")
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        evh5.run("synth", tmp_path / f"{name}.raw", *arguments, "--seed", seed, check=0)
    a, b, c = ((tmp_path / f"{name}.raw").read_bytes() for name in "abc")
    assert a == b != c


def test_synth_does_not_replace(evh5, tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(b"mine")
    arguments = ("--geometry", "64x48", "--duration", "10ms", "--rate", "50k")
    done = evh5.run("synth", path, *arguments)
    assert done.returncode == 10 and path.read_bytes() == b"mine" and len(done.stderr.strip().splitlines()) == 1
    evh5.run("synth", path, *arguments, "--force", check=0)
    assert path.read_bytes().startswith(b"% ")
    done = evh5.run("synth", tmp_path / "no/such/a.raw", *arguments)
    assert done.returncode == 10 and len(done.stderr.strip().splitlines()) == 1
    assert sorted(os.listdir(tmp_path)) == ["a.raw"]


@pytest.mark.parametrize("arguments", [("--geometry", "0x5"), ("--geometry", "big"), ("--duration", "0"), ("--duration", "-1s"), ("--rate", "fast"), ("--rate", "999G"),
                                       ("--noise", "2"), ("--seed", "x"), ("--format", "evt9")], ids=" ".join)
def test_synth_refuses_nonsense(evh5, tmp_path, arguments):
    done = evh5.run("synth", tmp_path / "a.raw", *arguments)
    assert done.returncode == 64 and done.stderr and os.listdir(tmp_path) == []


# --- status, help, version

def test_status(evh5, mount, library):
    where = mount(library, "--memory-target", "64M")
    with h5py.File(where / "timesurface/10ms/evt3.h5") as file:
        file["data"][0:3]
        told = evh5.json("status", where.point)
        assert told["openFiles"] >= 1
    assert (told["source"], told["mountPoint"], told["memoryTarget"]) == (str(library), str(where.point), 64 << 20)
    assert told["frames"]["computed"] >= 3 and told["frames"]["failed"] == 0 and told["frames"]["computingNow"] == 0
    assert told["frames"]["bytesHeld"] <= 64 << 20 and told["used"] == ["timesurface/10ms"]
    assert abs(told["startedAt"] - time.time()) < 120 and told["pid"] > 1
    assert ".evh5" not in os.listdir(where.point)


COMMANDS = ("mount", "unmount", "status", "info", "index", "synth", "sidecar")


def test_help_and_version(evh5):
    text = evh5.run("--help", check=0).stdout
    for command in COMMANDS:
        assert command in text
        assert len(evh5.run(command, "--help", check=0).stdout.splitlines()) > 5
    assert any(char.isdigit() for char in evh5.run("--version", check=0).stdout)


def test_every_setting_is_in_the_help(evh5):
    text = evh5.run("mount", "--help", check=0).stdout
    for flag in ("--config-file", "--cache", "--sidecars", "--memory-target", "--read-only", "--geometry", "--allow-other", "--uid", "--gid", "--file-mode", "--dir-mode",
                 "--max-threads", "--log-level", "--log-directory", "-o", "-f"):
        assert flag in text, flag


@pytest.mark.parametrize("arguments", [(), ("mount",), ("mount", "one"), ("info",), ("nonsense",), ("info", "--nonsense", "x"), ("synth",), ("unmount",)], ids=" ".join)
def test_wrong_command_lines(evh5, arguments):
    done = evh5.run(*arguments)
    if arguments:
        assert done.returncode == 64 and done.stderr
    else:
        assert "SUBCOMMAND" in (done.stdout + done.stderr).upper() or "USAGE" in (done.stdout + done.stderr)


def test_output_nobody_reads(evh5, library):
    """A closed pipe ends a command quietly."""
    process = evh5.start("info", library)
    process.stdout.close()
    assert process.wait(20) in (0, 3, 141, -13)


def test_exit_codes_are_documented(evh5):
    page = pathlib.Path(__file__).resolve().parents[2] / "docs/EXIT-CODES.md"
    text = page.read_text()
    for name, code in {"ok": 0, "failed": 1, "recording-unusable": 3, "source-unusable": 4, "mountpoint-unusable": 5, "fuse-unavailable": 6, "not-mounted": 7,
                       "busy": 8, "mount-failed": 9, "output-unwritable": 10, "usage": 64, "configuration": 78}.items():
        assert any(name in line and str(code) in line for line in text.splitlines()), name
