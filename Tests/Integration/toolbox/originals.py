"""Files as Metavision ML's generate_hdf5 lays them out, written with h5py the way it does, and what two files' structures are."""
import h5py
import numpy as np

# What the original passes on from its registry and command line, as attributes of /data.
PARAMETERS = {
    "histo": dict(max_incr_per_pixel=5.0),
    "diff": dict(max_incr_per_pixel=5.0),
    "timesurface": dict(max_incr_per_pixel=5.0),
    "event_cube": dict(split_polarity=True, max_incr_per_pixel=5.0),
    "event_cube_paper": dict(split_polarity=True, max_incr_per_pixel=255.0 / 4),
    "multi_channel_timesurface": dict(max_incr_per_pixel=5.0),
    "histo_quantized": dict(negative_bit_length=4, total_bit_length=8, normalization=False),
    "diff_quantized": dict(negative_bit_length=8, normalization=False),
}


def write(path, tensor, preprocess, geometry, delta_t=50_000, n_events=0, last_timestamps=None, store_as_uint8=False, **parameters):
    """A file of `tensor`; `geometry` is (width, height) of the sensor."""
    shape = tensor.shape[1:]
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", (100, *shape), maxshape=(None, *shape), dtype=np.uint8 if store_as_uint8 else tensor.dtype,
                                   compression="gzip", chunks=(1, *shape))
        attributes = {"events_to_tensor": np.bytes_(preprocess), "delta_t": np.uint32(0 if n_events else delta_t), "event_input_width": geometry[0],
                      "event_input_height": geometry[1], "shape": shape, "mode": "n_events" if n_events else "delta_t", "n_events": n_events}
        for key, value in (attributes | PARAMETERS[preprocess] | parameters).items():
            data.attrs[key] = value
        if store_as_uint8:
            data.attrs["store_as_uint8"] = True
        for i, frame in enumerate(tensor):
            data[i] = frame
        data.resize((len(tensor), *shape))
        if n_events:
            times = file.create_dataset("last_timestamps", (100,), maxshape=(None,), dtype=np.int64, compression="gzip", chunks=(1,))
            times[:len(tensor)] = last_timestamps
            times.resize((len(tensor),))


def structure(path, without=()):
    """Everything but the values of datasets: {object: {what: value}}; attributes named in `without` are left out."""
    with h5py.File(path, "r") as file:
        return {"/": attributes_of(file, without) if "/" not in without else {}} | {name: _dataset(file[name], without) for name in file}


def _dataset(data, without):
    properties = data.id.get_create_plist()
    # number, flags and values; a filter's name is its own affair
    filters = [properties.get_filter(i)[:3] for i in range(properties.get_nfilters())]
    return dict(type=_type(data.id.get_type()), shape=data.shape, chunks=data.chunks, limits=data.maxshape, filters=filters,
                fill=data.fillvalue, attributes=attributes_of(data, without))


def attributes_of(object, without):
    found = {}
    for name in object.attrs:
        if name not in without:
            id, value = object.attrs.get_id(name), object.attrs[name]
            found[name] = (_type(id.get_type()), id.shape, value.tolist() if isinstance(value, np.ndarray) else value)
    return found


def _type(type):
    """What there is to know of an HDF5 type."""
    known = [type.get_class(), type.get_size()]
    if isinstance(type, h5py.h5t.TypeStringID):
        known += [type.is_variable_str(), type.get_cset(), type.get_strpad()]
    if isinstance(type, h5py.h5t.TypeEnumID):
        known += [type.enum_nameof(type.enum_valueof(name)) for name in (b"FALSE", b"TRUE")]
        type = type.get_super()
    if isinstance(type, (h5py.h5t.TypeIntegerID, h5py.h5t.TypeFloatID)):
        known += [type.get_order()]
    if isinstance(type, h5py.h5t.TypeIntegerID):
        known += [type.get_sign()]
    return tuple(known)
