"""What a chip file holds, and in which ranges.

A chip is data: numbers with a source, limits and capabilities. Nothing here knows how it is simulated.
Every figure carries its unit in its key, an interval, a basis and a source (`hw_models/sources.yaml`).
The descriptions are what an error message tells the user to give.

Rules between fields stand in `hw_models.checks`; rules of one field stand here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hw_models.core_schema import Core
from hw_models.figures import Figure, Published, Strict

Sync = Literal["barrier", "tick", "free_running"]


class NocCosts(Strict):
    """Energy of one packet (or flit) over one link; time is in `Noc`."""

    hop_ew_pj: Figure = Field(description="the energy of a packet over an east-west link, in picojoules")
    hop_ns_pj: Figure = Field(description="the energy of a packet over a north-south link, in picojoules")
    flit_hop_ew_pj: Figure = Field(description="the energy of each flit over an east-west link, beside the packet's")
    flit_hop_ns_pj: Figure = Field(description="the energy of each flit over a north-south link, beside the packet's")
    tile_local_pj: Figure = Field(description="the energy of a packet from a router into a core, in picojoules")


class Noc(Strict):
    """Network-on-chip: input-buffered virtual cut-through routers.

    Zero load: inject + hops * (router + link) + router + eject + (flits - 1) * cycle.
    """

    topology: Literal["mesh", "torus"] = Field(description="the shape of the network")
    routing: Literal["xy", "yx"] = Field(description="the dimension that a packet travels first")
    columns: Annotated[int, Field(ge=1, le=1024, description="the tiles from west to east, e.g. 8")]
    rows: Annotated[int, Field(ge=1, le=1024, description="the tiles from north to south, e.g. 4")]
    cores_per_tile: Annotated[int, Field(ge=1, le=256, description="the cores that share a router, e.g. 4")]
    router_latency_ns: Published = Field(description="the time a packet's head takes through a router, in nanoseconds")
    link_latency_ew_ns: Published = Field(description="the time over an east-west link, in nanoseconds")
    link_latency_ns_ns: Published = Field(description="the time over a north-south link, in nanoseconds")
    eject_latency_ns: Published = Field(description="the time from a router into a core, in nanoseconds")
    link_cycle_ns: Published = Field(description="the time that one flit occupies a link, in nanoseconds")
    credit_latency_ns: Published = Field(description="the time until a freed buffer slot is known upstream, in ns")
    buffer_packets: Annotated[int, Field(ge=1, le=4096)] | Literal["unlimited"] = Field(
        description="the packets that an input port of a router holds, or `unlimited`"
    )
    multicast: Literal["none", "tree"] = Field(description="how one packet reaches many cores")
    flit_bits: Annotated[int, Field(ge=1, le=65536, description="the bits of a flit, e.g. 32")]
    header_bits: Annotated[int, Field(ge=1, le=65536, description="the bits of address and control, e.g. 32")]
    payload_bits: Annotated[
        int, Field(ge=0, le=64, description="the bits of the widest graded payload; 0 for binary spikes only")
    ]
    self_delivery: Literal["skip", "network"] = Field(
        description="whether packets that a core sends to itself pass its router"
    )
    costs: NocCosts | None = Field(
        description="what each event of the network costs, or null where `unpublished` says why that is not known"
    )


class Port(Strict):
    """A port through which packets enter or leave the chip, beside the router of a tile."""

    tile: Annotated[int, Field(ge=0, le=2**20, description="the tile beside which the port lies, e.g. 0")]
    packet_latency_ns: Published = Field(description="the time between two packets, in nanoseconds")
    packet_pj: Published = Field(description="the energy of a packet through the port, in picojoules")


class BarrierLatency(Strict):
    """Barrier latency when `tiles` tiles take part; between entries linear, outside the nearest."""

    tiles: Annotated[int, Field(ge=1, le=2**20, description="the number of tiles that take part, e.g. 32")]
    latency_ns: Figure = Field(description="the time of a barrier among so many tiles, in nanoseconds")


class Tick(Strict):
    """A clock that begins the time steps, whether or not the work of the last one is done."""

    period_ns: Figure = Field(description="the time between two ticks, in nanoseconds, e.g. 1000000")
    overrun: Literal["late", "error"] = Field(
        description="what a step does that is not done in time: `late` delays the next one, `error` stops the run"
    )


class FreeRunning(Strict):
    """No time steps: packets are served on arrival."""

    token_period_ns: Figure = Field(
        description="the time between two tokens of inputs without times of their own, in nanoseconds"
    )
    leak_clock_ns: Figure | None = Field(
        description="the period of the clock that updates neurons between events, or null where there is none"
    )
    markers: bool = Field(
        default=False, description="`true` where cores tell each other that a token is done, and wait for each other"
    )


class ChipBarrier(Strict):
    """Barrier latency when `chips` chips take part; between entries linear, outside the nearest."""

    chips: Annotated[int, Field(ge=2, le=2**20, description="the number of chips that take part, e.g. 32")]
    latency_ns: Figure = Field(description="the time of a barrier among so many chips, in nanoseconds")


class Grid(Strict):
    """Several equal chips side by side, whose meshes are joined by links between neighbours.

    A packet that crosses from one chip to the next pays the link between chips in place of a link of the mesh.
    """

    columns: Annotated[int, Field(ge=1, le=256, description="the chips from west to east, e.g. 4")]
    rows: Annotated[int, Field(ge=1, le=256, description="the chips from north to south, e.g. 8")]
    link_latency_ns: Figure = Field(description="the time over a link between two chips, in nanoseconds")
    link_cycle_ns: Figure = Field(description="the time that one flit occupies such a link, in nanoseconds")
    hop_pj: Figure = Field(description="the energy of a packet over such a link, in picojoules")
    flit_hop_pj: Figure = Field(description="the energy of each flit over such a link, beside the packet's")
    barrier: list[ChipBarrier] = Field(description="barrier latencies among chips, fewest chips first; may be empty")


class Clock(Strict):
    """A clock that takes power as long as it runs, whatever happens."""

    frequency_mhz: Annotated[
        float, Field(gt=0, le=1e5, description="the frequency at which the chip is run, in megahertz, e.g. 75")
    ]
    power_mw_per_mhz: Figure = Field(description="the power of the idle clock, in milliwatts per megahertz")


class NetworkLimits(Strict):
    """The neurons of a chip that is made for one network of inputs, hidden and read-out neurons."""

    input_neurons: Annotated[int, Field(ge=1, le=2**31, description="the most inputs, e.g. 16")]
    hidden_neurons: Annotated[int, Field(ge=1, le=2**31, description="the most neurons that are not read out")]
    readout_neurons: Annotated[int, Field(ge=1, le=2**31, description="the most neurons that are read out, e.g. 8")]


class Power(Strict):
    """Static power, never folded into an event's energy."""

    chip_idle_mw: Figure = Field(description="the power of the whole chip, always on, in milliwatts")
    core_active_mw: Figure = Field(description="the power of each core in use on top of that, in milliwatts")
    clock: Clock | None = Field(
        default=None, description="a clock whose power goes with its frequency, or null where it is in the idle power"
    )


