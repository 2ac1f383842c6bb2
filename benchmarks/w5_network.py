"""The network of `w5_sanafe.py`: the recorded one, or where that is absent one of the same shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurosim.errors import NeurosimError
from neurosim.validate.sanafe import Net, read_net

N_STEPS, FAN_OUT = 1000, 100
LAYERS = (1024, 3072, 3072, 1024)               # inputs first
THRESHOLDS = (0, 380, 613, 2000)
# (from, to, part of the synapses, least weight, most weight) as in the recorded network.
PATHS = ((0, 1, 1.0, 20, 60), (1, 1, 0.5, -45, 25), (1, 2, 0.5, 20, 60), (2, 2, 0.5, -45, 25), (2, 3, 0.5, 20, 60),
         (3, 3, 1.0, -45, 25))



def network(folder: Path | None, seed: int) -> tuple[Net, str]:
    """Return the network and what it is: recorded where `folder` holds it, else generated."""
    if folder is not None:
        try:
            return read_net(folder), "net_x1 as recorded"
        except NeurosimError as error:
            return generated(seed), f"generated ({str(error).splitlines()[0]})"
    return generated(seed), "generated"


def generated(seed: int) -> Net:
    """Return 8,192 neurons in three recurrent layers behind 1,024 inputs, 100 synapses each, about 5 % of them active.

    Every neuron reaches neurons of its own layer and of the next; weights are whole numbers of 7 bits.
    """
    rng = np.random.default_rng(seed)
    first = np.concatenate([[0], np.cumsum(LAYERS)])
    pre, post, weight = [], [], []
    for source, target, part, least, most in PATHS:
        n_each = round(FAN_OUT * part)
        for neuron in range(int(first[source]), int(first[source + 1])):
            pre.append(np.full(n_each, neuron))
            post.append(rng.choice(LAYERS[target], n_each, replace=False) + first[target])
            weight.append(rng.integers(least, most + 1, n_each).astype(np.float64))
    raster = (rng.random((N_STEPS, LAYERS[0])) < 0.05).astype(np.uint8)
    none = np.zeros(0, np.int64)
    return Net(np.concatenate(pre), np.concatenate(post), np.concatenate(weight),
               np.repeat(np.array(THRESHOLDS, np.float64), LAYERS), 0.875, raster, none, none)


def first_steps(net: Net, n_steps: int) -> Net:
    """Return the network with the first `n_steps` of its input."""
    return net._replace(raster=net.raster[:n_steps])
