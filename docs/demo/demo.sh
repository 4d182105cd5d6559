#!/usr/bin/env bash
# make demo: simulated recordings, mounted, read with h5dump and h5py, drawn, unmounted (also on failure).
# usage: demo.sh EVH5 PYTHON FOLDER
set -euo pipefail
evh5=$1 python=$2 folder=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if [ ! -e /dev/fuse ]; then
    echo "demo: /dev/fuse is missing, so nothing can be mounted; load the module (modprobe fuse), or start the container with" >&2
    echo "      --device /dev/fuse --cap-add SYS_ADMIN" >&2
    exit 1
fi
mkdir -p "$folder/recordings"
mount=$(mktemp -d "${TMPDIR:-/tmp}/evh5-demo.XXXXXX")
mounted=no
finish() {
    code=$?
    trap - EXIT
    if [ "$mounted" = yes ]; then timeout 30 "$evh5" unmount "$mount" || "$evh5" unmount --lazy "$mount" || true; fi
    rmdir "$mount" 2>/dev/null || true
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

show() { printf '\n$ %s\n' "$*"; "$@"; }

show "$evh5" synth "$folder/recordings/traffic.raw" --duration 2s --rate 5M --force
show "$evh5" synth "$folder/recordings/lab_td.dat" --geometry 640x480 --duration 1s --rate 1M --seed 7 --force
show "$evh5" info "$folder/recordings/traffic.raw"
show "$evh5" mount "$folder/recordings" "$mount" --cache "$folder/cache" --log-directory "$folder/logs"
mounted=yes
show ls -l "$mount/timesurface/50ms"
show h5dump --header "$mount/timesurface/50ms/traffic.h5"
# Where an edge is in frame 10, as the command line of h5dump wants it.
spot=$("$python" -c 'import h5py, sys
on = h5py.File(sys.argv[1])["data"][10, 1, :-3, :-6]
print("10,0,%d,%d" % divmod(int(on.argmax()), on.shape[1]))' "$mount/histo/10ms/traffic.h5")
show h5dump -A 0 --dataset /data --start "$spot" --count 1,2,3,6 "$mount/histo/10ms/traffic.h5"
show "$python" "$here/frames.py" "$mount" traffic "$folder/frames.png"
show "$evh5" status "$mount"
show "$evh5" unmount "$mount"
mounted=no
printf '\nThe frames are drawn in %s\n' "$folder/frames.png"
