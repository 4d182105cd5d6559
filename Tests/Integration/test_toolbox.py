"""The tests' own tools against each other, against PyPI's decoders and against the shared references: a test is only as
good as its oracle."""
import numpy as np
import pytest

from toolbox import decoders, encoders, peers, scenes, tensors

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
