"""events,layout=ecf/NAME.hdf5: Prophesee's event file with packed chunks, as OpenEB's C++ reader wants it. Unpacked by toolbox/ecf.py, not by Prophesee's code."""
import errno
import os
import subprocess
import sys
import time

import h5py
import numpy as np
import pyfive
import pytest

from test_clients import tool
from test_events import REAL
from toolbox import ecf, encoders, event_files, scenes, triggers
from toolbox.ecf import CHUNK, ECF
from toolbox.event_files import NO_TRIGGERS, PROPHESEE


@pytest.fixture(scope="module")
def mounted(module_mount, library):
    return module_mount(library)


def expected_of(events, put=NO_TRIGGERS):
    return event_files.prophesee(events, put)


# --- Values

@pytest.mark.parametrize("format", encoders.FORMATS)
def test_every_event_of_every_format(mounted, shown, small, format):
    put = triggers.triggers_of(format, encoders.payload(format, scenes.raw_events(format, small)))
    ecf.check(mounted / f"{ECF}/{format}.hdf5", expected_of(shown[format], put))


@pytest.mark.parametrize("count", [0, 1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 8 * CHUNK, 8 * CHUNK + 1])
def test_chunks_that_are_full_and_that_are_not(mount, source, count):
    events = scenes.scene(640, 480, duration=300_000, count=count, seed=4) if count > 2 else scenes.events_of([(63, 47, 1, 3999), (0, 0, 0, 4000)][:count])
    encoders.write(source / "a.dat", "dat", events, 640, 480)
    path = mount(source, "--geometry", "640x480") / f"{ECF}/a.hdf5"
    told = path.stat().st_size
    ecf.check(path, expected_of(events))
    assert len(path.read_bytes()) == told


def test_triggers(mount, source, small):
    events, put = scenes.raw_events("evt3", small[:3000]), [(0, 1, 1), (1, 0, 0), (1500, 6, 1), (1501, 6, 0), (2999, 3, 1)]
    payload = triggers.with_triggers("evt3", events, put, encoders.payload)
    (source / "a.raw").write_bytes(encoders.header("evt3", 64, 48) + payload)
    expected = triggers.triggers_of("evt3", payload)
    assert len(expected) >= len(put)
    ecf.check(mount(source) / f"{ECF}/a.hdf5", expected_of(encoders.shifted("evt3", events), expected))


def test_time_that_runs_backwards(mount, source, small):
    """Once, and with every event: the order is the recording's, and every event is there."""
    encoders.write(source / "once.dat", "dat", np.concatenate([small[8000:12000], small[:4000], small[12000:], small[4000:8000]]))
    encoders.write(source / "always.dat", "dat", np.concatenate([small[::-1], small[::-1]]))
    where = mount(source)
    for name in ("once", "always"):
        with h5py.File(where / f"{ECF}/{name}.hdf5") as file, h5py.File(where / f"{PROPHESEE}/{name}.hdf5") as plain:
            found = ecf.read(file)
            for dataset in found:
                assert np.array_equal(found[dataset], plain[dataset][:]), (name, dataset)


@pytest.mark.parametrize("name", REAL)
def test_real_recordings(mount, source, shared, name):
    extension, width, height = REAL[name]
    (source / f"{name}.{extension}").symlink_to(shared / f"recordings/{name}.{extension}")
    events = scenes.decoded(shared / f"recordings/{name}.events.npz")
    where = mount(source, *(["--geometry", f"{width}x{height}"] if extension == "dat" else []))
    with h5py.File(where / f"{ECF}/{name.removesuffix('_td')}.hdf5") as file:
        found = ecf.read(file)
    expected = expected_of(events)
    assert all(np.array_equal(found[dataset], expected[dataset]) for dataset in ("/CD/events", "/CD/indexes"))


def test_parts(mounted, shown):
    folder = mounted / f"{ECF},max_duration=200ms"
    names, parts = sorted(name for name in os.listdir(folder) if name.startswith("evt3_")), []
    for name in names:
        with h5py.File(folder / name) as file:
            parts.append(ecf.read(file)["/CD/events"])
    assert len(names) > 1 and all(name.endswith(".hdf5") for name in names)
    got = np.concatenate(parts)
    assert all(np.array_equal(got[field], shown["evt3"][field]) for field in "xypt")


# --- The file

@pytest.fixture(scope="module")
def large(tmp_path_factory, module_mount):
    """A recording with an index of chunks of two levels: (path in a mount, events, triggers)."""
    folder = tmp_path_factory.mktemp("large")
    events = scenes.raw_events("evt3", scenes.scene(640, 480, duration=2_000_000, count=70 * CHUNK, seed=9))
    payload = encoders.payload("evt3", events)
    (folder / "a.raw").write_bytes(encoders.header("evt3", 640, 480) + payload)
    return module_mount(folder) / f"{ECF}/a.hdf5", encoders.shifted("evt3", events), triggers.triggers_of("evt3", payload)


