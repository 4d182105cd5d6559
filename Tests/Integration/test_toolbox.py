"""The tests' own tools against each other, against PyPI's decoders and against the shared references: a test is only as
good as its oracle."""
import h5py
import numpy as np
import pytest

from toolbox import decoders, encoders, event_files, peers, scenes, tensors, triggers

SCENES = {
    "small": dict(),
    "late": dict(first=123_456_789_012),
    "wraps": dict(first=(1 << 24) - 100_000, duration=40_000_000, count=4000, seed=3),
    "wraps28": dict(first=(1 << 34) - 100_000, count=4000, seed=4),
    "sparse": dict(duration=10_000_000, count=300, seed=5),
}


@pytest.mark.parametrize("format", encoders.FORMATS)
@pytest.mark.parametrize("name", SCENES)
def test_decoders_undo_encoders(format, name):
    events = scenes.scene(**SCENES[name])
    if format == "dat" and name == "late":
        events["t"] -= SCENES[name]["first"] & ~0xFFFFFFFF
    got, what = decoders.decode(encoders.encode(format, events, 64, 48))
    assert what == (format, 64, 48)
    if format == "dat" and name == "wraps28":
        events["t"] -= 3 << 32
    if format == "evt3" and name == "wraps28":
        assert int(events["t"][0]) >> 24 != int(events["t"][-1]) >> 24
    expected = encoders.shifted(format, events)
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("name", ["real_evt2.raw", "real_evt3.raw", "real_td.dat"])
def test_decoders_read_real_recordings(shared, name):
    got, _ = decoders.decode((shared / "recordings" / name).read_bytes())
    with np.load(shared / "recordings" / name.replace(".raw", ".events.npz").replace(".dat", ".events.npz")) as expected:
        for field in "xypt":
            assert np.array_equal(got[field], expected[field]), field


@pytest.mark.parametrize("format, peer", [("evt2", "expelliarmus"), ("dat", "expelliarmus"), ("evt3", "faery"), ("evt3", "evutils")])
def test_peers_agree(tmp_path, small, format, peer):
    path = encoders.write(tmp_path / f"a.{encoders.EXTENSION[format]}", format, small)
    got, expected = peers.READERS[peer](path, format), encoders.shifted(format, small)
    for field in "xyp":
        assert np.array_equal(got[field], expected[field]), field
    assert np.array_equal(got["t"] - got["t"][0], expected["t"] - expected["t"][0])


CASES = [
    (name, options)
    for name in tensors.NAMES
    for options in ({}, {"downsample": 2})
] + [
    ("histo", dict(max_incr_per_pixel=2.5)), ("diff", dict(max_incr_per_pixel=1.0, downsample=4)),
    ("event_cube", dict(split_polarity=False)), ("event_cube", dict(num_utbins=2, max_incr_per_pixel=3)),
    ("event_cube_paper", dict(split_polarity=False, num_utbins=4, downsample=2)),
    ("multi_channel_timesurface", dict(num_utbins=5)),
    ("histo_quantized", dict(negative_bit_length=2, total_bit_length=5)), ("histo_quantized", dict(normalization=True, downsample=2)),
    ("diff_quantized", dict(negative_bit_length=3)), ("diff_quantized", dict(negative_bit_length=4, normalization=True)),
]


@pytest.mark.parametrize("name, options", CASES, ids=str)
def test_tensors_equal_the_shared_reference(shared_reference, small, name, options):
    options = dict(options)
    downsample = options.pop("downsample", 1)
    for t0, period in ((50_000, 20_000), (0, 250_000)):
        expected = shared_reference.frame(name, small, t0, period, 48, 64, downsample.bit_length() - 1, **options)
        inside = small[(small["t"] >= t0) & (small["t"] < t0 + period)]
        got = tensors.render(name, inside, t0, period, 48, 64, downsample=downsample, **options)
        assert got.shape == expected.shape and got.dtype == expected.dtype
        assert np.max(np.abs(got.astype(float) - expected.astype(float))) <= tensors.tolerance(name, downsample=downsample, **options)
        assert np.any(got != 0)


