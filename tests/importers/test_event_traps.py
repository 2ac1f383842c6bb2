"""What Event-SSM networks expect of recordings, and do that one would not expect: a test for each trap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from importers.files.tensors import TensorFile
from importers.mimo.event_inputs import dvs_tokens, event_inputs
from importers.mimo.event_ssm import import_event_ssm
from neurosim.errors import DataError
from neurosim.graph import Network
from tests.importers.passes import Array, values_of
from tests.importers.trees import Tensors, event_ssm
from tests.oracle.mimo_networks import Form, run_events

TIMES = np.array([0.0, 500.0, 2500.0, 2500.0, 4000.0, 4250.0, 9000.0])      # microseconds
TOKENS = np.array([3, 0, 7, 19, 3, 5, 11])


def readout(net: Network, x: Array) -> Array:
    return values_of(net, x, "readout")["readout", "graded"]


def event_network() -> tuple[Tensors, Network]:
    tensors = event_ssm()
    return tensors, import_event_ssm(TensorFile("net.npz", tensors)).network


def test_event_trap_i_the_interval_is_the_one_after_the_event() -> None:
    """In ms; the last event is dropped. With the intervals before the events, the result is another."""
    x = event_inputs(TOKENS, TIMES, 20)
    assert x[:, 20].tolist() == [0.5, 2.0, 0.0, 1.5, 0.25, 4.75]
    assert x[:, :20].argmax(axis=1).tolist() == TOKENS[:-1].tolist()
    tensors, net = event_network()
    expected = run_events(tensors, Form("async"), TOKENS[:-1], np.diff(TIMES) / 1000)
    np.testing.assert_allclose(readout(net, x), expected.output, rtol=1e-9, atol=1e-9)
    before = x.copy()
    before[:, 20] = np.concatenate([[0], x[:-1, 20]])
    assert not np.allclose(readout(net, before), expected.output, atol=1e-3)


@pytest.mark.parametrize("n_tokens", [16, 19])
def test_event_trap_ii_the_first_token_of_a_window_goes_on(n_tokens: int) -> None:
    """Not the last one; their intervals are summed, and a window that is cut short is dropped."""
    tensors = event_ssm(widths=(8, 8))      # one stage: the first layer pools, the second takes one token in 4
    net = import_event_ssm(TensorFile("net.npz", tensors), pooling_stride=4, pooling="last").network
    random = np.random.default_rng(1)
    symbols, intervals = random.integers(0, 20, n_tokens), random.exponential(1.0, n_tokens)
    x = np.column_stack([np.eye(20)[symbols], intervals])
    found = values_of(net, x, "layer0.modes", "layer0.y", "layer0.interval", "layer0.norm")
    assert net.population("layer0.modes").period == 1 and net.population("layer1.modes").period == 4
    space = {key.split("S5SSM_0.")[1]: values.astype(float) for key, values in tensors.items()
             if "SequenceLayer_0.S5SSM_0." in key}
    c, modes = space["C"], [found["layer0.modes", part] for part in ("graded_real", "graded_imag")]
    for window in range(n_tokens // 4):
        first, last = 4 * window, 4 * window + 3
        np.testing.assert_allclose(found["layer0.interval", "graded"][last, 0], intervals[first:last + 1].sum())
        states = modes[0][first], modes[1][first]
        y = 2 * (c[..., 0] @ states[0] - c[..., 1] @ states[1]) + space["D"] * found["layer0.norm", "graded"][first]
        np.testing.assert_allclose(found["layer0.y", "graded"][last], y, rtol=1e-9, atol=1e-9)
    expected = run_events(tensors, Form("async", pooling="last", stride=4), symbols, intervals)
    assert len(expected.output) == 4
    np.testing.assert_allclose(readout(net, x)[3::4], expected.output, rtol=1e-9, atol=1e-9)


def test_event_trap_iii_the_token_of_a_camera_event_is_a_product() -> None:
    tokens = dvs_tokens([3, 127], [5, 2], [0, 1], (128, 128))
    assert tokens.tolist() == [15, 254 + 128 * 128]


def test_event_trap_iv_padding_is_a_token_without_a_symbol() -> None:
    """Token -1: a zero vector from the encoder, an interval of 0, and so no change of any state before a bias."""
    tensors, net = event_network()
    x = event_inputs(TOKENS, TIMES, 20, n_tokens=9)
    assert not x[6:].any()
    found = values_of(net, x, "encoder", "layer0.modes")
    assert not found["encoder", "graded"][6:].any()
    expected = run_events(tensors, Form("async"), np.append(TOKENS[:-1], [-1] * 3), np.append(
        np.diff(TIMES) / 1000, [0.0] * 3))
    np.testing.assert_allclose(readout(net, x), expected.output, rtol=1e-9, atol=1e-9)
    given = event_inputs([3, -1, 4, -1], [0, 1000, 2000, 3000], 20)
    assert given[1].tolist() == [0.0] * 21 and given[2, 4] == 1


@pytest.mark.parametrize(("change", "words"), [
    ({"tokens": [1, 20]}, "tokens reach 1 to 20\n  allowed: -1 .padding. to 19"), ({"tokens": [1]}, "as many of both"),
    ({"times_us": [5, 4]}, "do not ascend"), ({"n_tokens": 0}, None), ({"tokens": [-2, 1]}, "tokens reach -2")])
def test_events_outside_their_range(change: dict[str, Any], words: str | None) -> None:
    given = {"tokens": [1, 2], "times_us": [0, 1], "n_symbols": 20, **change}
    with pytest.raises(DataError, match=words or "1 events for n_tokens = 0"):
        event_inputs(**given)
