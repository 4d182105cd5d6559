"""Recordings as HDF5 files of events: what the mount's two layouts must hold for given events, by numpy, and plain files of them by h5py.

`columns` is DSEC's layout and more, `prophesee` that of Prophesee's HDF5 event files. Times are as readers show them: shifted."""
import os

import h5py
import numpy as np

CD = np.dtype({"names": ["x", "y", "p", "t"], "formats": ["<u2", "<u2", "<i2", "<i8"], "offsets": [0, 2, 4, 8], "itemsize": 16})
TRIGGER = np.dtype({"names": ["p", "t", "id"], "formats": ["<i2", "<i8", "<i2"], "offsets": [0, 8, 16], "itemsize": 24})
INDEX = np.dtype([("id", "<u8"), ("ts", "<i8")])
INDEX_PERIOD = 2000  # us
GROUPS = {"CD": CD, "EXT_TRIGGER": TRIGGER}
NO_TRIGGERS = np.zeros(0, TRIGGER)

COLUMNS, PROPHESEE = "events", "events,layout=prophesee"  # as folders of a mount
EXTENSION = {COLUMNS: "h5", PROPHESEE: "hdf5"}


def path_of(where, layout, name):
    return where / f"{layout}/{name}.{EXTENSION[layout]}"


def expected_in(layout, events, triggers=NO_TRIGGERS, width=64, height=48):
    """{dataset: values, of the type in the file}."""
    return columns(events, triggers, width, height) if layout == COLUMNS else prophesee(events, triggers)


def first_at(times, marks):
    """For each mark the number of the first event in file order that is not before it; the number of events where there is none."""
    return np.searchsorted(np.maximum.accumulate(times), marks, "left") if len(times) else np.zeros(len(marks), np.int64)


def columns(events, triggers, width=64, height=48):
    """{dataset: values, of the type in the file} of layout columns."""
    times = events["t"]
    wide = len(events) > 0 and int(times.max()) >= 1 << 32
    out = {"/events/x": events["x"].astype("<u2"), "/events/y": events["y"].astype("<u2"), "/events/p": events["p"].astype("u1"),
           "/events/t": times.astype("<i8" if wide else "<u4"), "/ms_to_idx": ms_to_idx(times), "/t_offset": np.array(0, "<i8")}
    out |= {f"/events/{name}": np.array(value, "<i4") for name, value in dict(width=width, height=height, divider=1).items()}
    return out | {"/triggers/t": triggers["t"].astype("<i8"), "/triggers/id": triggers["id"].astype("<i2"), "/triggers/p": triggers["p"].astype("<i2")}


def ms_to_idx(times):
    """The first event at or after every millisecond, up to the one that begins after the last event."""
    highest = int(times.max()) // 1000 if len(times) else 0
    return first_at(times, 1000 * np.arange(highest + 2)).astype("<u8")


def prophesee(events, triggers):
    """{dataset: values, of the type in the file} of layout prophesee."""
    out = {}
    for (name, dtype), given in zip(GROUPS.items(), (events, triggers)):
        values = np.zeros(len(given), dtype)
        for field in dtype.names:
            values[field] = given[field]
        out |= {f"/{name}/events": values, f"/{name}/indexes": indexes(given["t"])}
    return out


def indexes(times):
    """Entry 0 is (0, -1), entry k the first event at or after 2000 (k - 1) us and its time, for each 2 ms until the last event; then the number of
    events with the last time. Empty when there are none.

    OpenEB writes fewer (see `openeb_indexes`): its readers find what they look for by these, too, and more of it."""
    if not len(times):
        return np.zeros(0, INDEX)
    starts = first_at(times, INDEX_PERIOD * np.arange(int(times.max()) // INDEX_PERIOD + 1))
    out = np.zeros(len(starts) + 2, INDEX)
    out[0] = (0, -1)
    out["id"][1:-1], out["ts"][1:-1] = starts, times[starts]
    out[-1] = (len(times), times[-1])
    return out


def openeb_indexes(times, offset=None):
    """(offset, entries) as OpenEB 0499c95 writes them (IndexesWriter in hdf5_event_file_writer.cpp), event by event. `offset` is minus the first
    time, unless it is given."""
    entries, index, last = [], (0, -1), (0, -1)
    if not len(times):
        return None, np.zeros(0, INDEX)  # nor does it write the attribute
    offset = -int(times[0]) if offset is None else offset
    for number, time in enumerate(times.tolist()):
        time += offset
        assert time >= 0, "OpenEB counts on and on here"
        while time // INDEX_PERIOD + 1 > len(entries):
            if number != index[0]:
                last = index
            entries.append(last)
            index = (number, time)
    entries.append(index)
    return offset, np.array(entries, INDEX)


# --- Files

def datasets(file):
    """{path: dataset}, however deep."""
    found = {}
    file.visititems(lambda name, item: found.update({f"/{name}": item}) if isinstance(item, h5py.Dataset) else None)
    return found


def check(path, expected):
    """The file has these datasets and no others, every type, shape and value; its size is what was told before it was opened."""
    size = os.stat(path).st_size
    with h5py.File(path) as file:
        found = datasets(file)
        assert set(found) == set(expected)
        for name, values in expected.items():
            assert found[name].dtype == values.dtype and found[name].dtype.itemsize == values.dtype.itemsize, f"{name}: {found[name].dtype}"
            assert found[name].shape == values.shape, f"{name}: {found[name].shape} instead of {values.shape}"
            assert np.array_equal(found[name][()], values), name
    assert os.stat(path).st_size == size


def write(path, datasets, attributes=(), **storage):
    """A file of what `columns` or `prophesee` gives; `storage` is that of the arrays: chunks, compression. Indexes get their offset."""
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            dataset = file.create_dataset(name, data=values, **(storage if values.ndim and len(values) and not name.startswith("/triggers") else {}))
            if name.endswith("indexes"):
                dataset.attrs["offset"] = "0"
        for name, value in dict(attributes).items():
            file.attrs[name] = value
    return path
