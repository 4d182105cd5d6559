"""One real mount, read by everything that people read HDF5 with."""
import concurrent.futures
import multiprocessing
import os
import platform
import re
import shutil
import subprocess

import h5py
import numpy as np
import pytest

from toolbox import tensors

NAME, PERIOD = "timesurface", 50_000


@pytest.fixture(scope="module")
def path(module_mount, library):
    return module_mount(library) / f"{NAME}/50ms/evt3.h5"


@pytest.fixture(scope="module")
def expected(shown):
    return tensors.tensor_of(NAME, shown["evt3"], PERIOD, 48, 64)


@pytest.fixture
def same(expected):
    def check(got):
        got = np.asarray(got)
        assert got.shape == expected.shape and got.dtype.newbyteorder("=") == np.float32
        assert np.allclose(got, expected, rtol=0, atol=2e-6)
    return check


def tool(*words):
    if shutil.which(words[0]) is None:
        pytest.skip(f"no {words[0]} here (apt: hdf5-tools)")
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


OPENERS = {
    "default": dict(), "latest": dict(libver="latest"), "sec2": dict(driver="sec2"), "stdio": dict(driver="stdio"),
    "core": dict(driver="core", backing_store=False), "no_cache": dict(rdcc_nbytes=0), "big_cache": dict(rdcc_nbytes=1 << 26, rdcc_nslots=1009),
    "no_locking": dict(locking=False), "locking": dict(locking=True), "swmr": dict(swmr=True, libver="latest"),
}


@pytest.mark.parametrize("how", OPENERS)
def test_h5py(path, same, how):
    with h5py.File(path, "r", **OPENERS[how]) as file:
        assert list(file) == ["data"]
        same(file["data"][:])


def test_h5py_on_a_python_file(path, same):
    with open(path, "rb") as raw, h5py.File(raw, "r") as file:
        same(file["data"][:])
    with open(path, "rb", buffering=0) as raw, h5py.File(raw, "r") as file:
        same(file["data"][:])


def test_h5py_selections(path, expected):
    random = np.random.default_rng(1)
    with h5py.File(path) as file:
        data = file["data"]
        for _ in range(50):
            n, y, x = (int(random.integers(0, size)) for size in (len(data), 48, 64))
            assert np.allclose(data[n, :, y, x], expected[n, :, y, x], atol=2e-6)
        assert np.allclose(data[::3, 1, 5:40:7, ::5], expected[::3, 1, 5:40:7, ::5], atol=2e-6)
        assert np.allclose(data[[0, 2, 5]], expected[[0, 2, 5]], atol=2e-6)
        buffer = np.empty(data.shape, np.float64)
        data.read_direct(buffer)  # conversion by the library
        assert np.allclose(buffer, expected, atol=2e-6)
        assert np.allclose(data.astype("f2")[3], expected[3], atol=1e-3)


def test_layout(path):
    """Contiguous, unfiltered, aligned, superblock version 0, and as long as it says it is."""
    with h5py.File(path) as file:
        assert file.id.get_create_plist().get_version()[0] == 0
        data = file["data"]
        assert data.dtype == np.dtype("<f4") and data.chunks is None and data.compression is None and data.external is None
        assert data.maxshape == data.shape
        plist = data.id.get_create_plist()
        assert plist.get_layout() == h5py.h5d.CONTIGUOUS and plist.get_nfilters() == 0
        offset, size = data.id.get_offset(), data.id.get_storage_size()
        assert offset % 4096 == 0 and size == data.size * 4
    raw = path.read_bytes()
    assert raw[:8] == b"\x89HDF\r\n\x1a\n" and raw[8] == 0
    end = int.from_bytes(raw[40:48], "little")
    assert end == os.stat(path).st_size == len(raw) and offset + size <= end


def test_size_is_exact_before_anything_is_computed(module_mount, library):
    where = module_mount(library)
    for place in ("histo/20ms/dat.h5", "event_cube,downsample=2/7777us/evt2.h5", "histo_quantized/1000ev/evt4.h5"):
        told = os.stat(where / place)
        assert len((where / place).read_bytes()) == told.st_size
        assert int(told.st_mtime_ns) == os.stat(library / (os.path.basename(place)[:-3] + (".dat" if "dat" in place else ".raw"))).st_mtime_ns


