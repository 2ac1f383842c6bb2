"""Run fixed cases on the compiled engine of free-running chips with one rule turned round; print where they differ.

    NUMBA_DISABLE_JIT=1 python -m tests.engine.run_free_mutant MUTANT N_SEEDS

Mutants are made as in `run_mutant`. It stops at the first case that shows the mutant.
"""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Any

from neurosim.engine import (
    free_core_kernels,
    free_kernels,
    free_network_kernels,
    free_neuron_kernels,
    free_packet_kernels,
)
from neurosim.errors import SimulationError
from tests.engine.free_cases import FreeCase, fixed_free_case
from tests.engine.results import differences, results

MUTANTS: dict[str, tuple[tuple[ModuleType, str, str, str], ...]] = {
    "none": (),
    # jobs of one arrival: the higher packet id first
    "jobs": ((free_packet_kernels, "_is_job_before", "is_before(state.packet, packet, other)",
              "is_before(state.packet, other, packet)"),),
    # requests of one moment: the higher packet id first
    "links": ((free_network_kernels, "_request",
               "is_before(state.packet, nodes[node, N_PACKET], nodes[before, N_PACKET])",
               "is_before(state.packet, nodes[before, N_PACKET], nodes[node, N_PACKET])"),),
    # ticks after the packets that arrive with them
    "clock": ((free_packet_kernels, "_is_job_before", "packet < 0 or is_before", "packet >= 0 and is_before"),
              (free_packet_kernels, "_is_job_before", "    if other < 0:\n        return False\n",
               "    if other < 0:\n        return True\n")),
    # touched neurons as they come, not by number
    "order": ((free_neuron_kernels, "deliver", "_sort(state.touched[:n_touched])", "pass"),),
    # the ordinal of a packet never rises
    "ordinal": ((free_packet_kernels, "send", "= ordinal + 1", "= ordinal"),),
}


def mutate(name: str) -> None:
    """Replace the functions that mutant `name` changes, wherever they are used."""
    for module, function, before, after in MUTANTS[name]:
        source = getattr(module, function).mutated if hasattr(getattr(module, function), "mutated") \
            else inspect.getsource(getattr(module, function))
        assert source.count(before) == 1, f"{function} no longer holds {before!r}"
        body = source[source.index("def "):].replace(before, after)
        exec(body, vars(module))
        changed = getattr(module, function)
        changed.mutated = body
        for user in (free_core_kernels, free_kernels, free_network_kernels, free_neuron_kernels, free_packet_kernels):
            if hasattr(user, function):
                setattr(user, function, changed)


def outcome(case: FreeCase, engine: str) -> Any:
    """Return the results, or the message with which the run was given up."""
    try:
        return results(case.machine, case.inputs, times_ps=case.times_ps, engine=engine, **case.options)
    except SimulationError as error:
        return str(error)


def main() -> None:
    """Mutate, run, print."""
    mutant, n_seeds = sys.argv[1], int(sys.argv[2])
    mutate(mutant)
    for seed in range(n_seeds):
        case = fixed_free_case(seed)
        if differences(outcome(case, "compiled"), outcome(case, "reference")):
            print(seed)
            return


if __name__ == "__main__":
    main()
