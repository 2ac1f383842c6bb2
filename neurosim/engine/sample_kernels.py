# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""One sample, in blocks of tokens where the machine allows it: the one way from Python into the compiled engine.

Both ways are compiled together, since they share the models.
"""

from __future__ import annotations

from neurosim.engine.block_kernels import run_in_blocks
from neurosim.engine.step_kernels import run_sample
from neurosim.kernel import driver


@driver
def run_any(tables, synapses, counts, fixed, network_tables, function, blocks, sample, times, recorded, readout,
            record_packets, output):
    """Run one sample; `blocks` without room means step by step. The rest as for `step_kernels.run_sample`."""
    if blocks.overflow.size > 0:
        return run_in_blocks(tables, synapses, counts, fixed, function, blocks, sample, times, recorded, readout,
                             output)
    return run_sample(tables, synapses, counts, fixed, network_tables, function, sample, times, recorded, readout,
                      record_packets, output)