def test_data_attributes(path):
    """Each by its exact type, as generate_hdf5 writes them and its readers want them."""
    with h5py.File(path) as file:
        attributes = file["data"].attrs
        assert attributes["events_to_tensor"].decode() == NAME
        assert attributes["mode"] == "delta_t" and isinstance(attributes["mode"], str)
        assert attributes["delta_t"] == PERIOD and attributes["n_events"] == 0
        assert attributes["event_input_width"] == 64 and attributes["event_input_height"] == 48
        assert attributes["shape"].tolist() == [2, 48, 64] and attributes["max_incr_per_pixel"] == 5.0
        assert "store_as_uint8" not in attributes
        types = {name: attributes.get_id(name).get_type() for name in attributes}
    assert isinstance(types["events_to_tensor"], h5py.h5t.TypeStringID) and not types["events_to_tensor"].is_variable_str()
    assert types["mode"].is_variable_str()
    for name, dtype in dict(delta_t="<u4", n_events="<i8", event_input_width="<i8", event_input_height="<i8", shape="<i8", max_incr_per_pixel="<f8").items():
        assert types[name].dtype == np.dtype(dtype), name


@pytest.mark.parametrize("spelling, kinds", [
    ("event_cube", dict(max_incr_per_pixel=("<f8", 5.0), split_polarity=("bool", True), num_utbins=("<i8", 3))),
    ("event_cube_paper", dict(max_incr_per_pixel=("<f8", 63.75), split_polarity=("bool", True), num_utbins=("<i8", 5))),
    ("histo_quantized", dict(negative_bit_length=("<i8", 4), total_bit_length=("<i8", 8), normalization=("bool", False))),
    ("diff_quantized", dict(negative_bit_length=("<i8", 8), normalization=("bool", False))),
    ("multi_channel_timesurface", dict(num_utbins=("<i8", 3), max_incr_per_pixel=("<f8", 5.0))),
    ("histo,dtype=uint8", dict(max_incr_per_pixel=("<f8", 5.0), store_as_uint8=("bool", True))),
])
def test_parameters_are_attributes(path, spelling, kinds):
    with h5py.File(path.parents[2] / spelling / "50ms/evt2.h5") as file:
        attributes = file["data"].attrs
        for name, (dtype, value) in kinds.items():
            assert attributes[name] == value, name
            assert attributes[name].dtype == np.dtype(dtype), name


def test_root_attributes(path, shown):
    """Provenance: the recording's facts are there under some name."""
    with h5py.File(path) as file:
        values = {name: file.attrs[name] for name in file.attrs}
    texts = " ".join(str(v.decode() if isinstance(v, bytes) else v) for v in values.values())
    events = shown["evt3"]
    for fact in ("evt3.raw", "EVT3", str(len(events)), str(events["t"][0]), str(events["t"][-1])):
        assert fact in texts, (fact, values)
    assert any("version" in name for name in values) and any("drop" in name for name in values), values


def test_h5dump(path, expected, tmp_path):
    header = tool("h5dump", "-H", path)
    assert re.search(r'DATASET "data"', header) and f"( {len(expected)}, 2, 48, 64 )" in header
    attributes = tool("h5dump", "-A", path)
    assert '"delta_t"' in attributes and "H5T_VARIABLE" in attributes
    out = tmp_path / "data.bin"
    tool("h5dump", "-d", "/data", "-b", "LE", "-o", out, path)
    assert np.allclose(np.fromfile(out, "<f4").reshape(expected.shape), expected, atol=2e-6)


def test_h5ls(path, expected):
    text = tool("h5ls", "-v", "-a", path)
    assert "Dataset {%d/%d, 2/2, 48/48, 64/64}" % (len(expected), len(expected)) in text and "native float" in text or "IEEE" in text


def test_h5stat(path, expected):
    text = tool("h5stat", path)
    assert "# of unique datasets: 1" in text and f"Total raw data size: {expected.nbytes}" in text


def test_h5repack(path, same, tmp_path):
    tool("h5repack", "-f", "GZIP=1", path, tmp_path / "packed.h5")
    with h5py.File(tmp_path / "packed.h5") as file:
        same(file["data"][:])
        assert file["data"].attrs["mode"] == "delta_t"


def test_h5copy(path, same, tmp_path):
    tool("h5copy", "-i", path, "-o", tmp_path / "copied.h5", "-s", "/data", "-d", "/other")
    with h5py.File(tmp_path / "copied.h5") as file:
        same(file["other"][:])


