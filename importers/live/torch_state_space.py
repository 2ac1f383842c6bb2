"""Modules that say by themselves which network they are: trained state-space networks, and quantised ones.

Their neurons are no modules that could be watched (a state-space layer is evaluated as a convolution over the whole
sequence), so that they are read by their parameters, and their own forward runs to compare with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from importers.files.tensors import TensorFile
from importers.live.build import LiveNetwork
from importers.state_space import import_state_space, recognises
from neurosim.errors import DataError
from neurosim.graph import Network

# Attributes of a module or of its `config` that stand for what a weight file says in its metadata.
SETTINGS = ("kind", "tau", "delta_factor", "threshold", "comparator", "activation", "pooling", "norm", "prenorm",
            "norm_eps", "discretization")


def read_by_parameters(module: nn.Module, given: Tensor, name: str) -> LiveNetwork | None:
    """Return the network of a module that holds one, or whose parameters are those of a state-space network.

    Parameters
    ----------
    given : [sample, token, column]

    Raises
    ------
    DataError       inputs of another shape; a forward that raises
    NetworkError    parameters that do not go together
    """
    if isinstance(getattr(module, "network", None), Network) and callable(getattr(module, "to_network", None)):
        return _read_quantised(module, given)
    source = TensorFile(type(module).__name__, {key: values.detach().numpy() for key, values in
                                                module.state_dict().items()}, _settings(module))
    if not recognises(source):
        return None
    found = import_state_space(source, name=name)
    inputs = _checked(given, found.network)
    own = np.asarray(_forward(module, given.to(_type_of(module))).double().numpy())
    return LiveNetwork(found.network, inputs, {}, tuple(found.report.notes), own)


def _read_quantised(module: nn.Module, given: Tensor) -> LiveNetwork:
    """Read what `neurosim.export.to_torch` made; its forward tells every value."""
    network = module.to_network()
    inputs = _checked(given, network)
    with torch.no_grad():
        _, outputs = module(given.double(), record=True)
    spikes = {population: values.numpy() != 0 for (population, output), values in outputs.items()
              if network.population(population).model != "input"
              and network.population(population).output_kind(output) != "graded"}
    return LiveNetwork(network, inputs, spikes)


def _settings(module: nn.Module) -> dict[str, str]:
    """Return what the parameters do not say, as a weight file's metadata would."""
    found = {}
    for holder in (module, getattr(module, "config", None)):
        for name in SETTINGS:
            value = getattr(holder, name, None)
            if isinstance(value, str | int | float):
                found[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _checked(given: Tensor, network: Network) -> Any:
    n_columns = sum(population.size for population in network.inputs)
    if given.ndim != 3 or given.shape[2] != n_columns:
        raise DataError(f"inputs have shape {tuple(given.shape)}", allowed=f"(samples, tokens, {n_columns})")
    return np.ascontiguousarray(given.double().numpy())


def _type_of(module: nn.Module) -> torch.dtype:
    return next((values.dtype for values in module.parameters() if values.is_floating_point()), torch.float32)


def _forward(module: nn.Module, given: Tensor) -> Tensor:
    try:
        with torch.no_grad():
            answer = module(given)
    except Exception as error:              # whatever the user's own code raises
        raise DataError(f"{type(module).__name__}.forward raised {type(error).__name__}: {error}",
                        mend=f"it got a tensor of shape {tuple(given.shape)}") from error
    first = answer[0] if isinstance(answer, tuple) else answer
    if not isinstance(first, Tensor):
        raise DataError(f"{type(module).__name__}.forward returned {type(first).__name__}", allowed="a tensor")
    return first
