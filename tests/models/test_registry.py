"""The chain of `update` agrees with the declarations."""

from __future__ import annotations

import numpy as np

from neurosim.model_specs import MODEL_INDEX, MODEL_SPECS
from neurosim.models import registry
from tests.models.tables import random_tables


def test_a_kernel_for_every_model_in_order() -> None:
    assert list(registry.KERNELS) == [spec.name for spec in MODEL_SPECS if spec.name != "input"]


def test_constants_are_the_indices() -> None:
    for name, index in MODEL_INDEX.items():
        assert getattr(registry, name.upper()) == index


def test_kernels_are_named_after_their_models() -> None:
    for name, function in registry.KERNELS.items():
        assert function.__name__ == f"step_{name}"


def test_input_is_left_alone() -> None:
    tables = random_tables("linear", 3, np.float64)
    before = tables.output.copy()
    registry.update(MODEL_INDEX["input"], *tables.arguments())
    np.testing.assert_array_equal(tables.output, before)
