"""Filters before any representation: each against numpy, in tensors, event files, files of generate and from the disk cache."""
import h5py
import numpy as np
import pytest

from toolbox import encoders, event_files, filters, representations, scenes
from toolbox.event_files import COLUMNS, PROPHESEE

WIDTH, HEIGHT = 64, 48
EACH = [dict(polarity="on"), dict(polarity="off"), dict(roi="10+7+40x33"), dict(roi="63+47+1x1"), dict(flip="x"), dict(flip="y"), dict(flip="xy"),
        dict(transpose=None), dict(refractory="1ms"), dict(refractory="25ms"), dict(noise="100us"), dict(noise="2ms")]
COMBINED = [dict(flip="x", polarity="on", roi="3+5+32x24", transpose=None), dict(noise="1ms", refractory="3ms"),
            dict(flip="y", noise="300us", polarity="off", refractory="2ms", roi="20+0+41x48", transpose=None)]


def items(options):
    """Sorted, as paths have them."""
    return "".join(f",{key}" if value is None else f",{key}={value}" for key, value in sorted(options.items()))


def spelled(name, options, **more):
    return name + items({**options, **more})


@pytest.fixture(scope="module")
def mounted(module_mount, library):
    return module_mount(library)


def compare(file, events, name, options, period, height, width, differ, **more):
    data = file["data"]
    assert data.shape[2:] == (height, width)
    some = sorted({0, 1, len(data) // 2, len(data) - 1})
    expected = representations.frames_of(name, events, [(i * period, (i + 1) * period) for i in some], height, width, **more)
    got = data[some]
    assert got.dtype == expected.dtype
    assert differ(f"{name}{items(options)} against numpy", got, expected) <= representations.tolerance(name, **more)
    return bool(np.any(got != 0))


# --- Tensors

@pytest.mark.parametrize("options", EACH + COMBINED, ids=items)
@pytest.mark.parametrize("name", ["event_count", "stacked_histogram", "voxel_grid"])
def test_periods(mounted, differ, shown, name, options):
    anything = False
    for format in encoders.FORMATS:
        events, width, height = filters.left(shown[format], options, WIDTH, HEIGHT)
        for period in (7_000, 50_000):
            with h5py.File(mounted / spelled(name, options) / f"{period}us/{format}.h5") as file:
                anything |= compare(file, events, name, options, period, height, width, differ)
                assert (file["data"].attrs["event_input_width"], file["data"].attrs["event_input_height"]) == (width, height)
    assert anything
