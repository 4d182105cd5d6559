"""Event-camera recordings as HDF5 tensor files, from Python.

    import evh5, h5py

    with evh5.mounted("recordings/", windows=["50ms"]) as root:
        with h5py.File(evh5.path(root, "traffic.raw", "histo", "50ms")) as f:
            print(f["data"].shape)

`mounted` runs the command `evh5`, which must be installed; `evh5.data` has a dataset for PyTorch's DataLoader."""
from __future__ import annotations

from ._command import Error, run
from ._mounting import mount, mounted, status, unmount
from ._paths import path
from ._registering import register, registered, unregister

__all__ = ["Error", "mount", "mounted", "path", "register", "registered", "run", "status", "unmount", "unregister"]


def __getattr__(name: str) -> str:
    """`evh5.__version__`: the installed package's; where there is none, the binary's."""
    if name != "__version__":
        raise AttributeError(f"module 'evh5' has no attribute '{name}'")
    from importlib import metadata

    try:
        return metadata.version("evh5")
    except metadata.PackageNotFoundError:
        return run("--version").split()[0]
