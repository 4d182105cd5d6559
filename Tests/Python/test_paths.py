"""evh5.path: the spelling of docs/PATHS.md, and that it is what a mount shows."""
import datetime
import os
import pathlib

import numpy as np
import pytest

import evh5
from evh5 import _times

ANYWHERE = pathlib.Path("/nowhere/h5")


@pytest.mark.parametrize("window, text", [
    ("250ms", "250ms"), ("0.25s", "250ms"), ("250000us", "250ms"), ("250000", "250ms"), (250_000, "250ms"), (np.int64(250_000), "250ms"), (250e3, "250ms"),
    (datetime.timedelta(milliseconds=250), "250ms"), ("1s", "1s"), ("1000ms", "1s"), ("1.50ms", "1500us"), ("0.000001s", "1us"), ("007ms", "7ms"),
    ("10000ev", "10000ev"), ("010ev", "10ev"), (33_333, "33333us"),
    ("50ms,stride=10000", "50ms,stride=10ms"), ("50ms,stride=50000us", "50ms"), ("100ev,stride=100", "100ev"), ("100ev,stride=50", "100ev,stride=50"),
    ("010parts", "10parts"), ("300ev,max_period=0.03s", "300ev,max_period=30ms"), ("50ms,edge=rising,at=trigger0,closed=both", "50ms,at=trigger0,closed=both"),
    ("between=trigger1,edge=both,closed=left", "between=trigger1,edge=both"),
    ("50ms,stride=20ms,start_ts=1000", "50ms,start_ts=1ms,stride=20ms"),
])
def test_windows_are_spelled_as_the_mount_does(root, window, text):
    """The mount has one spelling that is no link, and all others lead there."""
    found = evh5.path(root, "short", "histo", window)
    assert found == root / "histo" / text / "short.h5" and found.exists()
    assert not os.path.islink(found.parent)
    if isinstance(window, str):
        assert (root / "histo" / window).resolve() == found.parent


@pytest.mark.parametrize("window", ["", "0ms", "-5ms", "1.5us", "0.0000001s", "1.ms", ".5s", "5m", "5 ms", "1e3", "0ev", "1.5ev", "ev", "4295s", "١ms", 1.5, True, None, 0, -1])
def test_what_is_no_window(root, window):
    with pytest.raises(ValueError):
        evh5.path(ANYWHERE, "a", "histo", window)
    if isinstance(window, str) and window:
        assert not (root / "histo" / window).exists()


@pytest.mark.parametrize("preprocessing, keys, text", [
    ("histo", {}, "histo"),
    ("histo", dict(downsample=2), "histo,downsample=2"),
    ("histo,max_incr_per_pixel=10", dict(dtype="uint8", downsample=1), "histo,dtype=uint8,max_incr_per_pixel=10"),
    ("histo", dict(max_incr_per_pixel=2.5, dtype=np.uint8), "histo,dtype=uint8,max_incr_per_pixel=2.5"),
    ("histo", dict(max_incr_per_pixel=10.0, dtype=np.dtype("uint8")), "histo,dtype=uint8,max_incr_per_pixel=10"),
    ("histo", dict(max_incr_per_pixel=np.float64(7)), "histo,max_incr_per_pixel=7"),
    ("event_cube", dict(split_polarity=False, num_utbins=np.int64(4)), "event_cube,num_utbins=4,split_polarity=false"),
    ("event_cube", dict(split_polarity=np.bool_(False)), "event_cube,split_polarity=false"),
    ("histo,downsample=2", dict(downsample=2), "histo,downsample=2"),
    ("histo,transpose", dict(roi="1+2+30x40", sample="sum", downsample=2), "histo,downsample=2,roi=1+2+30x40,transpose"),
    ("histo", dict(transpose=True, flip="x"), "histo,flip=x,transpose"),
    ("histo", dict(transpose=False), "histo"),
])
def test_keys(root, preprocessing, keys, text):
    found = evh5.path(root, "a.raw", preprocessing, "50ms", **keys)
    assert found == root / text / "50ms/a.raw.h5" and found.exists() and not os.path.islink(root / text)
    assert evh5.path(ANYWHERE, "a.raw", preprocessing, "50ms", **keys) == ANYWHERE / text / "50ms/a.h5"