def test_h5diff(path, tmp_path):
    shutil.copyfile(path, tmp_path / "copy.h5")
    tool("h5diff", path, tmp_path / "copy.h5")
    with h5py.File(tmp_path / "copy.h5", "r+") as file:
        file["data"][1, 0, 3, 4] += 1
    done = subprocess.run(["h5diff", str(path), str(tmp_path / "copy.h5")], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "1 differences found" in done.stdout


def test_pytables(path, same):
    tables = pytest.importorskip("tables")
    with tables.open_file(path) as file:
        same(file.root.data[:])
        assert file.root.data.attrs["delta_t"] == PERIOD


def test_netcdf4(path, same):
    netcdf = pytest.importorskip("netCDF4")
    with netcdf.Dataset(path) as file:
        file.set_auto_mask(False)
        same(file["data"][:])
        assert file["data"].getncattr("delta_t") == PERIOD


def test_xarray(path, same):
    xarray = pytest.importorskip("xarray")
    with xarray.open_dataset(path, engine="h5netcdf", phony_dims="sort") as file:
        same(file["data"].values)


def test_pyfive(path, same):
    pyfive = pytest.importorskip("pyfive")
    with pyfive.File(str(path)) as file:
        same(file["data"][:])
        assert file["data"].attrs["delta_t"] == PERIOD and file["data"].attrs["mode"] in ("delta_t", b"delta_t")


@pytest.mark.skipif(tuple(map(int, re.findall(r"\d+", platform.release())[:2])) < (6, 6), reason="mmap under direct I/O needs Linux 6.6")
def test_memmap(path, same):
    with h5py.File(path) as file:
        data = file["data"]
        offset, shape = data.id.get_offset(), data.shape
    mapped = np.memmap(path, np.float32, "r", offset, shape)
    same(mapped)
    same(mapped)


def test_copies(path, same, tmp_path):
    tool("cp", path, tmp_path / "cp.h5")
    tool("dd", f"if={path}", f"of={tmp_path / 'dd.h5'}", "bs=777", "status=none")
    shutil.copy2(path, tmp_path / "shutil.h5")
    for name in ("cp.h5", "dd.h5", "shutil.h5"):
        assert (tmp_path / name).read_bytes() == path.read_bytes()
        with h5py.File(tmp_path / name) as file:
            same(file["data"][:])


def test_reads_at_any_place(path):
    """Odd offsets and lengths, over frame and region edges, behind the end."""
    whole, random = path.read_bytes(), np.random.default_rng(2)
    file = os.open(path, os.O_RDONLY)
    try:
        for _ in range(300):
            offset, size = int(random.integers(0, len(whole) + 100)), int(random.choice([1, 7, 4096, 30_000, 200_000]))
            assert os.pread(file, size, offset) == whole[offset:offset + size]
        assert os.pread(file, 10, len(whole)) == b"" and os.pread(file, 10, len(whole) + (1 << 40)) == b""
        assert os.lseek(file, 0, os.SEEK_END) == len(whole)
    finally:
        os.close(file)


def _read(job):
    path, numbers = job
    with h5py.File(path) as file:
        return [(n, file["data"][n].tobytes()) for n in numbers]


def test_processes(path, expected):
    """Processes that share nothing but the mount, as a DataLoader's workers do."""
    random = np.random.default_rng(3)
    jobs = [(str(path), [int(n) for n in random.permutation(len(expected))]) for _ in range(4)]
    with concurrent.futures.ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as pool:
        for answer in pool.map(_read, jobs, timeout=50):
            for number, data in answer:
                assert np.allclose(np.frombuffer(data, "<f4").reshape(2, 48, 64), expected[number], atol=2e-6)


def test_threads(path, expected):
    raw, offset = path.read_bytes(), h5py.File(path)["data"].id.get_offset()
    size = expected[0].nbytes

    def read(number):
        with open(path, "rb", buffering=0) as file:
            return os.pread(file.fileno(), size, offset + number * size) == raw[offset + number * size:offset + number * size + size]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, list(range(len(expected))) * 10))


def test_the_driver_for_families_of_files_leaves_no_trace(path):
    """GDAL tries it first: it opens 51ms, 52ms, ... beside 50ms until one fails to open."""
    windows = path.parent.parent
    before = sorted(os.listdir(windows))
    family = windows / "5%dms" / path.name
    try:
        h5py.File(family, "r", driver="family", memb_size=1 << 20).close()
    except OSError:
        # Whether that is a family is its affair.
        pass
    assert sorted(os.listdir(windows)) == before
    with h5py.File(path, "r") as file:
        assert file["data"].shape[0] > 0
    if shutil.which("gdalinfo"):
        assert "Driver: HDF5" in tool("gdalinfo", path)
        assert sorted(os.listdir(windows)) == before
