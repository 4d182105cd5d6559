"""docs/scale-out: the very scripts for Slurm arrays and Dask, with what Slurm would set, and nodes that share a cache."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from toolbox import encoders, scenes
from toolbox.mounting import is_mounted, mounts

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "docs/scale-out"
IS_ROOT = os.getuid() == 0


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Seven recordings in two folders, some with labels."""
    folder = tmp_path_factory.mktemp("dataset")
    labels = np.zeros(3, [("ts", "<u8"), ("x", "<f4"), ("y", "<f4"), ("w", "<f4"), ("h", "<f4"), ("class_id", "u1"), ("track_id", "<u4"), ("class_confidence", "<f4")])
    labels["ts"] = [10_000, 120_000, 260_000]
    for number in range(7):
        where = folder / ("train" if number < 5 else "val")
        where.mkdir(exist_ok=True)
        events = scenes.scene(seed=number + 1, count=5000 + 1000 * number, duration=300_000 + 20_000 * number)
        encoders.write(where / f"r{number}.raw", "evt3", scenes.raw_events("evt3", events))
        if number % 2 == 0:
            np.save(where / f"r{number}_bbox.npy", labels)
    return folder


@pytest.fixture
def slurm(evh5, tmp_path):
    """slurm(script, *arguments, task=, first=, last=, **environment) -> the finished task, run as Slurm would, with an `srun` that notes what it runs."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "srun").write_text(f'#!/bin/sh\necho "$*" >> "{tmp_path}/srun.log"\nexec "$@"\n')
    (programs / "srun").chmod(0o755)

    def run(script, *arguments, task, first=0, last=0, count=None, **environment):
        words = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_MIN": first, "SLURM_ARRAY_TASK_MAX": last, "SLURM_CPUS_PER_TASK": 1,
                 "SLURM_ARRAY_TASK_COUNT": last - first + 1 if count is None else count, "EVH5": evh5.path, "TMPDIR": tmp_path, **environment}
        words = {key: str(value) for key, value in words.items() if value is not None}
        return subprocess.run(["bash", SCRIPTS / script, *map(str, arguments)], capture_output=True, text=True, timeout=50, stdin=subprocess.DEVNULL,
                              env=evh5.environment | {"PATH": f"{programs}:{os.environ['PATH']}"} | words)

    return run


def python(evh5, script, *arguments, timeout=110):
    return subprocess.run([sys.executable, SCRIPTS / script, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
                          env=evh5.environment | {"EVH5": evh5.path})


def contents(folder):
    """{path below folder: what it holds} of datasets and labels; nothing else may be there."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        assert path.suffix in (".h5", ".npy"), path
        if path.suffix == ".npy":
            found[str(path.relative_to(folder))] = path.read_bytes()
        else:
            with h5py.File(path) as file:
                found[str(path.relative_to(folder))] = (file["data"][:].tobytes(), file["data"].shape, sorted((k, str(v)) for k, v in file["data"].attrs.items()))
    return found


@pytest.fixture(scope="module")
def expected(evh5, dataset, tmp_path_factory):
    """What one call makes of the data set."""
    folder = tmp_path_factory.mktemp("expected")
    evh5.run("generate", dataset, "-o", folder, "--delta-t", "20000", check=0)
    found = contents(folder)
    assert len([name for name in found if name.endswith(".h5")]) == 7
    return found


# --- Slurm

def test_generate_array(slurm, dataset, expected, tmp_path):
    out = tmp_path / "out"
    made = []
    for task in range(10, 13):
        done = slurm("generate.sbatch", dataset, out, "--delta-t", "20000", "--json", task=task, first=10, last=12)
        assert done.returncode == 0, done.stderr
        made.append(len(json.loads(done.stdout)["files"]))
    assert sum(made) == 7 and min(made) >= 2
    assert contents(out) == expected
    told = (tmp_path / "srun.log").read_text().splitlines()
    assert [line.split("--shard ")[1].split()[0] for line in told] == ["0/3", "1/3", "2/3"] and all("--num-workers 1" in line for line in told)
    # Again: nothing is left to do.
    done = slurm("generate.sbatch", dataset, out, "--delta-t", "20000", "--json", task=11, first=10, last=12)
    assert done.returncode == 0 and json.loads(done.stdout)["files"] == []


