"""Loops written by hand for workloads W1 and W2 alone: what a machine step of such a network takes at least.

They can do nothing else: one population, one projection, weights in float32, no records, no counts.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit
def plain_loop(row_pointer, targets, weights, bias, leak, threshold, n_steps, potential, charge, spikes, counts):
    """Run `n_steps`; `counts` gets the spikes of each step."""
    n_neurons = bias.size
    for step in range(n_steps):
        n_spikes = 0
        for neuron in range(n_neurons):
            value = leak * potential[neuron] + charge[neuron] + bias[neuron]
            charge[neuron] = 0
            if value >= threshold:
                spikes[n_spikes] = neuron
                n_spikes += 1
                value = np.float32(0)
            potential[neuron] = value
        for index in range(n_spikes):
            neuron = spikes[index]
            for synapse in range(row_pointer[neuron], row_pointer[neuron + 1]):
                charge[targets[synapse]] += weights[synapse]
        counts[step] = n_spikes


@numba.njit
def tuned_loop(row_pointer, targets, weights, bias, leak, threshold, n_steps, potential, charge, spikes, fired, counts):
    """Run the same: unsigned indices, four synapses at once, an update that vectorises; targets uint32 or uint16."""
    n_neurons = bias.size
    zero, one = np.float32(0), np.uint64(1)
    for step in range(n_steps):
        for neuron in range(n_neurons):
            value = leak * potential[neuron] + charge[neuron] + bias[neuron]
            spike = value >= threshold
            fired[neuron] = spike
            potential[neuron] = zero if spike else value
            charge[neuron] = zero
        n_spikes = 0
        for neuron in range(n_neurons):
            spikes[n_spikes] = neuron
            n_spikes += fired[neuron]
        for index in range(n_spikes):
            neuron = spikes[index]
            synapse, stop = np.uint64(row_pointer[neuron]), np.uint64(row_pointer[neuron + 1])
            while synapse + np.uint64(4) <= stop:
                charge[targets[synapse]] += weights[synapse]
                charge[targets[synapse + one]] += weights[synapse + one]
                charge[targets[synapse + np.uint64(2)]] += weights[synapse + np.uint64(2)]
                charge[targets[synapse + np.uint64(3)]] += weights[synapse + np.uint64(3)]
                synapse += np.uint64(4)
            while synapse < stop:
                charge[targets[synapse]] += weights[synapse]
                synapse += one
        counts[step] = n_spikes