def test_many_chunks(large):
    """Any chunk first, of a mount that has read nothing before; then all."""
    path, events, put = large
    with h5py.File(path) as file:
        dataset = file["CD/events"]
        for k in [69, 3, 64, 63, 0, 35]:
            got = ecf.unpack(dataset.id.read_direct_chunk((k * CHUNK,))[1])
            assert all(np.array_equal(got[field], events[field][k * CHUNK:(k + 1) * CHUNK]) for field in "xypt"), k
    ecf.check(path, expected_of(events, put))


def test_layout(large):
    """The superblock is of version 0 and knows the end; chunks follow each other and lie inside the file, at places that suit their numbers."""
    path = large[0]
    raw, ends = path.read_bytes(), []
    with h5py.File(path) as file:
        assert file.id.get_create_plist().get_version()[0] == 0
        for dataset in event_files.datasets(file).values():
            chunks = [dataset.id.get_chunk_info(k) for k in range(dataset.id.get_num_chunks())]
            assert [chunk.chunk_offset[0] for chunk in chunks] == [k * CHUNK for k in range(len(chunks))]
            assert all(b.byte_offset == a.byte_offset + a.size for a, b in zip(chunks, chunks[1:]))
            assert dataset.id.get_storage_size() == sum(chunk.size for chunk in chunks)
            if chunks:
                assert chunks[0].byte_offset % 8 == 0 and chunks[0].size % 8 == 0
                ends.append((chunks[0].byte_offset, chunks[-1].byte_offset + chunks[-1].size))
    ends.sort()
    assert all(end <= begin for (_, end), (begin, _) in zip(ends, ends[1:]))
    assert ends[-1][1] <= int.from_bytes(raw[40:48], "little") == len(raw) == path.stat().st_size


def test_reads_at_any_place(large):
    path, random = large[0], np.random.default_rng(2)
    whole = path.read_bytes()
    with path.open("rb", buffering=0) as file:
        for place in random.integers(0, len(whole) + 100, 100).tolist() + [len(whole) - 5000 + 37 * k for k in range(130)]:
            for size in (1, 7, int(random.choice([11, 2096, 4096, 30_000, 200_000]))):
                assert os.pread(file.fileno(), size, place) == whole[place:place + size], (place, size)


def test_attributes(mounted):
    """As those of layout=prophesee."""
    with h5py.File(mounted / f"{ECF}/evt3.hdf5") as file, h5py.File(mounted / f"{PROPHESEE}/evt3.hdf5") as plain:
        assert dict(file.attrs) == dict(plain.attrs) and set(file) == {"CD", "EXT_TRIGGER"}
        for name in event_files.datasets(plain):
            assert dict(file[name].attrs) == dict(plain[name].attrs), name
            assert file[name].dtype == plain[name].dtype and file[name].shape == plain[name].shape
        for name in file.attrs:
            kind = file.attrs.get_id(name).get_type()  # OpenEB asks for ASCII, to which libhdf5 turns no UTF-8
            assert kind.is_variable_str() and kind.get_cset() == h5py.h5t.CSET_ASCII, name
        for name in ("CD/indexes", "EXT_TRIGGER/indexes"):
            assert file[name].attrs.get_id("offset").get_type().get_cset() == h5py.h5t.CSET_ASCII


def test_without_the_codec(mounted, shown):
    """What can be read without it: everything but CD/events, by h5py, h5dump and pyfive."""
    path = mounted / f"{ECF}/evt3.hdf5"
    with h5py.File(path) as file:
        assert len(file["CD/indexes"]) > 1 and file["CD/indexes"][0].tolist() == (0, -1)
        with pytest.raises(OSError):
            file["CD/events"][:10]
    header = tool("h5dump", "-p", "-H", path)
    assert "FILTER_ID 36559" in header and header.count("CHUNKED ( 16384 )") == 4
    assert f"( {len(shown['evt3'])} )" in header
    file = pyfive.File(str(path))
    assert file["CD/events"].shape == (len(shown["evt3"]),) and file["CD/events"].chunks == (CHUNK,)
    assert np.array_equal(file["CD/indexes"][:]["id"], event_files.prophesee(shown["evt3"], NO_TRIGGERS)["/CD/indexes"]["id"])


# --- Writing

def test_labels_beside_the_events(mount, source, small):
    encoders.write(source / "a.raw", "evt3", scenes.raw_events("evt3", small))
    expected = expected_of(encoders.shifted("evt3", scenes.raw_events("evt3", small)), triggers.triggers_of("evt3", encoders.payload("evt3", scenes.raw_events("evt3", small))))
    where = mount(source)
    path = where / f"{ECF}/a.hdf5"
    labels = np.arange(5000)
    with h5py.File(path, "r+") as file:
        file["labels/a"] = labels
        file.create_dataset("labels/b", data=labels, chunks=(100,), compression="gzip")
        file["CD/events"].attrs["note"] = "x" * 2000
    for again in range(2):
        with h5py.File(path) as file:
            assert np.array_equal(file["labels/a"][:], labels) and np.array_equal(file["labels/b"][:], labels)
            assert file["CD/events"].attrs["note"] == "x" * 2000
            del_labels = {f"/{name}": file[name] for name in ("labels/a", "labels/b")}
            assert set(event_files.datasets(file)) == {f"/{name}" for name in ecf.SIZES} | set(del_labels)
            dataset = file["CD/events"]
            got = np.concatenate([ecf.unpack(dataset.id.read_direct_chunk((k,))[1]) for k in range(0, len(dataset), CHUNK)])[:len(dataset)]
            assert np.array_equal(got, expected["/CD/events"])
            assert np.array_equal(file["EXT_TRIGGER/events"][:], expected["/EXT_TRIGGER/events"])
        if again == 0:
            where.stop()
            path = mount(source) / f"{ECF}/a.hdf5"


