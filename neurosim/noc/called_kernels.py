"""The network of a step by address: with back-pressure or without, whichever the machine has.

The other one is not compiled; each takes a fifth of what the whole engine takes.
"""

from typing import Any

import numba
from numba import types
from numba.core import config
from numba.extending import intrinsic

from neurosim.machine import UNLIMITED
from neurosim.noc.buffered_kernels import run_buffered
from neurosim.noc.state_kernels import BUFFER_PACKETS, NetworkTables, Traffic, make_state
from neurosim.noc.unlimited_kernels import run_unlimited
from neurosim.pointers import address_of, call_plain, emitted_call

_ROW, _TABLE = types.Array(types.int64, 1, "C"), types.Array(types.int64, 2, "C")
_BY_COLUMN = types.Array(types.int64, 2, "F")
_TRAFFIC = types.NamedTuple((_BY_COLUMN, _ROW), Traffic)


def _types(tables: Any) -> tuple[Any, ...]:
    """Return the types of `run_buffered`; tables : that of its first argument."""
    sizes = (types.int64,) * 6
    make_state.compile(sizes)
    state = make_state.overloads[sizes].signature.return_type
    return tables, _TRAFFIC, types.int64, state, _BY_COLUMN, _TABLE, _ROW


def network_address(tables: NetworkTables) -> int:
    """Return the address of the kernel for this network."""
    kernel = run_unlimited if tables.scalar[BUFFER_PACKETS] == UNLIMITED else run_buffered
    return address_of(kernel, () if config.DISABLE_JIT else _types(numba.typeof(tables)), types.int64)


if config.DISABLE_JIT:
    call_network = call_plain
else:
    @intrinsic  # type: ignore[untyped-decorator]
    def call_network(_context: Any, address: Any, tables: Any, traffic: Any, n_packets: Any, state: Any, sinks: Any,
                     loads: Any, queue_peak: Any) -> Any:
        """Call the kernel at `address`; arguments and result as those of `run_buffered`."""
        return (types.int64(address, tables, traffic, n_packets, state, sinks, loads, queue_peak),
                emitted_call(types.int64, _types(tables)))
