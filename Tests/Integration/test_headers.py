"""Recordings that other software writes: what info says, and whether every event is right, against decoders of our own in Python."""
import json

import h5py
import numpy as np
import pytest

from test_decoding import events_through, times_through
from toolbox import decoders, encoders, scenes

COUNT = 3000


def lines(*texts, end="\n", last=True):
    return "".join(f"% {text}{end}" for text in (*texts, *(["end"] if last else []))).encode()


def dat1(events):
    """Records of version 1: x 9 bits, y 8, p 1."""
    body = np.zeros(len(events), [("t", "<u4"), ("w", "<u4")])
    body["t"] = events["t"]
    body["w"] = events["p"].astype("u4") << 17 | events["y"].astype("u4") << 9 | events["x"].astype("u4")
    return b"\x0c\x08" + body.tobytes()


def scene(width, height, first=1_000_000):
    return scenes.scene(width, height, count=COUNT, duration=200_000, first=first, seed=width + height)


SMALL, OPENMV, VGA, HD, ATIS = (scene(*size) for size in ((64, 48), (320, 320), (640, 480), (1280, 720), (304, 240)))
PERCENT = scene(64, 48, first=0x412025 * 64)
PERCENT["t"][0] = 0x412025 * 64
OTHERS = ("camera_integrator_name OpenMV", "integrator_name OpenMV", "plugin_integrator_name OpenMV")
OWN = ("camera_integrator_name Prophesee", "plugin_integrator_name Prophesee")
SQUARE = "format EVT21;height=320;width=320"

# name: (header, encoding of the payload, the payload, what info calls it, its size, whether it has a note)
KIN = {
    # cases/evt21_openmv.raw: nobody of Prophesee's, so its halves are in order.
    "openmv.raw": (lines(SQUARE, "geometry 320x320", *OTHERS), "evt21", encoders.evt21(OPENMV), "EVT2.1", (320, 320), False),
    "plugin_only.raw": (lines(SQUARE, "plugin_integrator_name OpenMV"), "evt21", encoders.evt21(OPENMV), "EVT2.1", (320, 320), False),
    "own.raw": (lines(SQUARE, *OWN, "system_ID 49"), "evt21Legacy", encoders.evt21(OPENMV, True), "EVT2.1 (legacy)", (320, 320), False),
    # Words that their header does not know.
    "own_normal.raw": (lines(SQUARE, *OWN, "system_ID 49"), "evt21", encoders.evt21(OPENMV), "EVT2.1", (320, 320), True),
    "said_legacy.raw": (lines(SQUARE + ";endianness=legacy"), "evt21", encoders.evt21(OPENMV), "EVT2.1", (320, 320), True),
    "said_little.raw": (lines(SQUARE + ";endianness=little"), "evt21Legacy", encoders.evt21(OPENMV, True), "EVT2.1 (legacy)", (320, 320), True),
    "openmv_legacy.raw": (lines(SQUARE, *OTHERS), "evt21Legacy", encoders.evt21(OPENMV, True), "EVT2.1 (legacy)", (320, 320), True),
    # cases/evt3_id26.raw: a sensor's size holds for every encoding.
    "id26.raw": (lines("evt 3.0", "integrator_name Prophesee", "system_ID 26", last=False), "evt3", encoders.evt3(HD), "EVT3", (1280, 720), False),
    "id28_evt3.raw": (lines("evt 3.0", "system_ID 28"), "evt3", encoders.evt3(VGA), "EVT3", (640, 480), False),
    # cases/id28_only.raw: and names the encoding.
    "id28.raw": (lines("Date 2014-02-28 13:37:42", "system_ID 28", last=False), "evt2", encoders.evt2(VGA), "EVT2", (640, 480), False),
    "id40.raw": (lines("system_ID 40", *OWN), "evt3", encoders.evt3(VGA), "EVT3", (640, 480), False),
    # cases/dat_v1_td.dat: packed as version 1, and only said to be.
    "one_td.dat": (lines("Version 1", "Width 304", "Height 240", last=False), "dat1", dat1(ATIS), "DAT (version 1)", (304, 240), False),
    "said_one.dat": (lines("Version 1", "Width 304", "Height 240", last=False), "dat", encoders.dat(ATIS), "DAT", (304, 240), True),
    "large_one.dat": (lines("Version 1", "Width 640", "Height 480", last=False), "dat", encoders.dat(VGA), "DAT", (640, 480), True),
    "none.dat": (lines("Width 304", "Height 240", last=False), "dat1", dat1(ATIS), "DAT (version 1)", (304, 240), True),
    # Keys in other cases, other ends of lines.
    "lower.dat": (lines("version 2", "width 64", "HEIGHT 48", last=False), "dat", encoders.dat(SMALL), "DAT", (64, 48), False),
    "upper.raw": (lines("EVT 2.0", "GEOMETRY 64x48"), "evt2", encoders.evt2(SMALL), "EVT2", (64, 48), False),
    "nul.dat": (lines("Version 2", "Width 64", "Height 48", end="\0", last=False), "dat", encoders.dat(SMALL), "DAT", (64, 48), False),
    "nul_one.raw": (b"% evt 2.0\n% geometry 64x48\0", "evt2", encoders.evt2(SMALL), "EVT2", (64, 48), False),
    # Events that begin like a line: the time high 0x8?2025.
    "percent.raw": (lines("evt 2.0", "geometry 64x48", last=False), "evt2", encoders.evt2(PERCENT), "EVT2", (64, 48), False),
    "percent_end.raw": (lines("evt 2.0", "geometry 64x48"), "evt2", encoders.evt2(PERCENT), "EVT2", (64, 48), False),
}


