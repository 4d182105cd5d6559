"""Event files in chunks packed by Prophesee's codec (ECF), read without it: unpacked here, from the description of the packing in
github.com/prophesee-ai/hdf5_ecf, all of it, also what evh5 does not write."""
import struct

import numpy as np

from toolbox import event_files

ECF = "events,layout=ecf"  # as a folder of a mount
FILTER = 0x8ECF
CHUNK = 16384  # elements
SIZES = {"CD/events": None, "CD/indexes": 16, "EXT_TRIGGER/events": 24, "EXT_TRIGGER/indexes": 16}


def unpack(chunk, stored=False):
    """The events of a packed chunk, as `event_files.CD`; what is behind them must be zeros, or nothing where it is `stored`."""
    head, time = struct.unpack_from("<IQ", chunk)
    count, together, pairs = head >> 2, head >> 1 & 1, head & 1
    out, place = np.zeros(count, event_files.CD), 12
    out["t"], place = _times(chunk, place, count, time)
    if together:
        words = np.frombuffer(chunk, "<u4", (count + 3) // 4 * 3, place).reshape(-1, 3)
        place += words.nbytes
        cells = np.column_stack([words[:, 0] >> 8, words[:, 0] & 0xFF | words[:, 1] >> 16 << 8, words[:, 1] & 0xFFFF | words[:, 2] >> 24 << 16, words[:, 2] & 0xFFFFFF]).ravel()[:count]
        out["y"], out["x"], out["p"] = cells >> 12, cells >> 1 & 0x7FF, cells & 1
    else:
        out["y"], place = _runs(chunk, place, count, "<u2", 5, "<u2")
        if pairs:
            words = np.frombuffer(chunk, "<u2", (count + 3) // 4 * 3, place).reshape(-1, 3)
            place += words.nbytes
            cells = np.column_stack([words[:, 0] >> 4, words[:, 0] & 0xF | words[:, 1] >> 8 << 4, words[:, 1] & 0xFF | words[:, 2] >> 12 << 8, words[:, 2] & 0xFFF]).ravel()[:count]
            out["x"], out["p"] = cells >> 1, cells & 1
        else:
            xs = []
            while len(xs) < count:
                word, = struct.unpack_from("<H", chunk, place)
                place += 2
                xs += [word >> 5] + [(word >> 5) + k + 1 for k in range(5) if word >> (4 - k) & 1]
            out["x"] = xs[:count]
            out["p"], place = _runs(chunk, place, count, "u1", 7, "<u2")
    assert not (len(chunk[place:]) if stored else any(chunk[place:])), f"something is behind the events of a chunk, from {place} on"
    return out


def _times(chunk, place, count, time):
    times = []
    while len(times) < count:
        step, shift = 0, 0
        while chunk[place] >> 4 == 15:
            step |= (chunk[place] & 15) << shift
            place, shift = place + 1, shift + 4
        time += step + (chunk[place] >> 4)
        repeats = chunk[place] & 15
        place += 1
        if repeats == 15:
            repeats, = struct.unpack_from("<H", chunk, place)
            place += 2
        times += [time & (1 << 64) - 1] * repeats
    assert len(times) == count
    return np.array(times, "u8").astype("i8"), place


def _runs(chunk, place, count, kind, bits, longer):
    """Values with how often each follows itself in their lower bits."""
    values, width, full = [], np.dtype(kind).itemsize, (1 << bits) - 1
    while len(values) < count:
        word = int(np.frombuffer(chunk, kind, 1, place)[0])
        place += width
        repeats = word & full
        if repeats == full:
            repeats = int(np.frombuffer(chunk, longer, 1, place)[0])
            place += 2
        values += [word >> bits] * repeats
    assert len(values) == count
    return values, place


def read(file, stored=False):
    """{dataset: values} of an open file as `event_files.prophesee` gives them, by its chunks alone; all is checked that OpenEB's C++ reader relies on.

    `stored`: of a file that is not computed. Its packed chunks have no bytes behind the events, and so any length."""
    found = {}
    assert set(event_files.datasets(file)) == {f"/{name}" for name in SIZES}
    for name, size in SIZES.items():
        dataset, plist = file[name], file[name].id.get_create_plist()
        assert dataset.chunks == (CHUNK,) and dataset.maxshape == (None,), name
        filters = [plist.get_filter(k)[:3] for k in range(plist.get_nfilters())]
        assert filters == ([] if size else [(FILTER, 1, ())]), filters  # 1: optional
        count = -(-len(dataset) // CHUNK)
        assert dataset.id.get_num_chunks() == count
        sizes = {dataset.id.get_chunk_info(k).size for k in range(count)}
        assert stored and not size or len(sizes) == min(1, count) and sizes <= ({size * CHUNK} if size else sizes), sizes
        values = np.zeros(count * CHUNK, dataset.dtype)
        for k in range(count):
            mask, chunk = dataset.id.read_direct_chunk((k * CHUNK,))
            assert mask == 0
            own = np.frombuffer(chunk, dataset.dtype) if size else unpack(chunk, stored)
            assert len(own) == CHUNK, (name, k)
            values[k * CHUNK:(k + 1) * CHUNK] = own
        found[f"/{name}"] = values[:len(dataset)]
    return found


def check(path, expected, stored=False):
    """The file holds what `event_files.prophesee` says."""
    import h5py
    size = path.stat().st_size
    with h5py.File(path) as file:
        found = read(file, stored)
    for name, values in expected.items():
        assert found[name].dtype == values.dtype and np.array_equal(found[name], values), name
    assert path.stat().st_size == size
