"""Loops written by hand for workload W3 alone: what this network takes at least.

They can do nothing else: float32, four equal layers, no records, no counts, no flush of denormals. Sums are in the
engine's order, so that the spikes are the same.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit
def plain_loop(a_real, a_imag, c_real, c_imag, mixing, threshold, leak, inputs, real, imag, potential, spikes):
    """Stream token by token; tables [layer, mode, channel], spikes bool[step, channel] of the last layer."""
    n_layers, n_modes, width = a_real.shape
    fired, x, total = np.zeros(width, np.bool_), np.zeros(width, np.float32), np.zeros(width, np.float32)
    for step in range(inputs.shape[0]):
        for neuron in range(width):
            fired[neuron] = inputs[step, neuron] != 0
        for layer in range(n_layers):
            _mix(mixing[layer], fired, x)
            total[:] = 0
            for mode in range(n_modes):
                _advance(a_real[layer, mode], a_imag[layer, mode], c_real[layer, mode], c_imag[layer, mode],
                         real[layer, mode], imag[layer, mode], x, total)
            _fire(threshold[layer], leak, potential[layer], total, fired)
        spikes[step] = fired


@numba.njit
def tuned_loop(a_real, a_imag, c_real, c_imag, mixing, threshold, leak, inputs, real, imag, potential, spikes):
    """Do the same in blocks of 32 tokens, layer by layer, mode by mode: a mode's tables are read once per block."""
    n_layers, n_modes, width = a_real.shape
    fired = np.zeros((32, width), np.bool_)
    x, total = np.zeros((32, width), np.float32), np.zeros((32, width), np.float32)
    for first in range(0, inputs.shape[0], 32):
        n_tokens = min(32, inputs.shape[0] - first)
        for token in range(n_tokens):
            for neuron in range(width):
                fired[token, neuron] = inputs[first + token, neuron] != 0
        for layer in range(n_layers):
            for token in range(n_tokens):
                _mix(mixing[layer], fired[token], x[token])
            total[:] = 0
            for mode in range(n_modes):
                for token in range(n_tokens):
                    _advance(a_real[layer, mode], a_imag[layer, mode], c_real[layer, mode], c_imag[layer, mode],
                             real[layer, mode], imag[layer, mode], x[token], total[token])
            for token in range(n_tokens):
                _fire(threshold[layer], leak, potential[layer], total[token], fired[token])
        for token in range(n_tokens):
            spikes[first + token] = fired[token]


@numba.njit(inline="always")
def _mix(mixing, fired, x):
    """Add the rows of those that fired."""
    x[:] = 0
    for neuron in range(fired.size):
        if fired[neuron]:
            for post in range(x.size):
                x[post] += mixing[neuron, post]


@numba.njit(inline="always")
def _advance(a_real, a_imag, c_real, c_imag, real, imag, x, total):
    """Advance one mode of all channels."""
    for neuron in range(x.size):
        old_real, old_imag = real[neuron], imag[neuron]
        new_real = a_real[neuron] * old_real - a_imag[neuron] * old_imag + x[neuron]
        new_imag = a_real[neuron] * old_imag + a_imag[neuron] * old_real
        real[neuron], imag[neuron] = new_real, new_imag
        total[neuron] += c_real[neuron] * new_real - c_imag[neuron] * new_imag


@numba.njit(inline="always")
def _fire(threshold, leak, potential, total, fired):
    """Advance the membranes."""
    zero, one, two = np.float32(0), np.float32(1), np.float32(2)
    for neuron in range(total.size):
        value = leak * potential[neuron] + two * total[neuron] / threshold[neuron]
        spike = value >= one
        fired[neuron] = spike
        potential[neuron] = zero if spike else value
