"""Tensors as dask arrays, read through a mount on every worker; as an example, the mean frame and the activity of each frame.

usage: dask_read.py FILE.h5... -o RESULT.npz [--scheduler tcp://host:8786 | --workers 2]

All workers must have the mount at the same path. `tensor` works as well for what `evh5 generate` makes."""
import argparse
import sys

import dask
import dask.array as da
import h5py
import numpy as np
from dask.distributed import Client, LocalCluster


def read(path, start, stop):
    """Frames start to stop - 1. Runs in a worker, which opens the file itself: an open h5py file cannot be sent there."""
    with h5py.File(path, "r") as file:
        return file["data"][start:stop]


def tensor(path, block=16):
    """The tensor of a file, (N, C, H, W), in blocks of whole frames. Only the file's head is read here, so nothing is computed yet."""
    with h5py.File(path, "r") as file:
        shape, dtype = file["data"].shape, file["data"].dtype
    blocks = [
        da.from_delayed(dask.delayed(read, pure=True)(str(path), start, min(start + block, shape[0])),
                        (min(block, shape[0] - start), *shape[1:]), dtype)
        for start in range(0, shape[0], block)]
    return da.concatenate(blocks) if blocks else da.zeros(shape, dtype)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--scheduler", help="the address of a running cluster")
    parser.add_argument("--workers", type=int, default=2, help="processes on this machine, without --scheduler")
    options = parser.parse_args(arguments)

    cluster = None
    if not options.scheduler:
        cluster = LocalCluster(n_workers=options.workers, threads_per_worker=1, processes=True, dashboard_address=None)
    with Client(cluster or options.scheduler):
        all_frames = da.concatenate([tensor(path) for path in options.files])
        # One pass over the frames for both.
        mean, activity = dask.compute(all_frames.mean(axis=0, dtype="f8"), (all_frames != 0).mean(axis=(1, 2, 3), dtype="f8"))
    if cluster:
        cluster.close()
    np.savez(options.output, mean=mean, activity=activity)
    print(f"{options.output}: {len(activity)} frames of {len(options.files)} files, mean activity {activity.mean():.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