@pytest.mark.parametrize("format", [format for format in encoders.FORMATS if format != "dat"])
@pytest.mark.parametrize("name", ["small", "wraps", "wraps28"])
def test_triggers_are_found(format, name):
    events = scenes.scene(**SCENES[name])
    put = [(0, 0, 0), (1, 3, 1), (len(events) // 2, 6, 1), (len(events) - 1, 1, 0)]
    payload = triggers.with_triggers(format, events, put, encoders.payload)
    shown = encoders.shifted(format, events)
    assert np.array_equal(decoders.events_of(format, payload), shown)
    found = triggers.triggers_of(format, payload)
    own = (found["id"] == 0) & (found["p"] == 1)  # the encoder's
    assert found[~own].tolist() == [(p, shown["t"][number], id) for number, id, p in put]
    assert np.all(np.diff(found["t"]) >= 0) and np.all(np.isin(found["t"], shown["t"]))


@pytest.mark.parametrize("format", ["evt2", "evt3", "evt4"])
def test_a_peer_finds_the_same_triggers(tmp_path, small, format):
    """evutils does not read those of EVT2.1: their words are by OpenEB's evt21_event_types.h."""
    from evutils.io import EventStreamer

    payload = triggers.with_triggers(format, scenes.raw_events(format, small), [(0, 1, 1), (1, 0, 0), (9000, 6, 1), (9001, 6, 0), (19_999, 3, 1)], encoders.payload)
    (tmp_path / "a.raw").write_bytes(encoders.header(format, 64, 48) + payload)
    found = [(np.array(piece.p), np.array(piece.t), np.array(piece.id)) for _, piece in EventStreamer(str(tmp_path / "a.raw"), ext_trigger=True)]
    expected, base = triggers.triggers_of(format, payload), encoders.time_base(format, scenes.raw_events(format, small))
    for field, shift, pieces in zip(("p", "t", "id"), (0, base, 0), zip(*found)):
        assert np.array_equal(np.concatenate(pieces) - shift, expected[field]), field


def plainly(times):
    """Both indexes of the event files, by their definitions, one event after the other."""
    milliseconds = [0] * (max(times, default=0) // 1000 + 2)
    for k in range(len(milliseconds)):
        milliseconds[k] = next((number for number, t in enumerate(times) if t >= 1000 * k), len(times))
    blocks = [(0, -1)] if len(times) else []
    for k in range(max(times) // 2000 + 1 if len(times) else 0):
        blocks.append(next((number, t) for number, t in enumerate(times) if t >= 2000 * k))
    return milliseconds, blocks + [(len(times), last) for last in times[-1:]]


@pytest.mark.parametrize("times", [[], [0], [999], [1000], [1999, 2000, 4000], [0, 500, 2100, 5000, 5000, 7100, 7200, 7200, 8100, 9000], [9000, 12_000, 500, 500, 8000, 30_000, 29_999]])
def test_indexes_of_event_files(times):
    milliseconds, blocks = plainly(times)
    assert event_files.ms_to_idx(np.array(times, "i8")).tolist() == milliseconds
    assert event_files.indexes(np.array(times, "i8")).tolist() == blocks


def test_indexes_as_their_authors_have_them(small):
    """The example in DSEC's eventslicer.py, with the entry more; and where every 2 ms have events OpenEB's are ours without the last one."""
    times = np.array([0, 500, 2100, 5000, 5000, 7100, 7200, 7200, 8100, 9000])
    assert event_files.ms_to_idx(times).tolist() == [0, 2, 2, 3, 3, 3, 5, 5, 8, 9, 10]
    dense = small["t"] - small["t"][0]
    assert np.all(np.diff(np.unique(dense // 2000)) == 1)
    offset, entries = event_files.openeb_indexes(small["t"])
    assert offset == -small["t"][0] and np.array_equal(entries, event_files.indexes(dense)[:-1])
    # Without events OpenEB repeats the entry before, not the next one.
    assert event_files.openeb_indexes(np.array([0, 7000]))[1].tolist() == [(0, -1), (0, 0), (0, 0), (0, 0), (1, 7000)]
    assert event_files.indexes(np.array([0, 7000])).tolist() == [(0, -1), (0, 0), (1, 7000), (1, 7000), (1, 7000), (2, 7000)]


@pytest.mark.parametrize("format", ["evt2", "dat"])
def test_event_files_are_plain_hdf5(tmp_path, small, format):
    """Types and values as h5py has them on a disk."""
    events = encoders.shifted(format, scenes.raw_events(format, small))
    found = triggers.triggers_of(format, encoders.payload(format, scenes.raw_events(format, small)))
    assert len(found) > 10 or format == "dat"
    for layout in event_files.EXTENSION:
        expected = event_files.expected_in(layout, events, found)
        event_files.check(event_files.write(tmp_path / "a.h5", expected), expected)
        name = "/ms_to_idx" if layout == event_files.COLUMNS else "/CD/indexes"
        expected[name] = expected[name][:-1]
        with pytest.raises(AssertionError):
            event_files.check(tmp_path / "a.h5", expected)
    assert event_files.CD.fields["t"][1] == 8 and event_files.TRIGGER.fields["id"][1] == 16