@pytest.mark.parametrize("arguments, keys, reason", [
    (("a", "", "50ms"), {}, "does not start with a name"),
    (("a", "histo,downsample", "50ms"), {}, "key=value"),
    (("a", "histo,downsample=2", "50ms"), dict(downsample=4), "given twice"),
    (("a", "his/to", "50ms"), {}, "does not start with a name"),
    (("a", "histo", "50ms"), dict(name="x/y"), "cannot hold"),
    (("a", "histo", "50ms,foo=1"), {}, "a window has no foo"),
    (("a", "histo", "50ms"), dict(max_duration="1s"), "part=0"),
    (("a", "histo", "50ms"), dict(part=1), "only with max_duration"),
    (("a", "histo", "50ms"), dict(part=0, max_duration="75ms"), "not a multiple"),
    (("a", "histo", "50ms,start_ts=1s"), dict(start_ts="2s"), "given twice"),
    (("../a", "histo", "50ms"), {}, "no path of a recording"),
    (("", "histo", "50ms"), {}, "no path of a recording"),
    (("/data/a.raw", "histo", "50ms"), {}, "nothing is mounted"),
])
def test_what_no_mount_shows(arguments, keys, reason):
    with pytest.raises(ValueError, match=reason):
        evh5.path(ANYWHERE, *arguments, **keys)


@pytest.mark.parametrize("recording, file", [
    ("a.raw", "a.raw.h5"), ("a_td.dat", "a_td.dat.h5"), ("a.raw.h5", "a.raw.h5"), ("short", "short.h5"), ("short.raw", "short.h5"),
    ("short.h5", "short.h5"), ("train/b1.raw", "train/b1.h5"), (pathlib.Path("train/b1"), "train/b1.h5"),
])
def test_recordings(root, recordings, recording, file):
    assert evh5.path(root, recording, "histo", "50ms") == root / "histo/50ms" / file
    if str(recording).endswith((".raw", ".dat")):
        assert evh5.path(root, recordings / recording, "histo", "50ms") == root / "histo/50ms" / file


def test_every_recording_is_found(root, recordings):
    shown = sorted(path for path in (root / "histo/50ms").rglob("*.h5"))
    found = sorted(evh5.path(root, path.relative_to(recordings), "histo", "50ms") for path in recordings.rglob("*.*") if path.suffix in (".raw", ".dat"))
    assert found == shown and len(shown) == 10


def test_names_where_nothing_is_mounted():
    for recording, name in (("a.raw", "a"), ("a.RAW", "a"), ("A_TD.DAT", "A"), ("a_cd.dat", "a"), ("a_td.raw", "a_td"), ("_td.dat", "_td"), ("a.b.raw", "a.b"), ("a.txt", "a.txt")):
        assert evh5.path(ANYWHERE, f"x/{recording}", "histo", 50_000) == ANYWHERE / f"histo/50ms/x/{name}.h5"


def test_parts(root):
    keys = dict(max_duration="0.1s", start_ts="50ms")
    for part in range(4):
        found = evh5.path(root, "a.raw", "histo", "50ms", part=part, **keys)
        assert found == root / f"histo/50ms,max_duration=100ms,start_ts=50ms/a.raw_{part}.h5" and found.exists()
    with pytest.raises(FileNotFoundError, match="no such part"):
        evh5.path(root, "a.raw", "histo", "50ms", part=4, **keys)
    assert evh5.path(root, "short", "histo", "50ms,max_duration=100ms,start_ts=0ms", part=0) == root / "histo/50ms,max_duration=100ms/short_0.h5"


@pytest.mark.parametrize("arguments, reason", [
    (("a", "histo", "50ms"), "say which of a.raw.h5, a_td.dat.h5 is meant"),
    (("missing.raw", "histo", "50ms"), "there is no such recording"),
    (("missing/a.raw", "histo", "50ms"), "No such file"),
    (("a.raw", "histo,foo=1", "50ms"), "histo has no parameter foo"),
    (("a.raw", "bogus", "50ms"), 'there is no preprocessing "bogus"'),
    (("a.raw", "diff,dtype=uint8", "50ms"), "not in 0...1"),
])
def test_what_is_not_there(root, arguments, reason):
    with pytest.raises(FileNotFoundError) as caught:
        evh5.path(root, *arguments)
    assert reason in str(caught.value)
    with pytest.raises(ValueError, match="not below the source"):
        evh5.path(root, "/elsewhere/a.raw", "histo", "50ms")


def test_to_look_for_a_file_reads_no_recording(root):
    before = evh5.status(root)["frames"]["computed"]
    evh5.path(root, "a.raw", "timesurface", "7ms")
    assert evh5.status(root)["frames"]["computed"] == before


def test_times():
    for value in (0, 1, 999, 1000, 1_000_000, 1_500_000, 2**50):
        assert _times.microseconds(_times.time_text(value)) == value
    with pytest.raises(ValueError):
        _times.microseconds(2**50 + 1)
