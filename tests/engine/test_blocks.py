"""Blocks of tokens at detail `functional`: the same results as the reference engine, which knows no blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import neurosim
from neurosim.engine.blocks import BLOCK_TOKENS, block_tokens
from neurosim.engine.count_tables import count_tables
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.machine import Machine
from tests.engine.results import differences, results

SIZE, N_MODES, N_TOKENS = 83, 4, 2 * BLOCK_TOKENS + 11      # vectors, halves and rests; blocks and a rest
CHIP = "generic-mesh"


def network() -> Network:
    """Return all state spaces in a chain, a delay, and a read-out of another model."""
    random = np.random.default_rng(3)

    def modes() -> dict[str, object]:
        a = 0.9 * np.exp(1j * random.uniform(0, 3, (SIZE, N_MODES)))
        c = random.normal(size=(SIZE, N_MODES, 2)) / N_MODES
        return {"a_real": a.real, "a_imag": a.imag, "b_real": random.normal(size=(SIZE, N_MODES)),
                "c_real": c[..., 0], "c_imag": c[..., 1], "d": random.normal(size=SIZE)}

    populations = (
        Population("input", "input", 7),
        Population("ssm", "ssm", SIZE, modes(), {"activation": "relu"}, n_modes=N_MODES),
        Population("step", "ssm_heaviside", SIZE, {**modes(), "threshold": 0.5}, n_modes=N_MODES),
        Population("lif", "ssm_lif", SIZE, {**modes(), "bias": 0.05 * (np.arange(SIZE) % 3)}, n_modes=N_MODES),
        Population("readout", "linear", 5))
    projections = (
        Projection("input", "ssm", DenseWeights(random.normal(size=(7, SIZE)))),
        Projection("ssm", "step", OneToOneWeights(random.normal(size=SIZE)), delay_steps=2),
        Projection("step", "lif", DenseWeights(random.normal(size=(SIZE, SIZE)) / 4)),
        Projection("input", "lif", DenseWeights(random.normal(size=(7, SIZE))), delay_steps=3),
        Projection("lif", "readout", DenseWeights(random.normal(size=(SIZE, 5)))))
    return Network("chain", populations, projections, ("readout",))


def inputs() -> np.ndarray:
    """Return two samples: values that stop, and a longer silence."""
    random = np.random.default_rng(4)
    values = random.normal(size=(2, N_TOKENS, 7)) * (random.random((2, N_TOKENS, 7)) < 0.3)
    values[0, N_TOKENS // 2:] = 0
    values[1, 3:] = 0
    return values


def machine(given: Network) -> Machine:
    """Return the machine with a soma for each channel."""
    return neurosim.map_network(given, CHIP, ssm="fused")


@pytest.mark.parametrize("numbers", ["float64", "float32", "fixed"])
@pytest.mark.parametrize("readout_tokens", [False, True])
def test_blocks_equal_the_reference(numbers: str, readout_tokens: bool) -> None:
    given = network()
    if numbers == "fixed":      # formats of a smaller input, so that states and charges overflow
        given = neurosim.quantize(given, CHIP, inputs() / 16, overrides=["mapping.ssm=fused"]).network
    placed = machine(given)
    assert block_tokens(placed, count_tables(placed)) == BLOCK_TOKENS
    compiled, expected = (results(placed, inputs(), engine=engine, detail="functional", numbers=numbers,
                                  readout_tokens=readout_tokens) for engine in ("compiled", "reference"))
    assert differences(compiled, expected) == []
    assert all(len(result.spikes.step) > 100 for result in compiled)
    if numbers == "fixed":
        assert any(result.overflows is not None and result.overflows.any() for result in compiled)


def test_steps_follow_each_other_where_blocks_would_be_wrong() -> None:
    """A loop, a rest and a reset each keep a machine from blocks."""
    chain = network()
    loop = Projection("lif", "ssm", DenseWeights(np.zeros((SIZE, SIZE))), delay_steps=1)
    reset = tuple(replace(each, reset_period=4) if each.name == "lif" else each for each in chain.populations)
    rest = tuple(replace(each, period=2) if each.name == "readout" else each for each in chain.populations)
    for other in (replace(chain, projections=(*chain.projections, loop)), replace(chain, populations=reset),
                  replace(chain, populations=rest)):
        placed = machine(other)
        assert block_tokens(placed, count_tables(placed)) == 0