def test_events_cannot_be_overwritten(mount, source, small):
    encoders.write(source / "a.raw", "evt3", scenes.raw_events("evt3", small))
    path = mount(source) / f"{ECF}/a.hdf5"
    before = path.read_bytes()
    with h5py.File(path) as file:
        chunk = file["CD/events"].id.get_chunk_info(0)
        places = [chunk.byte_offset, file["CD/indexes"].id.get_chunk_info(0).byte_offset, len(before) - 2096]  # a chunk, another, an index
    for place in places:
        with pytest.raises(OSError) as problem, path.open("r+b", buffering=0) as file:
            os.pwrite(file.fileno(), bytes(16), place)
        assert problem.value.errno == errno.EPERM, place
    assert path.read_bytes() == before


def test_labels_stay_when_the_recording_changes(mount, source, small):
    """It has more chunks then, of more bytes each, and their indexes are elsewhere."""
    encoders.write(source / "a.dat", "dat", small[:CHUNK - 5])
    path = mount(source) / f"{ECF}/a.hdf5"
    with h5py.File(path, "r+") as file:
        file["labels"] = np.arange(5000)
        file["CD/events"].attrs["note"] = "x"
    time.sleep(0.1)
    events = small.copy()
    events["t"] *= 1000
    encoders.write(source / "a.dat", "dat", events)
    deadline = time.monotonic() + 20
    while True:
        with h5py.File(path) as file:
            if len(file["CD/events"]) == len(events):
                break
        assert time.monotonic() < deadline, "the file is still the old one"
        time.sleep(0.2)
    with h5py.File(path) as file:
        assert np.array_equal(file["labels"][:], np.arange(5000)) and file["CD/events"].attrs["note"] == "x"
        got = np.concatenate([ecf.unpack(file["CD/events"].id.read_direct_chunk((k,))[1]) for k in range(0, len(events), CHUNK)])[:len(events)]
        assert np.array_equal(got["t"], events["t"]) and np.array_equal(got["x"], events["x"])


OVERWRITE = '''
import h5py, sys
with h5py.File(sys.argv[1], "r+") as file:
    value = file["CD/indexes"][0]
    value["ts"] = 5
    file["CD/indexes"][0] = value
'''


def test_libhdf5_cannot_overwrite_either(mount, source, small):
    """It writes chunks when the file is closed. The program fails then, in its own way; the file is what it was, and takes labels."""
    encoders.write(source / "a.raw", "evt3", scenes.raw_events("evt3", small))
    path = mount(source) / f"{ECF}/a.hdf5"
    before = path.read_bytes()
    done = subprocess.run([sys.executable, "-c", OVERWRITE, path], capture_output=True, timeout=60)
    assert done.returncode != 0 and b"not permitted" in done.stderr, done.stderr.decode()
    assert path.read_bytes() == before
    with h5py.File(path, "r+") as file:
        file["labels"] = np.arange(10)
    with h5py.File(path) as file:
        assert file["labels"][:].tolist() == list(range(10)) and file["CD/indexes"][0]["ts"] == -1


def test_export(mount, source, store, small, evh5, tmp_path):
    """A file of its own, with the labels, is the mount's byte for byte; labels alone are in one without events."""
    encoders.write(source / "a.raw", "evt3", scenes.raw_events("evt3", small))
    path = mount(source, "--sidecars", store) / f"{ECF}/a.hdf5"
    with h5py.File(path, "r+") as file:
        file["labels"] = np.arange(10)
        file["CD/events"].attrs["note"] = "x"
    evh5.run("sidecar", "export", path, "-o", tmp_path / "whole.hdf5", "--with-tensor", "--sidecars", store, check=0)
    assert (tmp_path / "whole.hdf5").read_bytes() == path.read_bytes()
    evh5.run("sidecar", "export", path, "-o", tmp_path / "labels.hdf5", "--sidecars", store, check=0)
    with h5py.File(tmp_path / "labels.hdf5") as file:
        assert file["labels"][:].tolist() == list(range(10)) and file["CD/events"].attrs["note"] == "x"


def test_sensors_that_are_too_large(mount, source):
    encoders.write(source / "a.dat", "dat", scenes.events_of([(5, 5, 1, 10)]), 3000, 48)
    where = mount(source)
    assert not (where / f"{ECF}/a.hdf5").exists()
    assert (where / f"{PROPHESEE}/a.hdf5").exists()
    assert "2048" in where.wait_for_log("layout=ecf")
