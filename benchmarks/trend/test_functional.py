"""Our own trend: the functional step and its kernels, on small networks that a laptop runs in seconds."""

from __future__ import annotations

import numpy as np
import pytest
from functional_contenders import Machine
from random_network import random_network
from stream_contenders import Streamed
from stream_network import stream_network
from synapses import dense_rows, sparse_rows

N_NEURONS, N_STEPS, N_FIRING = 2048, 100, 100


@pytest.mark.parametrize("numbers", ["float32", "float64"])
def test_functional_steps(benchmark, numbers: str) -> None:
    contender = Machine(numbers, random_network(N_NEURONS), N_STEPS, numbers)
    _, n_spikes = benchmark(contender.run)
    assert n_spikes > 0


@pytest.mark.parametrize("numbers", ["float32", "float64", "fixed"])
def test_streaming_state_spaces(benchmark, numbers: str) -> None:
    network = stream_network(2, 64, 16, 128)
    _, n_spikes = benchmark(Streamed(numbers, network, network.inputs, numbers).run)
    assert n_spikes > 0


@pytest.mark.parametrize("weight", ["float32", "int8"])
def test_sparse_rows(benchmark, weight: str) -> None:
    network = random_network(N_NEURONS)
    charge = np.zeros(N_NEURONS, "float32" if weight == "float32" else "int64")
    neurons = np.arange(0, N_NEURONS, N_NEURONS // N_FIRING, dtype=np.int32)
    benchmark(sparse_rows, charge, neurons, np.ones(len(neurons), charge.dtype), network.row_pointer,
              network.targets.astype(np.uint16), (100 * network.weights).astype(weight))
    assert charge.any()


@pytest.mark.parametrize("weight", ["float32", "int8"])
def test_dense_rows(benchmark, weight: str) -> None:
    side = 256
    charge = np.zeros(side, "float32" if weight == "float32" else "int64")
    neurons = np.arange(0, side, 4, dtype=np.int32)
    benchmark(dense_rows, charge, neurons, np.ones(len(neurons), charge.dtype), np.ones(side * side, weight))
    assert charge.all()
