"""Makes HDF5 files of recordings on the workers of a Dask cluster: each runs `evh5 generate --shard i/n`.

usage: dask_generate.py RECORDINGS... -o OUTPUT [--scheduler tcp://host:8786 | --workers 2] [--shards N] [-- OPTION OF evh5 generate...]

Without --scheduler it starts worker processes on this machine. The same call goes on after an interruption. EVH5 names the binary,
if it is not in the workers' path. Exit code 1: some recordings could not be used, or a share failed; what is said tells which."""
import argparse
import json
import os
import subprocess
import sys

from dask.distributed import Client, LocalCluster, as_completed


def make(shard, command):
    """Makes one share; returns evh5's summary. Runs in a worker."""
    done = subprocess.run([*command, "--shard", shard, "--json"], capture_output=True, text=True)
    # 3: some recordings could not be used, and the summary says which.
    if done.returncode not in (0, 3):
        raise RuntimeError(f"share {shard}: evh5 ended with {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def main(arguments):
    own, rest = (arguments[:arguments.index("--")], arguments[arguments.index("--") + 1:]) if "--" in arguments else (arguments, [])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="+")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--scheduler", help="the address of a running cluster")
    parser.add_argument("--workers", type=int, default=2, help="processes on this machine, without --scheduler")
    parser.add_argument("--shards", type=int, help="shares; a few for each worker balance long and short recordings (default: 4 for each)")
    options = parser.parse_args(own)

    cluster = None
    if not options.scheduler:
        cluster = LocalCluster(n_workers=options.workers, threads_per_worker=1, processes=True, dashboard_address=None)
    with Client(cluster or options.scheduler) as client:
        workers = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        shards = options.shards or 4 * workers
        command = [os.environ.get("EVH5", "evh5"), "generate", *options.recordings, "-o", options.output, *rest]
        # A worker that is lost takes its share with it; another one goes on where it was.
        futures = client.map(make, [f"{i}/{shards}" for i in range(shards)], command=command, pure=False, retries=2)
        failed = 0
        for number, future in enumerate(as_completed(futures), 1):
            if future.status != "finished":
                failed += 1
                print(f"[{number}/{shards}] {future.exception()}", file=sys.stderr)
                continue
            summary = future.result()
            failed += len(summary["failures"])
            print(f"[{number}/{shards}] {json.dumps(summary)}", flush=True)
    if cluster:
        cluster.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
