"""Tensors of shapes that no network has: one clear error, whatever the key, or a network where the shape is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from importers.files.tensors import TensorFile
from importers.mimo.event_ssm import import_event_ssm
from importers.mimo.s5 import import_s5
from importers.state_space import import_state_space
from neurosim.errors import InputError, OptionError
from tests.importers import official
from tests.importers.official import TASKS, Tensors
from tests.importers.trees import event_ssm, s5

SMALL = TASKS["SC35"]._replace(n_layers=1, width=6, n_states=4)
SHAPES = ((), (0,), (3,), (1, 6), (2, 2), (0, 2), (1, 1, 1), (0, 4, 2), (6, 0, 2), (2, 6, 2, 2), (0, 6, 2, 2))
CASES: dict[str, tuple[Tensors, Callable[..., Any], dict[str, str]]] = {
    "SpikingSSM": (official.spiking_ssm(SMALL), import_state_space, {"norm": "batch_pre"}),
    "S4Block": (official.s4_block(both_ways=False, prenorm=True, n_layers=1, width=6), import_state_space, {}),
    "S4D": (official.alone(width=6), import_state_space, {}),
    "GSU": (official.gsu(own_weights=True, width=6), import_state_space, {}),
    "S5": (s5(family="batch", n_layers=1, width=6), import_s5, {"activation": "half_glu2"}),
    "S5 both ways": (s5(gate="full_glu", readers=("C1", "C2"), n_layers=1, width=6), import_s5, {}),
    "Event-SSM": (event_ssm(family="batch", widths=(6, 6, 4)), import_event_ssm, {}),
}


@pytest.mark.parametrize("case", list(CASES))
def test_any_shape_of_any_key(case: str) -> None:
    tensors, importer, options = CASES[case]
    n_refused = 0
    for key in tensors:
        for shape in SHAPES:
            for values in (np.ones(shape, np.float32), np.zeros(shape, np.int64)):
                try:
                    importer(TensorFile("net.pt", {**tensors, key: values}), **options)
                except InputError as error:
                    n_refused += 1
                    assert "net.pt" in str(error) or "layer" in str(error), (key, shape, str(error))
    assert n_refused > 15 * len(tensors)


@pytest.mark.parametrize("case", list(CASES))
def test_any_key_missing(case: str) -> None:
    tensors, importer, options = CASES[case]
    for key in tensors:
        rest = {name: values for name, values in tensors.items() if name != key}
        try:
            importer(TensorFile("net.pt", rest), **options)
        except OptionError:                 # what was chosen is not in the file
            assert key.endswith(("out2.kernel", "norms.0.running_mean"))
        except InputError as error:
            assert "net.pt" in str(error)
