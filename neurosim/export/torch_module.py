"""A quantised network as a PyTorch module that computes what the fixed-point kernels compute, bit for bit.

    module = to_torch(network)                      # quantised: every population and projection has its codings
    optimiser = torch.optim.Adam(module.parameter_groups(lr=1e-3, slow_lr=1e-4))
    loss = cross_entropy(module(inputs), labels);   loss.backward();   optimiser.step();   module.clamp_()
    network = module.to_network()                   # the same codings, new weights and parameters

Integers are carried in float64, which holds them exactly below 2**53; what could exceed that is refused when the module
is made. Every forward quantises the present weights and parameters as the lowering does. Gradients pass roundings
straight through (`torch_arithmetic`), spikes by a triangle of `surrogate_width` around the firing level, look-up tables
by the functions they approximate. Populations are computed for all tokens at once, those in loops token by token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neurosim.errors import DataError, NetworkError, OptionError
from neurosim.export.order import evaluation_order, is_loop
from neurosim.export.scales import Codings, held
from neurosim.export.torch_gates import Glu, Gsu, Ternary
from neurosim.export.torch_integrate import Cuba, Lif, ScaledLif
from neurosim.export.torch_pass import Pass
from neurosim.export.torch_somata import Input, Somata, unsupported
from neurosim.export.torch_state_space import Ssm, SsmHeaviside, SsmLif
from neurosim.export.torch_sums import Center, Gelu, Integrator, LayerNorm, Linear, RunningMean
from neurosim.export.torch_synapses import Synapses
from neurosim.graph import Network

SOMATA: dict[str, Callable[[Codings, float], Somata]] = {
    "linear": Linear, "relu": Linear, "reduce": Linear, "gelu": Gelu, "center": Center, "layer_norm": LayerNorm,
    "integrator": Integrator, "running_mean": RunningMean, "lif": Lif, "cuba": Cuba, "ternary": Ternary, "glu": Glu,
    "gsu": Gsu, "ssm": Ssm, "ssm_heaviside": SsmHeaviside, "ssm_lif": SsmLif,
    "scaled_lif": ScaledLif,
}
# Parameters that shape the past: small changes add up over the tokens.
SLOW = ("a_real", "a_imag", "b_real", "b_imag", "leak", "current_leak")
Recorded = dict[tuple[str, str], Tensor]


def to_torch(network: Network, *, surrogate_width: float = 1.0) -> FixedPointNetwork:
    """Return a quantised network as a module. `surrogate_width`: see `FixedPointNetwork`."""
    return FixedPointNetwork(network, surrogate_width=surrogate_width)


class FixedPointNetwork(nn.Module):  # type: ignore[misc]
    """A quantised network with trainable weights and parameters, in the order of the network.

    Parameters
    ----------
    network : quantised
    surrogate_width : half the base of the triangle that stands for a spike's derivative, in units of the firing level

    Raises
    ------
    NetworkError    if formats are missing or do not go together, or a model is not supported
    OptionError     if float64 cannot hold all integers, with the arithmetic; if a format cannot be trained with
    """

    def __init__(self, network: Network, *, surrogate_width: float = 1.0) -> None:
        super().__init__()
        if not surrogate_width > 0:
            raise OptionError(f"surrogate_width = {surrogate_width}", allowed="above 0")
        if not network.is_quantised:
            raise NetworkError(f"network {network.name!r} is not quantised", mend="quantise it: neurosim quantize")
        self.network = network
        self.codings = [Codings(population) for population in network.populations]
        self.index = {population.name: number for number, population in enumerate(network.populations)}
        self.somata = nn.ModuleList(_somata(codings, surrogate_width) for codings in self.codings)
        self.synapses = nn.ModuleList(
            Synapses(item, self.codings[self.index[item.source]], self.codings[self.index[item.target]])
            for item in network.projections)
        self.order = [(group, is_loop(network, group)) for group in evaluation_order(network)]
        _check_periods(network)
        _check_changes(network)
        for name in (network.populations[group[0]].name for group, loops in self.order if loops):
            if network.population(name).direction == "reversed":
                raise NetworkError(f"population {name!r}: recurrence of neurons that take the tokens backward",
                                   allowed="recurrence in the order of the tokens")
        self._check_ports()

    def _check_ports(self) -> None:
        for population in self.network.populations:
            for port in population.spec.ports:
                given = [synapses.bound for item, synapses in zip(self.network.projections, self.synapses, strict=True)
                         if (item.target, item.port) == (population.name, port.name)]
                held(sum(given), f"population {population.name!r}: port {port.name!r}: sum of {len(given)} projections")

    def forward(self, inputs: Tensor, record: bool = False) -> Any:
        """Return the read-outs float64[sample, readout neuron] at the last token, spikes counted; in real units.

        Parameters
        ----------
        inputs : float64[sample, token, column], or an array of NumPy
        record : return also all outputs, (population, output) -> float64[sample, token, neuron] in real units
        """
        given = self._checked(inputs)
        integers = Pass(self, given).run()
        outputs = {(codings.population.name, output.name): values * codings.payload_scale(output.name)
                   for number, codings in enumerate(self.codings)
                   for output, values in zip(codings.population.spec.outputs, integers[number], strict=True)}
        readout = torch.cat([given.new_zeros(len(given), 0), *(self._answer(name, outputs)
                                                               for name in self.network.readouts)], 1)
        return (readout, outputs) if record else readout

    def _answer(self, name: str, outputs: Recorded) -> Tensor:
        """Return what a read-out says: its values at the last token, or its spikes counted."""
        population = self.network.population(name)
        output = population.spec.outputs[0].name
        values = outputs[name, output]
        return values[:, -1] if population.output_kind(output) == "graded" else values.sum(1)

    def to_network(self) -> Network:
        """Return the network with the present weights and parameters, and the codings it had."""
        def array(values: Tensor) -> Any:
            return np.ascontiguousarray(values.detach().cpu().numpy().copy(), np.float64)

        populations = tuple(
            replace(item, parameters={**item.parameters,
                                      **{name: array(values) for name, values in somata.named_parameters()}})
            for item, somata in zip(self.network.populations, self.somata, strict=True))
        projections = tuple(replace(item, weights=replace(item.weights, values=array(synapses.values)))
                            for item, synapses in zip(self.network.projections, self.synapses, strict=True))
        return replace(self.network, populations=populations, projections=projections)

    def clamp_(self) -> None:
        """Bring weights and parameters to where models and formats allow them; call it after every optimiser step.

        |a| below 1, leaks from 0 to 1, thresholds above 0, unless they were beyond before training; and everything
        within its format's range, beyond which it would have no gradient. Called before training, it changes no output.
        """
        for somata in self.somata:
            if isinstance(somata, Somata):
                somata.clamp_()
        with torch.no_grad():
            for synapses in self.synapses:
                low, high = synapses.limits()
                synapses.values.copy_(torch.minimum(torch.maximum(synapses.values, low), high))

    def parameter_groups(self, lr: float, slow_lr: float) -> list[dict[str, Any]]:
        """Return groups for an optimiser: poles, input gains and leaks learn with `slow_lr`, the rest with `lr`."""
        named = list(self.named_parameters())
        slow = [values for name, values in named if name.rsplit(".", 1)[-1] in SLOW]
        fast = [values for name, values in named if name.rsplit(".", 1)[-1] not in SLOW]
        return [{"params": fast, "lr": lr}, {"params": slow, "lr": slow_lr}]

    def _checked(self, inputs: Any) -> Tensor:
        """Return inputs as float64[sample, token, column]; raise DataError if they do not fit."""
        if any(values.dtype != torch.float64 for values in self.parameters()):
            raise OptionError("parameters are not float64", mend="module.double(): others do not hold the integers",
                              allowed="torch.float64")
        values = torch.as_tensor(inputs)
        n_columns = sum(population.size for population in self.network.inputs)
        if values.ndim != 3 or values.shape[2] != n_columns or 0 in values.shape[:2]:
            raise DataError(f"inputs have shape {tuple(values.shape)}", allowed=f"(samples, tokens, {n_columns})")
        if not torch.isfinite(values).all():
            raise DataError("inputs hold NaN or infinity", allowed="finite numbers")
        device = next((item.device for item in self.parameters()), values.device)
        return values.to(device=device, dtype=torch.float64)


def _check_changes(network: Network) -> None:
    coded = [population for population in network.populations if population.change_threshold is not None]
    if coded:
        raise NetworkError(f"population {coded[0].name!r} sends changes, for which there is no module here",
                           mend="train the network with values (change_threshold None), and set mapping.sigma_delta "
                                "when it is mapped")


def _check_periods(network: Network) -> None:
    resting = [population for population in network.populations if population.period != 1]
    if resting:
        raise NetworkError(f"population {resting[0].name!r}: period = {resting[0].period}: neurons that rest at tokens "
                           "cannot be trained here", allowed="1", mend="train it where it was made")
    emptied = [population for population in network.populations if population.reset_period]
    if emptied:
        raise NetworkError(f"population {emptied[0].name!r}: reset_period = {emptied[0].reset_period}: neurons whose "
                           "state is emptied within a sample cannot be trained here", allowed="0",
                           mend="give each stretch between two resets as a sample of its own")


def _somata(codings: Codings, width: float) -> nn.Module:
    model = codings.population.model
    if model == "input":
        return Input(codings)
    if model not in SOMATA:
        raise unsupported(codings)
    return SOMATA[model](codings, width)
