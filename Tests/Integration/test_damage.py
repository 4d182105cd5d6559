"""Recordings that are broken in every way, beside good ones: the mount stays up, the good ones read well, info says why."""
import os

import h5py
import numpy as np
import pytest

from toolbox import encoders, tensors

BAD = {
    "empty.raw": b"", "one_byte.raw": b"%", "header_cut.raw": b"% evt 3.0\n% geom", "no_header.raw": b"\x00" * 4096,
    "no_geometry.raw": b"% evt 3.0\n% end\n" + b"\x00\x80" * 100, "unknown_format.raw": b"% format EVT9;height=48;width=64\n% end\n" + b"1" * 400,
    "contradiction.raw": b"% format EVT2;height=48;width=64\n% geometry 640x480\n% end\n" + b"\x00" * 400,
    "huge_geometry.raw": b"% evt 2.0\n% geometry 99999x99999\n% end\n" + b"\x00" * 400, "zero_geometry.raw": b"% evt 2.0\n% geometry 0x0\n% end\n" + b"\x00" * 400,
    "endless_line.raw": b"% " + b"x" * 3_000_000, "endless_header.raw": b"% a b\n" * 300_000, "text.raw": b"hello\n" * 1000, "text.dat": b"hello\n" * 1000,
    "hdf5.raw": b"\x89HDF\r\n\x1a\n" + b"\x00" * 2000, "no_geometry.dat": b"% Version 2\n\x0c\x08" + b"\x00" * 80,
    "no_type.dat": encoders.header("dat", 64, 48), "wrong_size.dat": b"% Height 48\n% Width 64\n\x0c\x05" + b"\x00" * 80,
}
HEADER_ONLY = {f"header_only_{format}.{encoders.EXTENSION[format]}": encoders.header(format, 64, 48) + (b"\x0c\x08" if format == "dat" else b"")
               for format in encoders.FORMATS}
RANDOM = np.random.default_rng(77)
NOISE = {f"noise_{format}.{encoders.EXTENSION[format]}": encoders.header(format, 64, 48) + (b"\x0c\x08" if format == "dat" else b"") + RANDOM.bytes(60_001)
         for format in encoders.FORMATS}
NOISE["binary_header.raw"] = b"% \xff\xfe\x00\x01\n% evt 3.0\n% geometry 64x48\n"
NOISE["noise.raw"], NOISE["noise.dat"] = RANDOM.bytes(50_000), RANDOM.bytes(50_000)


