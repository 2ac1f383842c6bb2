# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""Rows of synapses added to the charges of dendrites: dense, sparse and one to one.

Every sum is in canonical order: source neuron by source neuron. Weights may be narrower than the charges.
"""

from __future__ import annotations

import numpy as np

from neurosim.kernel import part, prefetch
from neurosim.machine import MAX, SUM

# Rows are fetched so many events ahead: they lie anywhere in memory, where no processor expects them.
AHEAD = 4
BLOCK = 16          # synapses; a cache line of weights in float32


@part
def add_dense(charge, operator, neurons, values, weights):
    """Add the rows of firing neurons; weights [pre, post] flat."""
    if operator == SUM:
        _sum_dense(charge, neurons, values, weights)
        return
    n_post = charge.size
    for event in range(neurons.size):
        value = values[event]
        at = np.int64(neurons[event]) * n_post
        row = weights[at:at + n_post]
        if operator == MAX:
            for post in range(n_post):
                charge[post] = max(charge[post], row[post] * value)
        else:
            for post in range(n_post):
                charge[post] = max(charge[post], abs(row[post] * value))


@part
def _sum_dense(charge, neurons, values, weights):
    """Sum rows, four at once, each in its turn: charges are read and written a quarter as often."""
    n_post = np.int64(charge.size)
    n_fours = neurons.size // 4 * 4
    for event in range(0, n_fours, 4):
        first, second = weights[neurons[event] * n_post:], weights[neurons[event + 1] * n_post:]
        third, fourth = weights[neurons[event + 2] * n_post:], weights[neurons[event + 3] * n_post:]
        a, b, c, d = values[event], values[event + 1], values[event + 2], values[event + 3]
        for post in range(n_post):
            charge[post] = charge[post] + first[post] * a + second[post] * b + third[post] * c + fourth[post] * d
    for event in range(n_fours, neurons.size):
        row, value = weights[neurons[event] * n_post:], values[event]
        for post in range(n_post):
            charge[post] += row[post] * value


@part
def add_sparse(charge, operator, neurons, values, pointer, targets, weights):
    """Add the rows of firing neurons; CSR, targets unsigned."""
    if operator == SUM:
        _sum_sparse(charge, neurons, values, pointer, targets, weights)
        return
    for event in range(neurons.size):
        value = values[event]
        neuron = neurons[event]
        for synapse in range(pointer[neuron], pointer[neuron + 1]):
            post = targets[synapse]
            product = weights[synapse] * value
            charge[post] = max(charge[post], product if operator == MAX else abs(product))


@part
def _sum_sparse(charge, neurons, values, pointer, targets, weights):
    """Sum rows, a block of synapses at once, while a later row is fetched line by line.

    Unsigned indices: Numba asks of each signed one whether it counts from the end.
    """
    last = neurons.size - 1
    for event in range(neurons.size):
        value, neuron = values[event], neurons[event]
        synapse, stop = np.uint64(pointer[neuron]), np.uint64(pointer[neuron + 1])
        ahead = pointer[neurons[min(event + AHEAD, last)]]
        prefetch(weights, ahead)
        prefetch(targets, ahead)
        while synapse + np.uint64(BLOCK) <= stop:
            ahead += BLOCK
            prefetch(weights, ahead)
            prefetch(targets, ahead)
            for lane in range(BLOCK):       # becomes BLOCK times the line
                at = synapse + np.uint64(lane)
                charge[targets[at]] += weights[at] * value
            synapse += np.uint64(BLOCK)
        while synapse < stop:
            charge[targets[synapse]] += weights[synapse] * value
            synapse += np.uint64(1)


@part
def add_one_to_one(charge, operator, neurons, values, weights):
    """Add neuron i to neuron i."""
    for event in range(neurons.size):
        neuron = neurons[event]
        product = weights[neuron] * values[event]
        if operator == SUM:
            charge[neuron] += product
        elif operator == MAX:
            charge[neuron] = max(charge[neuron], product)
        else:
            charge[neuron] = max(charge[neuron], abs(product))
