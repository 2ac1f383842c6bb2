"""`mapping.ssm=expanded`: a neuron for each complex mode of an S4D channel, in place of one soma that holds them all.

Channel j of a population `ssm`, `ssm_heaviside` or `ssm_lif` with M modes becomes

    <name>.modes    M neurons `ssm` of one mode each, y_n = 2 Re c_n h_n, and one without a state for d x, unless all d
                    are 0; each takes what the channel took, and sends one graded value a token
    <name>          sums them, and fires as the channel did: `linear`, `relu` or `gelu`; `lif` that forgets at once, for
                    the Heaviside; `scaled_lif`

Where several synapses reach a channel, `<name>.input` (`linear`) sums them first, since each would be needed M + 1
times. The sums are those of the fused soma in the same order (modes ascending, then d x; times 2 is exact), so that
float64 gives the same bits.

Source: Meyer et al., "A Diagonal Structured State Space Model on Loihi 2 for Efficient Streaming Sequence Processing",
arXiv 2409.15022; lava-nc/lava b6822fbc, `src/lava/proc/s4d`: expansion, one neuron per mode that sends 2 Re(c h),
reduction.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from hw_models.schema import Chip
from neurosim.errors import OptionError
from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    FloatArray,
    IntArray,
    Network,
    OneToOneWeights,
    Population,
    Projection,
    SparseWeights,
    Weights,
)

MODELS = ("ssm", "ssm_heaviside", "ssm_lif")
MODES, INPUT = ".modes", ".input"
_OF_MODES = ("a_real", "a_imag", "b_real", "b_imag", "c_real", "c_imag")
# What the channel's soma does with y.
_CURVES = {"none": "linear", "relu": "relu", "gelu": "gelu"}


def wants_expansion(network: Network, choice: str, chip: Chip) -> bool:
    """Return whether the channels of `network` are to be expanded; `auto` is what the chip prefers.

    Fused channels that have formats stay fused under `auto`, with a warning: their formats are those of one soma.
    """
    fused = [population for population in network.populations if is_fused(population)]
    if choice != "auto" or not fused:
        return choice == "expanded" and bool(fused)
    if chip.core.state_space == "fused":
        return False
    coded = [population.name for population in fused if population.codings]
    if coded and chip.core.capabilities.complex_state:
        warnings.warn(f"chip {chip.name} prefers expanded state-space channels; {', '.join(coded)} have formats of "
                      "fused ones and stay fused (quantise with mapping.ssm=expanded to have them expanded)",
                      UserWarning, stacklevel=4)
        return False
    return True


def is_fused(population: Population) -> bool:
    """Return whether one soma of the population holds several complex modes."""
    return population.model in MODELS and population.n_modes > 1


def expand_channels(network: Network) -> Network:
    """Return the network with every fused channel expanded.

    Raises
    ------
    OptionError            if a channel has formats, which were made for one soma
    NetworkError           if a name that is needed is taken
    """
    channels = {item.name: _Channels(item, network) for item in network.populations if is_fused(item)}
    populations = [new for item in network.populations
                   for new in (channels[item.name].populations() if item.name in channels else [item])]
    projections: list[Projection] = []
    for projection in network.projections:
        into = channels.get(projection.target)
        projections += [projection] if into is None else into.fed_by(projection)
    for item in channels.values():
        projections += item.within()
    return replace(network, populations=tuple(populations), projections=tuple(projections))


class _Channels:
    """One population of fused channels, and what it becomes."""

    def __init__(self, population: Population, network: Network) -> None:
        if population.codings:
            raise OptionError(f"mapping.ssm=expanded with population {population.name!r}, which has formats of a fused "
                              "channel already", allowed="a network that is not quantised, or mapping.ssm=fused",
                              mend="quantise the network expanded: neurosim quantize --set mapping.ssm=expanded")
        self.population = population
        self.skips = bool(np.any(population.parameters["d"] != 0))
        self.n_each = population.n_modes + self.skips
        n_synapses = sum(item.weights.n_synapses for item in network.projections if item.target == population.name)
        self.gathers = n_synapses > population.size

    def populations(self) -> Iterator[Population]:
        """Yield the populations in the place of the fused one."""
        name, bias = self.population.name, self.population.parameters["bias"]
        if self.gathers:
            yield self._alike(name + INPUT, "linear", self.population.size, {"bias": bias})
            bias = np.zeros_like(bias)
        yield self._alike(name + MODES, "ssm", self.population.size * self.n_each, self._of_modes(bias), n_modes=1)
        yield self._firing()

    def fed_by(self, projection: Projection) -> list[Projection]:
        """Return what a projection into the fused population becomes."""
        if self.gathers:
            return [replace(projection, target=projection.target + INPUT, port="input")]
        weights, delay_steps = _repeated(projection, self.n_each)
        return [replace(projection, target=projection.target + MODES, weights=weights, delay_steps=delay_steps)]

    def within(self) -> list[Projection]:
        """Return the projections between the new populations."""
        name, size, n_each = self.population.name, self.population.size, self.n_each
        reduction = SparseWeights(np.arange(size * n_each + 1), np.repeat(np.arange(size), n_each),
                                  np.ones(size * n_each), size)
        found = [Projection(name + MODES, name, reduction, name=f"{name}:reduction")]
        if self.gathers:
            expansion = SparseWeights(np.arange(size + 1) * n_each, np.arange(size * n_each), np.ones(size * n_each),
                                      size * n_each)
            found.insert(0, Projection(name + INPUT, name + MODES, expansion, name=f"{name}:expansion"))
        return found

    def _of_modes(self, bias: FloatArray) -> dict[str, FloatArray]:
        """Return parameters channel by channel, modes ascending, behind them the neuron that sends d x."""
        given = self.population.parameters
        width = ((0, 0), (0, int(self.skips)))
        found = {name: np.pad(given[name], width).reshape(-1, 1) for name in _OF_MODES}
        d = np.zeros((self.population.size, self.n_each))
        if self.skips:
            d[:, -1] = given["d"]
        return {**found, "d": d.reshape(-1), "bias": np.repeat(bias, self.n_each)}

    def _firing(self) -> Population:
        """Return the population that sums and fires; it has the name of the fused one."""
        item = self.population
        if item.model == "ssm":
            firing = self._alike(item.name, _CURVES[item.attributes["activation"]], item.size, {})
            return replace(firing, change_threshold=item.change_threshold)
        values = {"threshold": item.parameters["threshold"], "leak": item.parameters.get("leak", 0.0)}
        model = "scaled_lif" if item.model == "ssm_lif" else "lif"
        return self._alike(item.name, model, item.size, values, {"comparator": item.attributes["comparator"]})

    def _alike(self, name: str, model: str, size: int, parameters: Mapping[str, object],
               attributes: Mapping[str, str] | None = None, n_modes: int = 0) -> Population:
        item = self.population
        return Population(name, model, size, parameters, attributes or {}, n_modes, direction=item.direction,
                          period=item.period, reset_period=item.reset_period, reset_offset=item.reset_offset)


def _repeated(projection: Projection, n_each: int) -> tuple[Weights, int | IntArray]:
    """Return weights in which every target neuron stands `n_each` times, and their delays."""
    weights, delay = projection.weights, projection.delay_steps
    if isinstance(weights, DenseWeights):
        return DenseWeights(np.repeat(weights.values, n_each, axis=1)), delay
    if isinstance(weights, OneToOneWeights):
        size = len(weights.values)
        weights = SparseWeights(np.arange(size + 1), np.arange(size), weights.values, size)
    elif isinstance(weights, ConvolutionWeights):
        weights = weights.unrolled()
    targets = (weights.targets[:, None] * n_each + np.arange(n_each)).reshape(-1)
    repeated = SparseWeights(weights.row_pointer * n_each, targets, np.repeat(weights.values, n_each),
                             weights.n_post * n_each)
    return repeated, delay if np.ndim(delay) == 0 else np.repeat(np.asarray(delay), n_each)