def check(where, name, expected):
    """Times of all events, and a few of them as a whole."""
    shown = name.rsplit(".", 1)[0]
    shown = shown.removesuffix("_td") if name.endswith(".dat") else shown
    assert np.array_equal(times_through(where, shown), expected["t"]), name
    numbers = np.linspace(0, len(expected) - 1, 40).astype(int)
    assert np.array_equal(events_through(where, shown, numbers), expected[numbers]), name


@pytest.fixture
def kin(source):
    for name, (header, _, payload, *_) in KIN.items():
        (source / name).write_bytes(header + payload)
    return source


def test_every_event_of_every_kin(mount, kin):
    assert KIN["percent.raw"][2].startswith(b"% ")
    where = mount(kin)
    for name, (_, format, payload, *_) in KIN.items():
        expected = decoders.events_of(format, payload)
        assert len(expected) == COUNT
        check(where, name, expected)
    log = where.log()
    for name, (*_, noted) in KIN.items():
        about = [line for line in log.splitlines() if f"/{name}'" in line]
        assert len([line for line in about if "read as" in line or "; read with" in line]) == noted, about
        assert not [line for line in about if "suspicious" in line]


def test_info_says_how_they_are_read(evh5, kin):
    told = {one["path"].rsplit("/", 1)[1]: one for one in evh5.json("info", kin)}
    for name, (*_, format, size, noted) in KIN.items():
        one = told[name]
        assert (one["format"], (one["width"], one["height"]), one["events"]) == (format, size, COUNT), one
        assert len(one["notes"]) == noted and one["suspicious"] == [] and set(one["dropped"].values()) == {0}, one
    text = evh5.run("info", kin / "own_normal.raw", check=0).stdout
    assert "in the order of EVT2.1, not in that of EVT2.1 (legacy)" in text


SHARED = {"evt21_openmv.raw": ("EVT2.1", 320, 320, 1), "evt3_id26.raw": ("EVT3", 1280, 720, 0), "id28_only.raw": ("EVT2", 640, 480, 0),
          "dat_v1_td.dat": ("DAT (version 1)", 304, 240, 253)}


def test_shared_cases(mount, evh5, shared, source):
    if not (shared / "cases").is_dir():
        pytest.skip("no shared cases")
    for name, what in SHARED.items():
        data = (shared / "cases" / name).read_bytes()
        (source / name).write_bytes(data)
        [told] = evh5.json("info", source / name)
        assert (told["format"], told["width"], told["height"], told["events"]) == what
        assert told["usable"] and told["suspicious"] == [] and set(told["dropped"].values()) == {0}
    where = mount(source)
    for name, format in {"evt21_openmv.raw": "evt21", "dat_v1_td.dat": "dat1"}.items():
        expected = decoders.events_of(format, decoders.split((source / name).read_bytes())[1])
        assert len(expected) == SHARED[name][3]
        check(where, name, expected)


def test_what_a_header_lacks_is_given(mount, evh5, source, tmp_path):
    """An encoding and a geometry by flags, by variables, and by globs of a config file."""
    (source / "bare.raw").write_bytes(encoders.evt3(SMALL))
    (source / "dated.raw").write_bytes(lines("Date 2020") + encoders.evt3(SMALL))
    (source / "full.raw").write_bytes(lines("evt 2.0", "geometry 64x48") + encoders.evt2(SMALL))
    plain = mount(source)
    assert not (plain / "histo/10ms/bare.h5").exists() and not (plain / "histo/10ms/dated.h5").exists()
    assert "--encoding" in plain.log()
    for told in evh5.json("info", source / "bare.raw", source / "dated.raw", check=3):
        assert not told["usable"] and "--encoding" in told["reason"]
    config = tmp_path / "c.yaml"
    config.write_text(json.dumps({"source": str(source), "geometry": {"*": "64x48"}, "encoding": {"[bd]*.raw": "evt3"}}))
    for arguments in (["--geometry", "64x48", "--encoding", "evt3"], ["--config-file", config]):
        where = mount(source, *arguments)
        for name in ("bare.raw", "dated.raw"):
            check(where, name, decoders.events_of("evt3", encoders.evt3(SMALL)))
        check(where, "full.raw", decoders.events_of("evt2", encoders.evt2(SMALL)))  # its header knows better
        assert [told["format"] for told in evh5.json("info", source, *arguments)] == ["EVT3", "EVT3", "EVT2"]