def test_generate_some_shares(slurm, dataset, expected, tmp_path):
    """Task 1 of three is lost and sent again alone."""
    out = tmp_path / "out"
    for task in (0, 2):
        assert slurm("generate.sbatch", dataset, out, "--delta-t", "20000", task=task, last=2).returncode == 0
    assert len(contents(out)) < len(expected)
    done = slurm("generate.sbatch", dataset, out, "--delta-t", "20000", task=1, first=1, last=1, SHARDS=3)
    assert done.returncode == 0, done.stderr
    assert contents(out) == expected


def test_generate_array_refusals(slurm, dataset, tmp_path):
    gaps = slurm("generate.sbatch", dataset, tmp_path / "out", task=3, first=3, last=17, count=2)
    assert gaps.returncode == 64 and "SHARDS" in gaps.stderr and not (tmp_path / "out").exists()
    none = slurm("generate.sbatch", dataset, tmp_path / "out", task=None)
    assert none.returncode != 0 and "--array" in none.stderr
    assert slurm("generate.sbatch", dataset, task=0).returncode == 64
    # What evh5 says is what Slurm gets.
    assert slurm("generate.sbatch", dataset, tmp_path / "out", "--preprocess", "nothing", task=0).returncode == 64
    assert slurm("generate.sbatch", tmp_path / "missing", tmp_path / "out", task=0).returncode == 3


@pytest.mark.budget(120)
def test_warm_array(slurm, mount, dataset, tmp_path):
    cache = tmp_path / "cache"
    warmed = []
    for task in range(3):
        done = slurm("warm.sbatch", dataset, cache, "histo/20000us", "--max-cache-size", "1G", task=task, last=2)
        assert done.returncode == 0, done.stderr
        warmed.append(done.stdout)
    assert [text.splitlines()[0] for text in warmed] == ["task 0: 3 of 7 files", "task 1: 2 of 7 files", "task 2: 2 of 7 files"]
    assert not [point for point, kind in mounts() if str(tmp_path) in point], "the tasks left mounts"
    assert not list(tmp_path.glob("evh5-warm.*"))
    mounted = mount(dataset, "--cache", cache)
    for path in sorted((mounted / "histo/20ms").rglob("*.h5")):
        with h5py.File(path) as file:
            assert file["data"][:].any()
    told = json.loads((mounted / ".evh5/status.json").read_text())
    assert told["frames"]["computed"] == 0 and told["cache"]["hits"] > 50


def test_warm_array_refusals(slurm, dataset, tmp_path):
    done = slurm("warm.sbatch", dataset, tmp_path / "cache", "nothing/50ms", task=0)
    assert done.returncode == 64 and "nothing/50ms" in done.stderr
    assert slurm("warm.sbatch", tmp_path / "missing", tmp_path / "cache", "histo/50ms", task=0).returncode == 1
    assert slurm("warm.sbatch", dataset, task=0).returncode == 64
    assert not list(tmp_path.glob("evh5-warm.*")) and not [point for point, _ in mounts() if str(tmp_path) in point]


# --- Dask

@pytest.mark.budget(180)
def test_dask_generates(evh5, dataset, expected, tmp_path):
    out = tmp_path / "out"
    done = python(evh5, "dask_generate.py", dataset, "-o", out, "--workers", 2, "--shards", 3, "--", "--delta-t", 20000)
    assert done.returncode == 0, done.stderr
    assert contents(out) == expected
    summaries = [json.loads(line.split("] ", 1)[1]) for line in done.stdout.splitlines()]
    assert len(summaries) == 3 and sum(len(summary["files"]) for summary in summaries) == 7


@pytest.mark.budget(180)
def test_dask_tells_what_failed(evh5, dataset, tmp_path):
    broken = tmp_path / "source"
    shutil.copytree(dataset, broken)
    (broken / "val" / "broken.raw").write_bytes(b"% evt 3.0\n% end\n")
    done = python(evh5, "dask_generate.py", broken, "-o", tmp_path / "out", "--shards", 2)
    assert done.returncode == 1 and "broken.raw" in done.stdout, done.stderr
    assert len([name for name in contents(tmp_path / "out") if name.endswith(".h5")]) == 7
    wrong = python(evh5, "dask_generate.py", dataset, "-o", tmp_path / "other", "--shards", 1, "--", "--preprocess", "nothing")
    assert wrong.returncode == 1 and "nothing" in wrong.stderr


