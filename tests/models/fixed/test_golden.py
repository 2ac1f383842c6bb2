"""Vectors computed by others, or from their rules: every family must match them without a single difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurosim.models.fixed import integer_s5, loihi_dense, loihi_lif, resonator
from tests.models.fixed.uncompiled import uncompiled
from tests.oracle import fixed as oracle

Golden = Mapping[str, NDArray[Any]]
LAVA = {"current_decay_offset": 1, "current_overflow": "lava_wrap", "input_shift": 6, "input_bits": 0,
        "bias_overflow": "unlimited", "potential_low": 1 - 2**23, "potential_high": 2**23 - 1, "state_bits": 24,
        "decay_bits": 12, "threshold_shift": 6, "reset": "hard", "reaches": 0, "refractory": 0}
BOTH = pytest.mark.parametrize("way", [lambda kernel: kernel, uncompiled], ids=["compiled", "python"])
Way = Callable[[Any], Any]


@pytest.fixture
def golden(outside_data: Callable[[str], Path]) -> Golden:
    with np.load(outside_data("golden/fixed_point.npz")) as file:
        return {name: file[name].astype(np.int64) for name in file}


# --- short vectors, always here --------------------------------------------------------------------------------------

@BOTH
def test_loihi_lif_vector(way: Way) -> None:
    parameters = np.array([[409], [128], [100], [0], [0], [0], [0]])
    state, spike = np.zeros((3, 1), np.int64), np.zeros(1, np.int64)
    seen = []
    for charge in (41, -17, 9, 92, 47, 80):
        way(loihi_lif.step_loihi_lif)(loihi_lif.LAVA, parameters, state, np.array([charge]), spike)
        seen.append((int(state[0, 0]), int(state[1, 0]), int(spike[0])))
    assert seen == [(2624, 2624, 0), (1273, 3815, 0), (1721, 5416, 0), (7436, 0, 1), (9699, 0, 1), (13848, 0, 1)]


@BOTH
@pytest.mark.parametrize(("threshold", "last"), [(3087, 1), (3088, 0)])
def test_resonator_vector(way: Way, threshold: int, last: int) -> None:
    parameters = np.array([[2239], [3081], [threshold]])
    state, spike = np.zeros((2, 1), np.int64), np.zeros(1, np.int64)
    real, imag = [], []
    for step in range(11):
        charge = np.array([[100 if step == 0 else 0], [0]])
        way(resonator.step_resonator)(resonator.ResonatorOptions(), parameters, state, charge, spike)
        real.append(int(state[0, 0]))
        imag.append(int(state[1, 0]))
        assert spike[0] == (last if step == 10 else 0)
    assert real == [6400, 4814, 1709, -1591, -3870, -4447, -3344, -1187, 1105, 2687, 3087]
    assert imag == [0, 3498, 5262, 4892, 2810, -2, -2431, -3655, -3397, -1951, 1]


@BOTH
def test_integer_s5_vector(way: Way) -> None:
    shifts = integer_s5.scan_shifts(14, 14, 10, 10, 8, 8)
    a, x = (np.full((1, 1), value, np.int32) for value in (16230, 1534)), np.zeros((2, 1, 1), np.int32)
    a_real, a_imag = a
    seen = []
    for step in range(8):
        bu = np.array([1000, -300], np.int32).reshape(2, 1, 1) * (step < 3)
        way(integer_s5.advance_scan)(shifts, a_real, a_imag, bu[0].astype(np.int32), bu[1].astype(np.int32), 16, x[0],
                                     x[1])
        seen.append((int(x[0, 0, 0]), int(x[1, 0, 0])))
    assert seen == [(250, -75), (505, -127), (762, -154), (769, -82), (769, -11), (763, 60), (750, 130), (730, 198)]


@BOTH
def test_sigmoid_table_vector(way: Way) -> None:
    """The table's own entries, at whole numbers, and the odd symmetry about one half."""
    x, output = np.arange(-512, 513), np.empty(1025, np.int64)
    way(integer_s5.sigmoid)(*integer_s5.sigmoid_table(), x, output)
    assert integer_s5.sigmoid_table()[0].tolist() == [0, 59, 97, 116, 123, 126, 127, 128]
    assert output[512:960:64].tolist() == [128 + rise for rise in (0, 59, 97, 116, 123, 126, 127)]
    np.testing.assert_array_equal(output + output[::-1], 256)
    assert output.tolist() == [oracle.sigmoid(value) for value in x.tolist()]


# --- long vectors, from the file -------------------------------------------------------------------------------------

@BOTH
def test_loihi_lif_file(golden: Golden, way: Way) -> None:
    parameters = np.stack([golden[f"lif_{name}"] for name in ("du", "dv", "vth", "bias_mant", "bias_exp")]
                          + [np.zeros(128, np.int64)] * 2)
    state, spike, n_different = np.zeros((3, 128), np.int64), np.zeros(128, np.int64), 0
    overflows = np.zeros(4, np.int64)
    for step in range(400):
        overflows += way(loihi_lif.step_loihi_lif)(loihi_lif.LAVA, parameters, state, golden["lif_a"][step], spike)
        n_different += int((state[0] != golden["lif_u"][step]).sum() + (state[1] != golden["lif_v"][step]).sum()
                           + (spike != golden["lif_s"][step]).sum())
    assert n_different == 0
    assert overflows[1] > 0 and overflows[3] > 0        # a quarter of the neurons wraps and saturates


