"""All that an HDF5 file holds, as plain values that can be compared: every link, object, attribute, type, layout and value."""
import hashlib

import h5py
import numpy as np

BIG = 1 << 16  # bytes from which on values are compared by their digest


def contents(path, **options):
    """{path of a link: what is there} for the file and, under "/", for its root. An object that several links lead to is
    described under the first and named under the others. References are named by what they refer to."""
    with h5py.File(path, "r", locking=False, **options) as file:
        return contents_of(file)


def contents_of(file):
    names, out = {}, {}  # address -> the first name

    def walk(name, item):
        address = h5py.h5o.get_info(item.id).addr
        if address in names:
            out[name] = ("hard link", names[address])
            return
        names[address] = name
        out[name] = None  # keeps the order
        if isinstance(item, h5py.Group):
            for child in sorted(item):
                place, link = f"{name.rstrip('/')}/{child}", item.get(child, getlink=True)
                if isinstance(link, h5py.HardLink):
                    walk(place, item[child])
                elif isinstance(link, h5py.SoftLink):
                    out[place] = ("soft link", link.path)
                else:
                    out[place] = ("external link", link.filename, link.path)

    walk("/", file)
    for name in [name for name, entry in out.items() if entry is None]:
        out[name] = describe(file[name], names)
    return out


def describe(item, names):
    attributes = {key: value_of(item.attrs.get_id(key), names, item.attrs[key]) for key in sorted(item.attrs)}
    if isinstance(item, h5py.Group):
        return "group", attributes
    if isinstance(item, h5py.Datatype):
        return "type", str(item.dtype), attributes
    filters = item.id.get_create_plist()
    layout = (item.chunks, item.maxshape, [filters.get_filter(k)[:3:2] for k in range(filters.get_nfilters())], plain(item.fillvalue, names, item.file))
    return "dataset", value_of(item.id, names, item[()] if item.shape is not None else None, item.file), layout, attributes


def value_of(handle, names, value, file=None):
    """(type, shape, value) of an attribute or a dataset."""
    dtype = handle.dtype
    kind = repr(h5py.check_vlen_dtype(dtype) or h5py.check_string_dtype(dtype) or h5py.check_enum_dtype(dtype) or h5py.check_ref_dtype(dtype) or dtype)
    file = file or h5py.File(h5py.h5i.get_file_id(handle))
    return kind, getattr(handle, "shape", None), plain(value, names, file)


def plain(value, names, file):
    """A value without h5py: nested lists, numbers, bytes, or a digest where it is large."""
    if value is None or isinstance(value, (bool, int, float, complex, bytes)):
        return repr(value) if isinstance(value, float) else value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, h5py.Empty):
        return "empty"
    if isinstance(value, h5py.RegionReference):
        if not value:
            return "null reference"
        selection = h5py.h5r.get_region(value, file.id)
        return "region of", name_of(value, names, file), selection.get_select_npoints(), [list(map(int, edge)) for edge in selection.get_select_bounds()]
    if isinstance(value, h5py.Reference):
        return ("reference to", name_of(value, names, file)) if value else "null reference"
    if isinstance(value, np.void) and value.dtype.names:
        return [plain(value[field], names, file) for field in value.dtype.names]
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return [plain(one, names, file) for one in value.reshape(-1)]
        data = value.tobytes()
        return (value.shape, hashlib.blake2b(data, digest_size=16).hexdigest() if len(data) > BIG else data)
    if isinstance(value, np.generic):
        return value.tobytes()
    raise TypeError(f"{type(value)} has no plain form")


def name_of(reference, names, file):
    return names.get(h5py.h5o.get_info(h5py.h5r.dereference(reference, file.id)).addr, "nothing that a link leads to")


def additions(found, base):
    """Contents without what the file has from its recording (`base`, the contents before anything was added): of `/`, `/data`
    and `/last_timestamps` only the attributes that were added or changed are left."""
    out = {}
    for name, entry in found.items():
        if name not in base:
            out[name] = entry
        elif base[name][-1] != entry[-1]:
            out[name] = {key: value for key, value in entry[-1].items() if base[name][-1].get(key) != value}
    return out


def same(got, want, what=""):
    """Fails with what differs, shortly, unless both are equal contents."""
    if got == want:
        return
    names = [name for name in sorted(set(got) | set(want)) if got.get(name, "absent") != want.get(name, "absent")]
    lines = [f"  {name}: {one}\n    instead of {other}" for name in names[:8] for one, other in [_differing(got.get(name, "absent"), want.get(name, "absent"))]]
    raise AssertionError("\n".join([f"{what}: {len(names)} of {len(want)} objects differ", *lines, *(["  ..."] if len(names) > 8 else [])]))


def _differing(one, other):
    """Both, shortened; of attributes only those that differ."""
    if isinstance(one, tuple) and isinstance(other, tuple) and one[:-1] == other[:-1]:
        one, other = one[-1], other[-1]
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
        one, other = ({key: entry.get(key, "absent") for key in keys} for entry in (one, other))
    return str(one)[:300], str(other)[:300]
