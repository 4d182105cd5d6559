"""Decoders from PyPI, as independent witnesses. Their times are the sensor's own (not shifted)."""
import numpy as np

from .scenes import EVENT


def _events(x, y, p, t):
    out = np.zeros(len(t), EVENT)
    out["x"], out["y"], out["p"], out["t"] = x, y, p, t
    return out


def expelliarmus(path, format):
    """EVT2 and DAT (it mistimes EVT3)."""
    from expelliarmus import Wizard

    read = Wizard(encoding=format).read(str(path))
    return _events(read["x"], read["y"], read["p"], read["t"])


def faery(path, format):
    import faery as library

    read = np.concatenate(list(library.events_stream_from_file(path)))
    return _events(read["x"], read["y"], read["on"], read["t"].astype(np.int64))


def evutils(path, format):
    from evutils.io import EventReader

    with EventReader(str(path)) as reader:
        read = reader.read_all() if hasattr(reader, "read_all") else np.concatenate(list(reader))
    return _events(read["x"], read["y"], read["p"], read["t"])


READERS = dict(expelliarmus=expelliarmus, faery=faery, evutils=evutils)
