"""Run fixed cases on a compiled engine with one rule turned round; print the seeds where the engines then differ.

    NUMBA_DISABLE_JIT=1 python -m tests.engine.run_mutant MUTANT SEED...

Mutants are made by replacing text in the source of a kernel, so that they follow it as it changes; a replacement that
no longer matches is an error.
"""

from __future__ import annotations

import inspect
import sys

from neurosim.noc import buffered_kernels, stream_crossing, stream_kernels, unlimited_kernels, word_kernels
from tests.engine.cases import fixed_case
from tests.engine.results import differences, results

# no mutation: packets of one length travel as words however many share a tick
EVERYWHERE = (stream_kernels, "suits_streams", "latest >= TICKS_PER_PACKET * n_packets", "True")
MUTANTS = {
    "none": (),
    "none of words": (EVERYWHERE,),
    # finite buffers: of two requests of one time, the higher packet id starts
    "winner": ((buffered_kernels, "_queue_request", "packet < state.port[other, P_PACKET]",
                "packet > state.port[other, P_PACKET]"),),
    # the same where all packets have one length
    "winner of words": ((stream_kernels, "_queue_request", "word < state.port[other, P_HEAD]",
                         "word > state.port[other, P_HEAD]"), EVERYWHERE),
    # unlimited buffers: requests of one tick in falling order of packet ids
    "group": ((unlimited_kernels, "_group", "PACKET] < packet", "PACKET] > packet"),),
    # the same where all packets have one length
    "serve": ((word_kernels, "_serve", "words.word[other] < words.word[place]",
               "words.word[other] > words.word[place]"),),
    # a slot is given back one tick late
    "credit": ((buffered_kernels, "_leave_port", "= time + tables.scalar[CREDIT]",
                "= time + tables.scalar[CREDIT] + 1"),),
    "credit of words": ((stream_crossing, "_release", "= time + tables.scalar[CREDIT]",
                         "= time + tables.scalar[CREDIT] + 1"), EVERYWHERE),
}


def mutate(name: str) -> None:
    """Replace the functions that mutant `name` changes."""
    for module, function, before, after in MUTANTS[name]:
        source = inspect.getsource(getattr(module, function))
        assert source.count(before) == 1, f"{function} no longer holds {before!r}"
        body = source[source.index("def "):].replace(before, after)
        exec(body, vars(module))
    buffered_kernels.suits_streams = stream_kernels.suits_streams


def main() -> None:
    """Mutate, run, print."""
    mutant, *seeds = sys.argv[1:]
    mutate(mutant)
    for seed in map(int, seeds):
        case = fixed_case(seed)
        compiled = results(case.machine, case.inputs, engine="compiled")
        if differences(compiled, results(case.machine, case.inputs, engine="reference")):
            print(seed)


if __name__ == "__main__":
    main()
