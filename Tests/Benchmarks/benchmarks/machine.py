"""What the figures were measured on and with."""
import datetime
import importlib.metadata
import os
import pathlib
import platform
import re
import subprocess

PEERS = ("numpy", "numba", "hdf5plugin", "evutils", "expelliarmus", "faery")


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except OSError:
        return "unknown"
    return ((done.stdout or done.stderr).strip().splitlines() or ["unknown"])[0]


def processor():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.*)$", text, re.M)
    flags = re.search(r"^flags\s*:\s*(.*)$", text, re.M)
    vectors = [name for name in ("avx2", "avx512bw") if flags and name in flags[1].split()]
    return f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores" + (f", {' '.join(vectors)}" if vectors else "")


def memory():
    total = re.search(r"^MemTotal:\s*(\d+) kB$", pathlib.Path("/proc/meminfo").read_text(), re.M)
    return f"{int(total[1]) / 2**20:.0f} GiB" if total else "unknown"


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def revision(root):
    clean = subprocess.run(["git", "-C", str(root), "diff", "--quiet", "HEAD"], capture_output=True).returncode == 0
    return first_line("git", "-C", str(root), "rev-parse", "--short", "HEAD") + ("" if clean else " with changes")


def load():
    return "%.1f" % os.getloadavg()[0]


def describe(evh5, root, load_before):
    """[(what, text)]"""
    import h5py

    return [
        ("date", datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z")),
        ("processor", processor()),
        ("memory", memory()),
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("load (1 min)", f"{load_before} before, {load()} after; the benchmarks themselves make some"),
        ("evh5", f"{first_line(str(evh5), '--version')}, {revision(root)}"),
        ("Swift", first_line("swift", "--version")),
        ("libfuse", first_line("pkg-config", "--modversion", "fuse3")),
        ("HDF5", f"h5py {h5py.__version__} with HDF5 {h5py.version.hdf5_version}, Python {platform.python_version()}"),
        ("peers", ", ".join(f"{name} {version(name)}" for name in PEERS)),
    ]
