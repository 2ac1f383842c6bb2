"""Trained networks keep every spike when imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from importers import import_network
from scenarios.digits.golden_io import load_golden
from tests.importers.state_dicts import evaluate
from tests.oracle.models import evaluate_network

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "scenarios" / "digits"
LAYERS = range(2)


def spike_key(kind: str, layer: int) -> tuple[str, str]:
    return (f"layer{layer}.ternary", "ternary") if kind == "gsu" else (f"layer{layer}.ssm", "spike")


@pytest.mark.parametrize("kind", ["lif", "binary", "gsu"])
def test_digits_scenario(kind: str) -> None:
    """BatchNorm before each block, folded; golden outcome stored with the scenario."""
    golden = load_golden(DIGITS / "golden" / f"{kind}.npz")
    pixels = np.load(DIGITS / "data.npz")["test_pixels"]
    network = import_network(DIGITS / "weights" / f"{kind}.safetensors").network
    for item in (0, 1, 359):
        values = evaluate_network(network, {"input": pixels[item, :, None] / 16})
        for layer in LAYERS:
            np.testing.assert_array_equal(values[spike_key(kind, layer)], golden.spikes[layer][item])
        np.testing.assert_allclose(values["readout", "graded"][-1], golden.logits[item], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("file", "kind"), [("digits_lif_h64_n16_l2", "lif"), ("digits_binary_h64_n16_l2", "binary"),
                                            ("digits_gsu_h64_n16_l2", "gsu"), ("mnist784_lif_h64_n16_l2", "lif")])
def test_networks_with_layer_norm(file: str, kind: str, outside_data: Callable[[str], Path]) -> None:
    """LayerNorm after each block, made of reduction neurons."""
    path = outside_data(f"ssm_trained/{file}.safetensors")
    network = import_network(path, norm="layer_post").network
    pixels = np.load(DIGITS / "data.npz")["test_pixels"]
    for item in (0, 7):
        x = pixels[item, :, None] / 16
        expected = evaluate(load_file(path), kind, "layer_post", x)
        values = evaluate_network(network, {"input": x})
        for layer in LAYERS:
            np.testing.assert_array_equal(values[spike_key(kind, layer)], expected.spikes[layer])
        np.testing.assert_allclose(values["readout", "graded"], expected.logits, rtol=1e-9, atol=1e-9)