def test_loihi_lif_file_by_the_oracle(golden: Golden) -> None:
    for neuron in range(128):
        parameters = [int(golden[f"lif_{name}"][neuron]) for name in ("du", "dv", "vth", "bias_mant", "bias_exp")]
        parameters += [0, 0]
        state = (0, 0, 0)
        for step, charge in enumerate(golden["lif_a"][:, neuron].tolist()):
            *words, spike, _ = oracle.loihi_lif(LAVA, parameters, state, charge)
            state = (words[0], words[1], words[2])
            assert (*state[:2], spike) == tuple(int(golden[f"lif_{name}"][step, neuron]) for name in "uvs")


@BOTH
@pytest.mark.parametrize("exponent", [-2, 0, 3])
@pytest.mark.parametrize("n_bits", [2, 4, 6, 8])
def test_loihi_dense_file(golden: Golden, way: Way, n_bits: int, exponent: int) -> None:
    weights, expected = golden["dense_w"], golden[f"dense_out_bits{n_bits}_exp{exponent}"]
    options, stored, charge = loihi_dense.LoihiDenseOptions(), np.empty_like(weights), np.empty(16, np.int64)
    n_clipped = way(loihi_dense.store_weights)(options, weights, loihi_dense.MIXED, n_bits, exponent, stored)
    assert n_clipped == ((weights < -256) | (weights > 255)).sum() > 0
    assert stored.tolist() == [[oracle.loihi_weight(weight, "mixed", n_bits, "floor") for weight in row]
                               for row in weights.tolist()]
    for step, message in enumerate(golden["dense_x"]):
        way(loihi_dense.deliver_dense)(options, stored, message, exponent, charge)
        np.testing.assert_array_equal(charge, expected[step])
        assert [oracle.loihi_charge(row, message.tolist(), exponent) for row in stored.tolist()] == charge.tolist()


@BOTH
def test_resonator_file(golden: Golden, way: Way) -> None:
    real, imag, spikes = (golden[f"rf_{name}"] for name in ("re", "im", "s"))
    # The file does not name the threshold: it lies between the phase crossings with and without a spike.
    crossing = (imag >= 0) & (np.vstack([np.zeros_like(imag[:1]), imag[:-1]]) < 0)
    threshold = int(real[crossing & (spikes == 1)].min())
    parameters = np.stack([golden["rf_sin"], golden["rf_cos"], np.full(64, threshold)])
    state, spike = np.zeros((2, 64), np.int64), np.zeros(64, np.int64)
    for step in range(400):
        charge = np.stack([golden["rf_a_re"][step], golden["rf_a_im"][step]])
        way(resonator.step_resonator)(resonator.ResonatorOptions(), parameters, state, charge, spike)
        np.testing.assert_array_equal(state, [real[step], imag[step]])
        np.testing.assert_array_equal(spike, spikes[step])


def test_resonator_file_by_the_oracle(golden: Golden) -> None:
    options = {"decay_bits": 12, "state_exponent": 6, "firing": "phase", "clipped": True}
    for neuron in range(64):
        state = (0, 0)
        for step in range(400):
            charge = int(golden["rf_a_re"][step, neuron]), int(golden["rf_a_im"][step, neuron])
            *words, _, _ = oracle.resonator(
                options, (int(golden["rf_sin"][neuron]), int(golden["rf_cos"][neuron]), 0), state, charge)
            state = (words[0], words[1])
            assert state == (golden["rf_re"][step, neuron], golden["rf_im"][step, neuron])


@BOTH
@pytest.mark.parametrize("path", ["scan", "loop"])
def test_integer_s5_file(golden: Golden, way: Way, path: str) -> None:
    """The state stays within 15 bits, where the loop path's clips change nothing."""
    exponents = [int(golden[f"ssm_{name}_exp"]) for name in ("A", "A", "Bu", "Bu", "x", "x")]
    word = np.int32 if path == "scan" else np.int64
    a_real, a_imag = (golden[f"ssm_A_{part}"].astype(word)[None] for part in ("re", "im"))
    real, imag = np.zeros((1, 96), word), np.zeros((1, 96), word)
    for step in range(400):
        bu_real, bu_imag = (golden[f"ssm_Bu_{part}"][step].astype(word)[None] for part in ("re", "im"))
        given = a_real, a_imag, bu_real, bu_imag
        if path == "scan":
            n_beyond = way(integer_s5.advance_scan)(integer_s5.scan_shifts(*exponents), *given, 16, real, imag)
        else:
            n_beyond = way(integer_s5.advance_loop)(integer_s5.loop_shifts(*exponents), *given, 16, 16, real, imag)
        assert n_beyond == 0
        np.testing.assert_array_equal(real[0], golden["ssm_x_re"][step])
        np.testing.assert_array_equal(imag[0], golden["ssm_x_im"][step])


def test_integer_s5_file_by_the_oracle(golden: Golden) -> None:
    a_exp, bu_exp, x_exp = (int(golden[f"ssm_{name}_exp"]) for name in ("A", "Bu", "x"))
    for mode in range(96):
        a, x = (int(golden["ssm_A_re"][mode]), int(golden["ssm_A_im"][mode])), (0, 0)
        for step in range(400):
            bu = int(golden["ssm_Bu_re"][step, mode]), int(golden["ssm_Bu_im"][step, mode])
            x = oracle.s5_scan(a, bu, x, (a_exp, a_exp), (bu_exp, bu_exp), (x_exp, x_exp))
            assert x == (golden["ssm_x_re"][step, mode], golden["ssm_x_im"][step, mode])
