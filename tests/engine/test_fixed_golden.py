"""Whole fixed-point runs against golden vectors: the network, its lowering and both engines lie between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from neurosim.engine.batch import BatchPass, Update
from neurosim.formats import Coding, Format
from neurosim.graph import Network, OneToOneWeights, Population, Projection
from neurosim.mapping import map_network
from neurosim.mapping.lower_function import lower_neurons
from tests.engine.cases import make_chip
from tests.engine.results import results

BOTH = pytest.mark.parametrize("engine", ["compiled", "reference"])
OnDisk = Callable[[str], Path]


def integers(bits: int, fraction: int = 0, gain: np.ndarray | float = 1.0, rounding: str = "toward_zero",
             overflow: str = "saturate", signed: bool = True) -> Coding:
    return Coding(Format(bits, fraction, signed, rounding, overflow), np.asarray(gain, np.float64))


def loihi_network(du: np.ndarray, dv: np.ndarray, threshold: np.ndarray, bias_mantissa: np.ndarray,
                  bias_exponent: np.ndarray) -> Network:
    """Lava's LIF in the words of the graph: one step of the state is 1, one step of the input 64 of them."""
    size = len(du)
    state = {"input": integers(31), "current": integers(24, overflow="lava_wrap"), "potential": integers(24)}
    decays = dict.fromkeys(("current_leak", "leak"), integers(13, 12, signed=False))
    codings = {**state, **decays, "threshold": integers(17, -6), "reset_value": integers(16),
               "bias": integers(13, gain=np.exp2(bias_exponent))}
    parameters = {"current_leak": (4096 - du - 1) / 4096, "leak": (4096 - dv) / 4096, "threshold": threshold * 64.0,
                  "bias": bias_mantissa * np.exp2(bias_exponent)}
    neurons = Population("neurons", "cuba", size, parameters, {"comparator": ">"}, codings=codings)
    given = Population("charge", "input", size, codings={"graded": integers(24)})
    joint = Projection("charge", "neurons", OneToOneWeights(np.full(size, 64.0)), coding=integers(8, -6))
    return Network("loihi", (given, neurons), (joint,), ("neurons",))


@BOTH
def test_loihi_neurons(outside_data: OnDisk, engine: str) -> None:
    with np.load(outside_data("golden/fixed_point.npz")) as file:
        golden = {name.removeprefix("lif_"): file[name].astype(np.int64) for name in file if name.startswith("lif_")}
    network = loihi_network(*(golden[name] for name in ("du", "dv", "vth", "bias_mant", "bias_exp")))
    chip = make_chip({"noc.payload_bits": 24, "core.accumulator_bits": 32, "core.parameter_bits": 17})
    machine = map_network(network, chip)
    [result] = results(machine, golden["a"][None], numbers="fixed", engine=engine, detail="functional")
    spikes = np.zeros_like(golden["s"])
    spikes[result.spikes.step - machine.populations.stage[1], result.spikes.neuron] = 1
    np.testing.assert_array_equal(spikes, golden["s"])
    assert result.overflows is not None and result.overflows[:, 1].sum() > 100     # many wrap and saturate


@BOTH
def test_resonators(outside_data: OnDisk, engine: str) -> None:
    with np.load(outside_data("golden/fixed_point.npz")) as file:
        golden = {name.removeprefix("rf_"): file[name].astype(np.int64) for name in file if name.startswith("rf_")}
    crossing = (golden["im"] >= 0) & (np.vstack([np.zeros((1, 64), np.int64), golden["im"][:-1]]) < 0)
    threshold = float(golden["re"][crossing & (golden["s"] == 1)].min())
    codings = {"real": integers(24), "imag": integers(24), "a": integers(13, 12), "threshold": integers(16)}
    neurons = Population("neurons", "resonator", 64, {"a_real": golden["cos"] / 4096, "a_imag": golden["sin"] / 4096,
                                                      "threshold": threshold}, codings=codings)
    inputs = [Population(name, "input", 64, codings={"graded": integers(16)}) for name in ("re", "im")]
    joints = [Projection(name, "neurons", OneToOneWeights(np.full(64, 64.0)), port, coding=integers(8, -6))
              for name, port in (("re", "real"), ("im", "imag"))]
    machine = map_network(Network("rf", (*inputs, neurons), tuple(joints), ("neurons",)), make_chip())
    given = np.concatenate([golden["a_re"], golden["a_im"]], axis=1)[None]
    [result] = results(machine, given, numbers="fixed", engine=engine, detail="functional")
    spikes = np.zeros_like(golden["s"])
    spikes[result.spikes.step - machine.populations.stage[2], result.spikes.neuron] = 1
    np.testing.assert_array_equal(spikes, golden["s"])


def test_modes(outside_data: OnDisk) -> None:
    """Intel's integer S5 recurrence as neurons: Bu comes as packets, a floor takes it to the scale of the state."""
    with np.load(outside_data("golden/fixed_point.npz")) as file:
        golden = {name.removeprefix("ssm_"): file[name].astype(np.int64) for name in file if name.startswith("ssm_")}
    a_exponent, bu_exponent, x_exponent = (int(golden[f"{name}_exp"]) for name in ("A", "Bu", "x"))
    x = integers(16, x_exponent, rounding="floor")
    codings = {**dict.fromkeys(("real", "imag", "h", "graded_real", "graded_imag"), x), "a": integers(16, a_exponent)}
    a = {f"a_{part}": golden[f"A_{short}"] * 2.0**-a_exponent for part, short in (("real", "re"), ("imag", "im"))}
    neurons = Population("neurons", "mode", 96, a, codings=codings)
    given = [Population(name, "input", 96, codings={"graded": integers(16, bu_exponent)}) for name in ("re", "im")]
    joints = [Projection(name, "neurons", OneToOneWeights(np.ones(96)), port, coding=integers(8, 6))
              for name, port in (("re", "real"), ("im", "imag"))]
    network = Network("s5", (*given, neurons), tuple(joints), ("neurons",))
    bu = np.concatenate([golden["Bu_re"], golden["Bu_im"]], axis=1)[None] * 2.0**-bu_exponent
    updates = [update for update in BatchPass(lower_neurons(network), bu, "fixed").updates()
               if update.population == 2 and check_modes(update, golden)]
    assert len(updates) == 400


def check_modes(update: Update, golden: dict[str, np.ndarray]) -> bool:
    for row, part in enumerate(("re", "im")):
        np.testing.assert_array_equal(update.state[row, 0], golden[f"x_{part}"][update.token])
        np.testing.assert_array_equal(update.output[row, 0], golden[f"x_{part}"][update.token])
    return True
