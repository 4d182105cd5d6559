"""A preprocessing for evh5, as Metavision ML's registry takes them: counts of events that fade with their age.

    $ evh5 mount recordings/ /mnt/h5 --register decayed=python:docs/examples/decayed.py:decayed,channels=2,fractions=true,decay=0.5,most=5
    $ ls /mnt/h5/decayed,decay=0.25/50ms
"""
import numpy as np


def decayed(events, tensor, delta_t, downsampling_factor=0, reset=False, decay=0.5, most=5):
    """Fills `tensor` (1, 2, H, W): off and on events of each cell, the newest counting 1 and one that is `decay` frames older 1/e; divided by
    `most`, and 1 at most."""
    if reset:
        tensor[...] = 0
    x, y = events["x"] >> downsampling_factor, events["y"] >> downsampling_factor
    weights = np.exp(-(delta_t - events["t"]) / (decay * delta_t)) / (most << 2 * downsampling_factor)
    channels, height, width = tensor.shape[1:]
    cells = (events["p"].astype(np.int64) * height + y) * width + x
    sums = np.bincount(cells, weights, minlength=channels * height * width)
    tensor += np.minimum(1, sums).reshape(tensor.shape).astype(tensor.dtype)