def test_records_that_make_sense_both_ways(mount, evh5, source):
    events = SMALL.copy()
    events["y"] %= 7
    events["p"] = 0
    (source / "both_td.dat").write_bytes(lines("Version 1", "Width 304", "Height 240", last=False) + encoders.dat(events))
    [told] = evh5.json("info", source / "both_td.dat", check=3)
    assert not told["usable"] and "--encoding dat1 or dat2" in told["reason"]
    plain = mount(source)
    assert not (plain / "histo/10ms/both.h5").exists() and "--encoding dat1 or dat2" in plain.log()
    check(mount(source, "--encoding", "dat2"), "both_td.dat", events)
    rows = events.copy()
    rows["y"] *= 32
    check(mount(source, "--encoding", "dat1"), "both_td.dat", rows)


def test_additions_follow_another_reading(mount, evh5, source, store, tmp_path):
    """What was added while a file was read in one way is there when it is read in the other, on another tensor."""
    events = SMALL.copy()
    events["y"] %= 7
    events["p"] = 0
    (source / "both_td.dat").write_bytes(lines("Version 1", "Width 304", "Height 240", last=False) + encoders.dat(events))
    counts = {}
    for encoding in ("dat2", "dat1"):
        where = mount(source, "--sidecars", store, "--encoding", encoding)
        with h5py.File(where / "histo/50ms/both.h5", "r+" if encoding == "dat2" else "r") as file:
            if encoding == "dat2":
                file["note"] = 7
            assert file["note"][()] == 7
            counts[encoding] = (file["data"][:] > 0).sum(axis=(0, 1, 3))
        where.stop()
        assert set(np.flatnonzero(counts[encoding])) == {y * (32 if encoding == "dat1" else 1) for y in range(7)}
    out = tmp_path / "whole.h5"
    evh5.run("sidecar", "export", source / "both_td.dat", "--sidecars", store, "--encoding", "dat1", "--with-tensor", "-o", out, check=0)
    with h5py.File(out) as file:
        assert file["note"][()] == 7 and np.array_equal((file["data"][:] > 0).sum(axis=(0, 1, 3)), counts["dat1"])


def test_suspicious_recordings_are_named_once(mount, evh5, source):
    """Words of another encoding, of a larger sensor, all at one time, without an event; and good ones, which are not."""
    one_time = SMALL.copy()
    one_time["t"] = 77
    odd = {
        "wrong.raw": lines("evt 3.0", "geometry 640x480") + encoders.evt2(VGA),
        "size.raw": lines("evt 2.0", "geometry 320x240") + encoders.evt2(VGA),
        "one_time.raw": lines("evt 2.0", "geometry 64x48") + encoders.evt2(one_time),
        "none.raw": lines("evt 3.0", "geometry 64x48") + bytes(10_000),
    }
    triggers = np.array([8 << 28] + [0xA << 28 | 1] * 5000, "<u4").tobytes()
    fine = {"good.raw": lines("evt 2.0", "geometry 64x48") + encoders.evt2(SMALL), "triggers.raw": lines("evt 2.0", "geometry 64x48") + triggers,
            "empty.raw": lines("evt 2.0", "geometry 64x48")}
    for name, data in (odd | fine).items():
        (source / name).write_bytes(data)
    told = {one["path"].rsplit("/", 1)[1]: one["suspicious"] for one in evh5.json("info", source)}
    assert {name for name, found in told.items() if found} == set(odd), told
    where = mount(source)
    for window in ("10ms", "20ms", "33ms"):
        for name in odd | fine:
            with h5py.File(where / f"histo/{window}/{name[:-4]}.h5") as file:
                file["data"].shape
    table = evh5.run("info", source, check=0).stdout
    for name in odd | fine:
        assert ("suspicious: " in next(line for line in table.splitlines() if f"/{name}" in line)) == (name in odd)
    log = where.log()
    for name in odd | fine:
        assert log.count(f"/{name}' is suspicious") == (name in odd), name
    assert evh5.run("info", source / "size.raw", check=0).stdout.count("\n  suspicious ") == 1
    done = evh5.run("generate", source / "size.raw", "-o", source.parent / "out", check=0)
    assert "size.raw is suspicious" in done.stderr


@pytest.mark.parametrize("header", ["evt 2.0", "evt 2.1", "evt 3.0", "evt 4.0"])
def test_geometries_that_no_word_can_name(mount, evh5, source, header):
    (source / "a.raw").write_bytes(lines(header, "geometry 16384x16384") + bytes(800))
    (source / "b.raw").write_bytes(lines(header, "geometry 2048x2048"))
    [a, b] = evh5.json("info", source, check=3)
    assert not a["usable"] and "16384x16384" in a["reason"] and "2048x2048" in a["reason"] and b["usable"]
    where = mount(source)
    assert not (where / "timesurface/10ms/a.h5").exists() and (where / "timesurface/10ms/b.h5").exists()
    assert "16384x16384" in where.log()