class Chip(Strict):
    """A chip that need not exist."""

    name: str = Field(min_length=1, description="the chip's name; of a file in hw_models/chips, the file's stem")
    title: str = Field(description="one line that says what the chip is")
    process_nm: Annotated[float, Field(gt=0, le=1e6, description="the process node in nanometres, e.g. 14")]
    area_mm2: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        description="the die area in square millimetres, or null where unknown"
    )
    sync: Sync = Field(description="how time steps are kept together")
    nominal_step_ns: Published = Field(description="the duration of a time step at detail `functional`, in nanoseconds")
    tick: Tick | None = Field(default=None, description="the clock of the time steps; with `sync: tick` alone")
    free_running: FreeRunning | None = Field(
        default=None, description="how time goes without steps; with `sync: free_running` alone"
    )
    barrier: list[BarrierLatency] = Field(description="barrier latencies, fewest tiles first; empty without a barrier")
    barrier_pj: Published = Field(description="the energy of one barrier or tick, in picojoules")
    grid: Grid | None = Field(default=None, description="chips side by side, or null where there is one alone")
    power: Power = Field(description="the static power")
    input_port: Port = Field(description="the port through which packets enter the chip")
    output_port: Port = Field(description="the port through which packets leave the chip")
    noc: Noc = Field(description="the network-on-chip")
    core: Core = Field(description="the cores")
    missing: list[str] = Field(
        default=[], description="what no publication states, and what stands in for it, e.g. []"
    )
    network_limits: NetworkLimits | None = Field(
        default=None, description="the most inputs, hidden and read-out neurons of the chip, or null"
    )
    leaves_out: list[str] = Field(description="what the model does not cover, and where that bites")
    unpublished: str | None = Field(
        default=None, description="why there are no figures per event; such a chip maps networks but does not run them"
    )

    @property
    def n_tiles(self) -> int:
        """Tiles on the chip."""
        return self.noc.columns * self.noc.rows

    @property
    def n_cores(self) -> int:
        """Cores on the chip."""
        return self.n_tiles * self.noc.cores_per_tile

    @property
    def n_chips(self) -> int:
        """Chips of the grid; 1 without one."""
        return 1 if self.grid is None else self.grid.columns * self.grid.rows

    @property
    def n_grid_cores(self) -> int:
        """Cores of all chips of the grid."""
        return self.n_cores * self.n_chips