def read_all(path):
    """Reads a tensor as far as it goes; a file that claims far too many frames is read at places only."""
    with h5py.File(path) as file:
        data = file["data"]
        for i in {0, 1, 2, len(data) // 2, len(data) - 2, len(data) - 1}:
            if 0 <= i < len(data):
                frame = data[i]
                assert np.all(np.isfinite(frame))
        return data.shape


def assert_good(where, shown, formats=("evt3", "dat")):
    for format in formats:
        with h5py.File(where / f"timesurface/50ms/good_{format}.h5") as file:
            want = tensors.tensor_of("timesurface", shown[format], 50_000, 48, 64)
            assert np.allclose(file["data"][:], want, atol=2e-6)


@pytest.fixture
def beside(source, library):
    """The source folder with good recordings of every format in it."""
    for file in library.iterdir():
        (source / f"good_{file.name}").write_bytes(file.read_bytes())
    return source


def test_broken_recordings(mount, beside, evh5, shown):
    for name, data in (BAD | HEADER_ONLY | NOISE).items():
        (beside / name).write_bytes(data)
    where = mount(beside)
    names = os.listdir(where / "timesurface/50ms")
    for name in names:
        os.stat(where / "timesurface/50ms" / name)
    for name in BAD | HEADER_ONLY | NOISE:
        path = where / "timesurface/50ms" / (name.rsplit(".", 1)[0] + ".h5")
        if os.path.exists(path):
            read_all(path)
    for format in encoders.FORMATS:
        assert f"noise_{format}.h5" in names
    for name in BAD:
        assert not os.path.exists(where / "timesurface/50ms" / (name.rsplit(".", 1)[0] + ".h5")), name
    assert_good(where, shown, encoders.FORMATS)
    assert evh5.run("status", where.point).returncode == 0


@pytest.mark.parametrize("name", BAD)
def test_info_says_why(evh5, source, name):
    """A reason on one line, no crash, and an exit code that is not 0."""
    (source / name).write_bytes(BAD[name])
    done = evh5.run("info", source / name, timeout=20)
    assert done.returncode > 0, done.stdout
    said = done.stdout + done.stderr
    assert name in said and len(said.strip()) > len(name) + 15 and "Fatal" not in said


def test_header_only_recordings_have_no_frames(mount, source):
    for name, data in HEADER_ONLY.items():
        (source / name).write_bytes(data)
    where = mount(source)
    for format in encoders.FORMATS:
        for window in ("50ms", "100ev"):
            assert read_all(where / f"timesurface/{window}/header_only_{format}.h5") == (0, 2, 48, 64)


@pytest.mark.parametrize("format", encoders.FORMATS)
def test_truncated_recordings(mount, source, small, format):
    """Cut at any byte: what is complete is shown."""
    events = small[:3000]
    whole = encoders.encode(format, events, 64, 48)
    head = len(encoders.header(format, 64, 48)) + (2 if format == "dat" else 0)
    for cut in (head, head + 1, head + 7, head + 100, head + 101, head + 102, head + 103, head + 2001, len(whole) - 1):
        (source / f"cut{cut}.{encoders.EXTENSION[format]}").write_bytes(whole[:cut])
    where = mount(source)
    want = tensors.tensor_of("timesurface", encoders.shifted(format, events), 1000, 48, 64)
    for name in os.listdir(where / "timesurface/1ms"):
        with h5py.File(where / "timesurface/1ms" / name) as file:
            got = file["data"][:]
        assert len(got) <= len(want) and np.allclose(got[:-1], want[:max(0, len(got) - 1)], atol=2e-6), name
    with h5py.File(where / f"timesurface/1ms/cut{len(whole) - 1}.h5") as file:
        assert len(file["data"]) >= len(want) - 1


@pytest.mark.parametrize("format", encoders.FORMATS)
def test_flipped_bits(mount, beside, small, shown, format):
    """Fixed seeds; every file is listed, opened and read, and what it says of itself is consistent."""
    random = np.random.default_rng(encoders.FORMATS.index(format))
    whole = np.frombuffer(encoders.encode(format, small[:4000], 64, 48), np.uint8)
    head = len(encoders.header(format, 64, 48))
    for seed in range(12):
        broken = whole.copy()
        first = 0 if seed % 3 == 0 else head  # a third of them in the header, too
        count = int(random.integers(1, 60))
        where = random.integers(first, head if first == 0 else len(whole), count if first else 2)
        broken[where] ^= (1 << random.integers(0, 8, len(where))).astype(np.uint8)
        (beside / f"flipped{seed}.{encoders.EXTENSION[format]}").write_bytes(broken.tobytes())
    mounted = mount(beside)
    opened = 0
    for preprocessing in ("histo", "multi_channel_timesurface", "event_cube,split_polarity=false", "diff_quantized,downsample=2"):
        for window in ("5ms", "77ev", "10ms,start_ts=50ms"):
            for seed in range(12):
                path = mounted / preprocessing / window / f"flipped{seed}.h5"
                if os.path.exists(path):
                    read_all(path)
                    opened += 1
    assert opened > 60
    assert_good(mounted, shown, (format,))


def test_events_outside_the_geometry_are_dropped_and_counted(mount, source, evh5, small):
    """A header that says 32x24 over a 64x48 scene."""
    events = small[:5000]
    for format in encoders.FORMATS:
        (source / f"{format}.{encoders.EXTENSION[format]}").write_bytes(encoders.header(format, 32, 24) + encoders.payload(format, events))
    inside = (events["x"] < 32) & (events["y"] < 24)
    where = mount(source)
    for format in encoders.FORMATS:
        want = encoders.shifted(format, events)[inside]
        with h5py.File(where / f"histo/1ev/{format}.h5") as file:
            assert np.array_equal(file["last_timestamps"][:], want["t"]), format
            drops = {name: int(value) for name, value in file.attrs.items() if "drop" in name and np.issubdtype(np.asarray(value).dtype, np.integer)}
        assert len(events) - len(want) in drops.values(), (format, drops)
        assert str(len(events) - len(want)) in evh5.run("info", source / f"{format}.{encoders.EXTENSION[format]}", "--json", check=0).stdout


def test_evt3_damage_by_hand(mount, source):
    """A missing VECT_8 does not eat the next word, TIME_HIGH is never swallowed, events before the first one are dropped."""
    words = [0x2005, 0x0003, 0x2007,  # before any TIME_HIGH
             0x8001, 0x6010, 0x0004, 0x2001,  # t 0x10 after the base's 4096
             0x3808, 0x4003, 0x2802,  # VECT_12 alone, then a single
             0x3808, 0x4001, 0x8002, 0x6020, 0x2003,  # VECT_12, then a new TIME_HIGH at once
             0x1FFF, 0xBFFF, 0xC123, 0xD123, 0x9123, 0xE000, 0xF000, 0x7000,  # words nobody knows
             0x0005, 0x2003]
    (source / "a.raw").write_bytes(encoders.header("evt3", 64, 48) + np.array(words, "<u2").tobytes() + b"\x01")
    want = [(1, 4, 0, 4096 + 16), (8, 4, 1, 4096 + 16), (9, 4, 1, 4096 + 16), (2, 4, 1, 4096 + 16), (8, 4, 1, 4096 + 16),
            (3, 4, 0, 8192 + 32), (3, 5, 0, 8192 + 32)]
    with h5py.File(mount(source) / "histo_quantized/1ev/a.h5") as file:
        times, data = file["last_timestamps"][:], file["data"][:]
    got = [tuple(int(v[0]) for v in np.nonzero(frame)[::-1]) + (int(t),) for frame, t in zip(data, times)]
    assert [(x, y, p, t) for x, y, p, t in got] == want


def test_events_before_time_zero_are_counted_by_number(mount, source):
    """Time that runs back to before the first TIME_HIGH: no period holds these events, counts do, in file order."""
    words = [0x8005, 0x6001, 0x0004, 0x2001, 0x8002, 0x6002, 0x2002, 0x8006, 0x6003, 0x2003]
    (source / "a.raw").write_bytes(encoders.header("evt3", 64, 48) + np.array(words, "<u2").tobytes())
    where = mount(source)
    with h5py.File(where / "histo_quantized/1ev/a.h5") as file:
        assert file["last_timestamps"][:].tolist() == [4097, 2 - 2 * 4096, 8195]
        assert [int(np.nonzero(frame)[2][0]) for frame in file["data"]] == [1, 2, 3]
    with h5py.File(where / "histo_quantized/1ev,max_duration=5ms/a_0.h5") as file:
        assert file["last_timestamps"][:].tolist() == [4097, 2 - 2 * 4096]
    with h5py.File(where / "histo_quantized/10ms/a.h5") as file:
        assert file["data"][:].sum() == 2
