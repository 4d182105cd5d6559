"""Random operations of several processes on two mounts of one store, compared with a model of docs/SEMANTICS.md after each.

EVH5_MODEL_OPERATIONS=100000 does more of them, EVH5_MODEL_SEED=7 other ones; what fails prints its seed and the operations before."""
import os

import pytest

from toolbox.walk import Walk

OPERATIONS = int(os.environ.get("EVH5_MODEL_OPERATIONS", "2000"))
SEED = int(os.environ.get("EVH5_MODEL_SEED", "1"))


@pytest.mark.budget(120 + OPERATIONS // 20)
@pytest.mark.timeout(150 + OPERATIONS // 20)
def test_the_mount_does_what_the_model_says(mount, source, store, measured, capsys):
    def tell(line):
        if OPERATIONS > 10_000:
            with capsys.disabled():
                print(line, flush=True)

    mounts = [mount(source, "--sidecars", store, "--log-level", "info") for _ in range(2)]
    for one in mounts:
        one.daemon = one.pid
    walk = Walk(SEED, source, mounts, tell=tell)
    try:
        walk.run(OPERATIONS)
    finally:
        walk.end()
    measured(f"model, seed {SEED}: {sum(walk.counts.values())} operations, " + ", ".join(f"{count} {name}" for name, count in sorted(walk.counts.items())))
