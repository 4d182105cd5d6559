"""What users add to a tensor file, as functions of its path that any HDF5 file with a /data takes: the same on a virtual file and on an
ordinary copy of it, so that one shows what the other must hold."""
import functools

import h5py
import numpy as np


def session(edit):
    """An edit of an open file as one of a path, in a session of its own; `edit.on(file)` does it in a session that there is."""
    @functools.wraps(edit)
    def alone(path):
        with h5py.File(path, "r+") as file:
            edit(file)

    alone.on = edit
    return alone


@session
def tutorial(file):
    """One value for each frame, as the enrichment tutorial adds it."""
    confidence = file.create_dataset("confidence", data=np.random.default_rng(1).random(len(file["data"])))
    confidence.attrs["description"] = "how sure the detector was"


@session
def storage(file):
    """Every way of storing a dataset that h5py knows without plugins."""
    numbers = np.arange(6000, dtype="i4").reshape(60, 100)
    group = file.require_group("storage")
    group["contiguous"] = numbers
    group.create_dataset("gzip", data=numbers, chunks=(7, 13), compression="gzip", shuffle=True, fletcher32=True)
    group.create_dataset("lzf", data=numbers, compression="lzf")
    group.create_dataset("scaleoffset", data=numbers, chunks=True, scaleoffset=0)
    group.create_dataset("grows", data=numbers[:5], maxshape=(None, 100), chunks=(16, 100))
    group.create_dataset("grows both ways", data=numbers[:5], maxshape=(None, None), chunks=(16, 16))
    group.create_dataset("filled", (50, 50), "f4", fillvalue=7.5)
    group.create_dataset("never written", (1000, 1000), "f8", chunks=(100, 100))
    group["scalar"] = 3.25
    group["empty"] = h5py.Empty("f4")
    group.create_dataset("no rows", (0, 3), "i2", maxshape=(None, 3))
    group.create_dataset("compact", data=np.arange(20, dtype="u1"), dcpl=_compact())
    group["big endian"] = np.arange(10, dtype=">f8")
    group["bits"] = numbers % 3 == 0
    group["complex"] = np.exp(1j * np.arange(9))
    group["half"] = np.linspace(0, 1, 9, dtype="f2")
    every_other = h5py.VirtualLayout((len(file["data"][::2]),) + file["data"].shape[1:], file["data"].dtype)
    every_other[:] = h5py.VirtualSource(".", "data", file["data"].shape)[::2]
    group.create_virtual_dataset("every other frame", every_other)


def _compact():
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    return plist


@session
def types(file):
    """Strings, compounds, enumerations, variable lengths, named types."""
    group = file.require_group("types")
    group["text"] = "Ünïcode"
    group.create_dataset("texts", data=["a", "", "ein längerer Text " * 20], dtype=h5py.string_dtype())
    group.create_dataset("fixed", data=np.array([b"one", b"three"], "S5"))
    lists = group.create_dataset("lists", (4,), h5py.vlen_dtype("i4"))
    for number in range(4):
        lists[number] = np.arange(number * 100, dtype="i4")
    boxes = np.dtype([("t", "<i8"), ("box", "<f4", (4,)), ("name", h5py.string_dtype()), ("inner", [("a", "u1"), ("b", "<f8")])])
    table = np.zeros(5, boxes)
    table["t"], table["name"] = np.arange(5) * 1000, ["car", "bus", "", "tram", "bicycle"]
    table["box"] = np.arange(20).reshape(5, 4)
    group.create_dataset("boxes", data=table, maxshape=(None,), chunks=(2,), compression="gzip")
    group["kinds"] = np.array([0, 1, 1], h5py.enum_dtype({"CAR": 0, "BUS": 1}, basetype="u1"))
    group["named type"] = np.dtype([("x", "f4"), ("y", "f4")])
    group.create_dataset("points", (3,), group["named type"])
    group["opaque"] = np.arange(4).astype("datetime64[s]").astype(h5py.opaque_dtype("datetime64[s]"))


