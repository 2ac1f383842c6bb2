"""Engines call the steps of a network's models by address; the steps of no other model are compiled.

A step runs once per population and token, or once per block of tokens, so that a call which is not inlined costs
nothing that could be measured.
"""

from typing import Any

import numpy as np
from numba import types
from numba.core import config
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype

from neurosim.pointers import address_of, call_plain, emitted_call

_OPTIONS, _CONSTANTS = types.Array(types.int32, 1, "C"), types.Array(types.int64, 1, "C")


def _table(dtype):
    return types.Array(dtype, 2, "C")


def _step_types(dtype):
    """Return the types of `registry.update` without its model."""
    return (_OPTIONS, types.int64, *[_table(dtype)] * 4, types.Array(types.uint8, 1, "C"))


def _block_types(dtype):
    """Return the types of a step by blocks, see `models.blocks`."""
    return (_OPTIONS, types.int64, *[_table(dtype)] * 5, _table(types.uint8))


def _fixed_step_types():
    """Return the types of `fixed.registry.update_fixed` without its model."""
    return (_CONSTANTS, _CONSTANTS, *_step_types(types.int64), types.int64)


def _fixed_block_types():
    """Return the types of a step by blocks in integers."""
    return (_CONSTANTS, _CONSTANTS, *_block_types(types.int64), _CONSTANTS, types.int64, types.int64)


def step_address(kernel: Any, dtype: np.dtype[Any]) -> int:
    """Return the address of a model's step for numbers of `dtype`, compiled or out of the cache."""
    if dtype == np.int64:
        return address_of(kernel, _fixed_step_types(), types.int64)
    return address_of(kernel, _step_types(from_dtype(dtype)), types.none)


def block_address(kernel: Any, dtype: np.dtype[Any]) -> int:
    """Return the address of a model's step by blocks."""
    wanted = _fixed_block_types() if dtype == np.int64 else _block_types(from_dtype(dtype))
    return address_of(kernel, wanted, types.none)


if config.DISABLE_JIT:
    call_step = call_block = call_fixed_step = call_fixed_block = call_plain
else:
    @intrinsic
    def call_step(_context, address, options, n_modes, parameters, state, charge, output, active):
        """Call the step at `address`; arguments as those of `registry.update`."""
        return (types.none(address, options, n_modes, parameters, state, charge, output, active),
                emitted_call(types.none, _step_types(parameters.dtype)))

    @intrinsic
    def call_block(_context, address, options, n_modes, parameters, state, charges, outputs, live, active):
        """Call the step by blocks at `address`; arguments as those of `blocks.step_block_ssm`."""
        return (types.none(address, options, n_modes, parameters, state, charges, outputs, live, active),
                emitted_call(types.none, _block_types(parameters.dtype)))

    @intrinsic
    def call_fixed_step(_context, address, constants, table, options, n_modes, parameters, state, charge, output,
                        active, first):
        """Call the integer step at `address`; arguments as those of `fixed.registry.update_fixed`."""
        return (types.int64(address, constants, table, options, n_modes, parameters, state, charge, output, active,
                            first), emitted_call(types.int64, _fixed_step_types()))

    @intrinsic
    def call_fixed_block(_context, address, constants, table, options, n_modes, parameters, state, charges, outputs,
                         live, active, overflow, first, draws):
        """Call the integer step by blocks at `address`; arguments as those of `blocks.step_fixed_block_ssm`."""
        return (types.none(address, constants, table, options, n_modes, parameters, state, charges, outputs, live,
                           active, overflow, first, draws), emitted_call(types.none, _fixed_block_types()))
