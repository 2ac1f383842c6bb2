"""Every kernel against the plain-Python oracle and against itself uncompiled, bit for bit, on random numbers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.model_specs import MODEL_SPECS
from tests.models.tables import assert_same, random_tables

VARIANTS = [pytest.param(spec.name, dict(zip([a.name for a in spec.attributes], choice, strict=True)),
                         id="-".join((spec.name, *choice)))
            for spec in MODEL_SPECS[1:] for choice in itertools.product(*(a.choices for a in spec.attributes))]
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])


@DTYPES
@pytest.mark.parametrize(("model", "attributes"), VARIANTS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_update_equals_oracle(model: str, attributes: dict[str, str], dtype: Any, seed: int) -> None:
    tables = random_tables(model, seed, dtype, **attributes)
    for _ in range(3):
        expected = tables.copy().run_oracle()
        charge, parameters = tables.charge.copy(), tables.parameters.copy()
        tables.run()
        assert_same(tables, expected)
        np.testing.assert_array_equal(tables.charge, charge)
        np.testing.assert_array_equal(tables.parameters, parameters)


@DTYPES
@pytest.mark.parametrize(("model", "attributes"), VARIANTS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_compiled_equals_python(model: str, attributes: dict[str, str], dtype: Any, seed: int) -> None:
    tables = random_tables(model, seed, dtype, **attributes)
    assert_same(tables.copy().run_kernel(compiled=True), tables.copy().run_kernel(compiled=False))
    assert_same(tables.copy().run_kernel(compiled=True), tables.copy().run())


@DTYPES
@pytest.mark.parametrize("model", [spec.name for spec in MODEL_SPECS[1:]])
def test_active_needs_input_state_or_bias(model: str, dtype: Any) -> None:
    tables = random_tables(model, 1, dtype)
    tables.state[:], tables.charge[:] = 0, 0
    row = 0
    for parameter in tables.spec.parameters:
        n_rows = tables.n_modes if parameter.per_mode else 1
        if parameter.name.endswith("bias"):
            tables.parameters[row:row + n_rows] = 0
        row += n_rows
    assert not tables.copy().run().active.any()
    for table in ("charge", "state"):
        for row in range(len(getattr(tables, table))):
            touched = tables.copy()
            getattr(touched, table)[row] = 0.5
            assert touched.run().active.all(), (table, row)
