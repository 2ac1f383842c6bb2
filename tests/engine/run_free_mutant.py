"""Run fixed cases on the compiled engine of free-running chips with one rule turned round; print where they differ.

    NUMBA_DISABLE_JIT=1 python -m tests.engine.run_free_mutant MUTANT N_SEEDS

Mutants are made as in `run_mutant`. It stops at the first case that shows the mutant. Those of `TOKEN_MUTANTS` run
cases whose populations wait for whole tokens.
"""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Any

from neurosim.engine import (
    free_compiled,
    free_core_kernels,
    free_kernels,
    free_network_kernels,
    free_neuron_kernels,
    free_packet_kernels,
    free_token_kernels,
)
from neurosim.errors import SimulationError
from tests.engine.free_cases import FreeCase, fixed_free_case
from tests.engine.results import differences, results
from tests.engine.token_cases import TokenCase, fixed_token_case

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
              (free_packet_kernels, "_is_job_before", "return packet < 0 and state.node[job",
               "return packet >= 0 or state.node[job")),
    # touched neurons as they come, not by number
    "order": ((free_neuron_kernels, "deliver", "_sort(state.touched[:n_touched])", "pass"),),
    # the ordinal of a packet never rises
    "ordinal": ((free_packet_kernels, "send", "= ordinal + 1", "= ordinal"),),
}
TOKEN_MUTANTS: dict[str, tuple[tuple[ModuleType, str, str, str], ...]] = {
    "no token": (),
    # of two slices that may take a token in the same moment, the later one first
    "slices": ((free_packet_kernels, "_is_job_before", "N_POSITION] < state", "N_POSITION] > state"),),
    # a token more than there is room for
    "room": ((free_token_kernels, "enter_due", "_is_there(free, state, port, counter[N_ENTERED])",
              "_is_there(free, state, port, counter[N_ENTERED] - 1)"),),
    # a slice does not wait for the last token
    "early": ((free_token_kernels, "_is_there", "C_HEAD] <= token", "C_HEAD] < token"),),
    # the time goes on to the next token, not from the last one
    "clocked": ((free_token_kernels, "gone_ps", "times[token] - times[before] if before >= 0 else times[token]",
                 "times[min(token + 1, times.size - 1)] - times[token]"),),
    # read-outs by time
    "row": ((free_core_kernels, "_fire", "if free.scalar[F_SLOTS] > 0 else booked", "if False else booked"),),
}


def mutate(name: str) -> None:
    """Replace the functions that mutant `name` changes, wherever they are used."""
    for module, function, before, after in {**MUTANTS, **TOKEN_MUTANTS}[name]:
        source = getattr(module, function).mutated if hasattr(getattr(module, function), "mutated") \
            else inspect.getsource(getattr(module, function))
        assert source.count(before) == 1, f"{function} no longer holds {before!r}"
        body = source[source.index("def "):].replace(before, after)
        exec(body, vars(module))
        changed = getattr(module, function)
        changed.mutated = body
        for user in (free_core_kernels, free_kernels, free_network_kernels, free_neuron_kernels, free_packet_kernels,
                     free_token_kernels, free_compiled):
            if hasattr(user, function):
                setattr(user, function, changed)


def outcome(case: FreeCase | TokenCase, engine: str) -> Any:
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
        case = fixed_token_case(seed) if mutant in TOKEN_MUTANTS else fixed_free_case(seed)
        if differences(outcome(case, "compiled"), outcome(case, "reference")):
            print(seed)
            return


if __name__ == "__main__":
    main()
