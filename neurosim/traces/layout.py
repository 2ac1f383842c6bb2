"""Which datasets a trace holds, and what each of them means. Data only; no file is touched here.

    /                    attributes schema_version, complete, magic and version (SONATA)
    /provenance/<key>    strings: resolved network, chip (JSON), mapping, seed, versions, command, …
    /run                 attributes: schedule, interval, depth, detail, numbers, engine, mesh size, n_samples
    /mapping             where each core lies and what it holds
    /samples             one row per sample; the samples are laid end to end in time
    /steps               one row per time step, all samples in order; /steps/overflows in fixed-point runs only
    /cores               counts and times per step and core
    /links               packets and time per link, summed over the run; time per link and block of time steps, where
                         it was recorded: every sample begins a block
    /readout             read-out values per sample, and per token where they were recorded
    /spikes/<group>      SONATA spikes, one group per output; never compressed, since not every reader can inflate
    /packets             one row per packet and destination, where they were recorded

The rows of `/samples` are written after everything that belongs to them: they are the record of what is whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from neurosim.events import CHIP_EVENTS
from neurosim.traces.schema import RunHeader

SONATA_MAGIC = 0x0A7A
SONATA_VERSION = (0, 1)
SORTING = {"none": 0, "by_id": 1, "by_time": 2}
KINDS = ("spike", "ternary", "graded")       # of outputs, in the order of RunHeader.output_kind
NO_LABEL = -1
PS_PER_MS = 1_000_000_000


class Column(NamedTuple):
    """One dataset that grows by rows.

    name : path within the file
    dtype : NumPy type as text
    unit : of the values; "1" for counts and indices
    description : one line
    """

    name: str
    dtype: str
    unit: str
    description: str


SAMPLE_COLUMNS = (
    Column("samples/start_time_ps", "int64", "ps", "injection of token 0, from the start of the run"),
    Column("samples/n_tokens", "int64", "1", "tokens of the sample"),
    Column("samples/n_steps", "int64", "1", "time steps of the sample"),
    Column("samples/first_step", "int64", "1", "row of the sample's first time step in /steps and /cores"),
    Column("samples/prediction", "int64", "1", "index of the largest read-out value; -1 without a read-out"),
    Column("samples/label", "int64", "1", "index of the true class; -1 where none was given"),
)

STEP_COLUMNS = (
    Column("steps/end_ps", "int64", "ps", "end of the time step, barrier included, from the start of its sample"),
    Column("steps/network_ps", "int64", "ps", "last arrival of the time step, as the engine booked it"),
    *(Column(f"steps/{name}", "int64", "1", f"count of {name} in the time step") for name in CHIP_EVENTS),
)
# Absent from traces of earlier versions, and where the engine did not keep them.
LOAD_COLUMNS = (
    Column("steps/work_ps", "int64", "ps", "from the start of the time step until its work was done"),
    Column("steps/link_ps", "int64", "ps", "how long the busiest link was occupied in the time step"),
    Column("steps/link", "int64", "1", "the busiest link of the time step; -1 where no packet travelled"),
)
LATER_EVENTS = ("chip_hop", "flit_chip_hop")    # of CHIP_EVENTS; traces of earlier versions lack them: none happened
OVERFLOWS = Column("steps/overflows", "int64", "1", "values that did not fit their format [step, population]")

CORE_COUNTS = Column("cores/counts", "uint32", "1", "how often each event happened [step, core, event]")
CORE_TIMES = (
    Column("cores/soma_ps", "int64", "ps", "time spent in the soma phase [step, core]"),
    Column("cores/synapse_ps", "int64", "ps", "time spent on arrivals [step, core]"),
)
QUEUE_PEAK = Column("cores/queue_peak", "int64", "1", "longest injection queue of the run, in packets [core]")
LINK_COLUMNS = (
    Column("links/packets", "int64", "1", "packets over each link in the run [link]"),
    Column("links/busy_ps", "int64", "ps", "time each link was occupied in the run [link]"),
)

# Absent from traces of earlier versions, and where the engine did not keep them. Links that were idle are left out.
LINK_BLOCKS = Column("links/block_rows", "int64", "1", "rows of each block of time steps; attribute steps")
LINK_ROWS = (
    Column("links/block_link", "int32", "1", "links that were occupied in a block of time steps, ascending"),
    Column("links/block_busy_ps", "int64", "ps", "how long each of them was occupied in the block"),
)

READOUT = Column("readout/values", "float64", "1", "read-out at the last token [sample, readout neuron]")
READOUT_TOKENS = Column("readout/tokens", "float64", "1", "read-out at every token [token, readout neuron]")

SPIKE_COLUMNS = (
    Column("timestamps", "float64", "ms", "when the soma fired, from the start of the run"),
    Column("node_ids", "uint64", "1", "neuron within its population"),
    Column("step", "int32", "1", "machine time step within the sample"),
    Column("sample", "int64", "1", "row in /samples"),
)
SPIKE_VALUE = Column("value", "float64", "1", "sign of a ternary spike, or value of a graded output")

PACKET_COLUMNS = (
    Column("packets/sample", "int64", "1", "row in /samples"),
    Column("packets/step", "int32", "1", "machine time step within the sample"),
    Column("packets/packet", "int64", "1", "packet id within its step"),
    Column("packets/source_row", "int64", "1", "output row that sent it"),
    Column("packets/core", "int64", "1", "destination core"),
    Column("packets/inject_ps", "int64", "ps", "injection, from the start of the sample"),
    Column("packets/arrival_ps", "int64", "ps", "the tail left the ejection link, from the start of the sample"),
)

# Columns that traces of earlier versions lack.
LATER_COLUMNS = (*(column.name for column in LOAD_COLUMNS), *(f"steps/{name}" for name in LATER_EVENTS))
# Columns of the fixed tables that every reader may rely on: name -> number of dimensions.
REQUIRED: dict[str, int] = {
    **{column.name: 1 for column in (*SAMPLE_COLUMNS, *STEP_COLUMNS, *LINK_COLUMNS, QUEUE_PEAK)
       if column.name not in LATER_COLUMNS},
    **{column.name: 2 for column in (*CORE_TIMES, READOUT)},
    CORE_COUNTS.name: 3,
    "mapping/core_physical": 1,
    "mapping/core_tile": 1,
    "mapping/core_is_port": 1,
}
RUN_ATTRIBUTES = ("schedule", "interval", "depth", "detail", "numbers", "engine", "columns", "rows",
                  "cores_per_tile", "n_samples")
LATER_RUN_ATTRIBUTES = ("chip_columns", "chip_rows")    # 0 in traces of earlier versions: one chip
JSON_TABLES = ("population_names", "population_sizes", "output_names", "output_population", "output_kind",
               "readout_populations", "core_slices", "utilisation")


def spike_groups(header: RunHeader) -> tuple[str, ...]:
    """Return the group name of each output: its population, or `<population>.<output>` where it has several.

    A slash would nest groups, so that it becomes a dot.
    """
    return tuple(_group(header, output) for output in range(len(header.output_names)))


def _group(header: RunHeader, output: int) -> str:
    population = header.population_names[header.output_population[output]]
    alone = list(header.output_population).count(header.output_population[output]) == 1
    name = population if alone else f"{population}.{_last_part(header.output_names[output], population)}"
    return name.replace("/", ".")


def _last_part(output_name: str, population: str) -> str:
    return output_name.removeprefix(f"{population}/")


def chunk_rows(shape: Sequence[int], *, wanted_values: int) -> int:
    """Return rows per chunk, 1 to 2048, so that a chunk of rows of `shape` holds about `wanted_values` values."""
    width = 1
    for extent in shape:
        width *= max(1, extent)
    return min(2048, max(1, wanted_values // width))