@pytest.mark.budget(180)
def test_dask_reads_the_mount(evh5, mount, dataset, tmp_path):
    mounted = mount(dataset)
    files = sorted((mounted / "event_cube/20ms/train").glob("*.h5"))
    done = python(evh5, "dask_read.py", *files, "-o", tmp_path / "result.npz", "--workers", 2)
    assert done.returncode == 0, done.stderr
    frames = np.concatenate([h5py.File(path)["data"][:] for path in files])
    with np.load(tmp_path / "result.npz") as result:
        assert np.allclose(result["mean"], frames.mean(axis=0, dtype="f8"), rtol=1e-12, atol=1e-15)
        assert np.allclose(result["activity"], (frames != 0).mean(axis=(1, 2, 3)), rtol=1e-12)
        assert result["activity"].max() > 0
    assert json.loads((mounted / ".evh5/status.json").read_text())["frames"]["computed"] > 0


# --- Nodes that share a cache

def settled(where, seconds=10):
    deadline = time.monotonic() + seconds
    while (now := json.loads((where / ".evh5/status.json").read_text()))["cache"]["queued"]:
        assert time.monotonic() < deadline, now
        time.sleep(0.02)
    return now


def read(where):
    return {path.name: h5py.File(path)["data"][:] for path in sorted((where / "timesurface/20ms").rglob("*.h5"))}


def indexes(cache):
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in cache.glob("*.evh5index")}


def same(one, two):
    return one.keys() == two.keys() and all(np.array_equal(one[name], two[name]) for name in one)


def test_equal_size_and_time_are_not_enough(mount, tmp_path):
    """A recording is replaced by one of the same header, size and time, a few events of which are elsewhere."""
    source, cache = tmp_path / "source", tmp_path / "cache"
    source.mkdir()
    events = scenes.raw_events("evt3", scenes.scene(count=50_000, duration=400_000))
    tensors = []
    for number in range(2):
        if number:
            events["x"][20_000:21_000] = 63 - events["x"][20_000:21_000]
        encoders.write(source / "new", "dat", events)
        os.utime(source / "new", ns=(1_700_000_000_000_000_000, 1_700_000_000_000_000_000))
        (source / "new").rename(source / "a.dat")
        where = mount(source, "--cache", cache)
        with h5py.File(where / "timesurface/20ms/a.h5") as file:
            tensors.append(file["data"][:])
        assert settled(where)["cache"]["hits"] == 0
        where.stop()
    assert tensors[0].shape == tensors[1].shape and not np.array_equal(*tensors)


@pytest.mark.skipif(not IS_ROOT, reason="only root may mount file systems that have other device numbers, as network file systems have on other nodes")
def test_nodes_that_number_devices_differently_share_frames_and_indexes(mount, tmp_path):
    """Two file systems in memory stand for one network file system on two nodes: equal inodes and times, other device numbers."""
    # Long enough for an index of their own: shorter ones are kept by folder.
    for number in range(2):
        events = scenes.scene(seed=number + 1, count=60_000, duration=300_000)
        encoders.write(tmp_path / f"r{number}.raw", "evt3", scenes.raw_events("evt3", events))
        assert (tmp_path / f"r{number}.raw").stat().st_size > 1 << 16
    cache, nodes = tmp_path / "cache", [tmp_path / "node0", tmp_path / "node1"]
    try:
        for node in nodes:
            node.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", node], check=True, timeout=20)
            for name in ("r0.raw", "r1.raw"):
                shutil.copy2(tmp_path / name, node / name)
        first, second = ([(node / name).stat() for name in ("r0.raw", "r1.raw")] for node in nodes)
        assert all(a.st_dev != b.st_dev and (a.st_ino, a.st_size, a.st_mtime_ns) == (b.st_ino, b.st_size, b.st_mtime_ns) for a, b in zip(first, second))
        one = mount(nodes[0], "--cache", cache)
        frames = read(one)
        settled(one)
        made = indexes(cache)
        assert len(made) == 2
        two = mount(nodes[1], "--cache", cache)
        assert same(read(two), frames)
        told = settled(two)
        assert told["frames"]["computed"] == 0 and told["cache"]["hits"] == sum(map(len, frames.values()))
        assert indexes(cache) == made, "an index was made again"
        one.stop(), two.stop()
    finally:
        for node in nodes:
            if is_mounted(node):
                subprocess.run(["umount", "-l", node], check=True, timeout=20)