@session
def attributes(file):
    """On the root, a group, a dataset, and the tensor itself."""
    for item in (file, file.require_group("attributes"), file.require_dataset("attributes/of me", (3,), "f4"), file["data"]):
        item.attrs["my note"] = "a text"
        item.attrs["my bytes"] = np.bytes_(b"fixed")
        item.attrs["my list"] = np.arange(12.0).reshape(3, 4)
        item.attrs["my texts"] = ["one", "two"]
        item.attrs["my flag"] = True
        item.attrs["my nothing"] = h5py.Empty("i4")
        item.attrs["my pair"] = np.array((1, 2.5), [("a", "i4"), ("b", "f8")])
    for number in range(40):  # more than an object header takes
        file["attributes"].attrs[f"many {number:02}"] = np.full(100, number)


@session
def references(file):
    """Object and region references, to the tensor too, and dimension scales on it."""
    group = file.require_group("references")
    group["target"] = np.arange(100).reshape(10, 10)
    group["scale"] = np.arange(len(file["data"])) * 50_000
    group["objects"] = np.array([file["data"].ref, group.ref, group["target"].ref, h5py.Reference()], h5py.ref_dtype)
    group.create_dataset("regions", data=np.array([group["target"].regionref[2:5, 1::3], file["data"].regionref[0, :, 2:4, 5:9]], h5py.regionref_dtype),
                         dtype=h5py.regionref_dtype)
    group.attrs["tensor"] = file["data"].ref
    file["data"].attrs["explained by"] = group["target"].ref
    group["scale"].make_scale("time")
    file["data"].dims[0].attach_scale(group["scale"])
    file["data"].dims[0].label = "frame"
    file["data"].dims[2].label = "row"


@session
def links(file):
    """Soft, external and second hard links, a circle, groups in groups, odd names."""
    group = file.require_group("links")
    group["deep/er/down"] = np.arange(3)
    group["soft"] = h5py.SoftLink("/data")
    group["dangling"] = h5py.SoftLink("/not/there")
    group["outside"] = h5py.ExternalLink("elsewhere.h5", "/x")
    group["second name"] = group["deep/er/down"]
    group["tensor"] = file["data"]
    group["deep/circle"] = group
    group["Ünï/ c ode"] = 1
    ordered = file.create_group("links/ordered", track_order=True)
    for name in "zyxabc":
        ordered[name] = ord(name)
    for number in range(60):
        group[f"many/{number}"] = number


ALL = (tutorial, storage, types, attributes, references, links)


@session
def rich(file):
    """All of the above."""
    for edit in ALL:
        edit.on(file)


@session
def change_and_delete(file):
    """What `rich` added, in part changed, extended, overwritten and deleted."""
    file["confidence"][2:4] = -1
    file["storage/contiguous"][...] += 1
    for name in ("grows", "grows both ways"):
        file[f"storage/{name}"].resize(40, 0)
        file[f"storage/{name}"][5:40, :] = np.arange(35 * 100).reshape(35, 100)
    file["storage/gzip"][3:50, ::2] = 9
    file["types/texts"][1] = "no longer empty " * 10
    file["types/lists"][0] = np.arange(1000)
    file["types/boxes"].resize((50,))
    file["attributes"].attrs["my note"] = "another, longer text"
    file["attributes"].attrs["my flag"] = np.arange(3)
    for number in range(0, 40, 2):
        del file["attributes"].attrs[f"many {number:02}"]
    del file["data"].attrs["my list"], file.attrs["my list"]
    del file["storage/lzf"], file["storage/filled"], file["types/points"], file["links/many"], file["links/second name"]
    file.move("links/deep", "moved")
    file["storage/filled"] = np.arange(7)
    file["data"].dims[0].detach_scale(file["references/scale"])
