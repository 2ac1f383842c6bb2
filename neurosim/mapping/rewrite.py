"""The network as options and chip want it: all rewrites, in the order in which they build on each other."""

from __future__ import annotations

from hw_models.schema import Chip
from neurosim.graph import Network
from neurosim.mapping.join import MARKERS
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.rewrites.expand import expand_channels, wants_expansion
from neurosim.mapping.rewrites.fold_b import fold_b
from neurosim.mapping.rewrites.fold_norms import fold_norms
from neurosim.mapping.rewrites.fold_pools import fold_pools
from neurosim.mapping.rewrites.max_tree import grow_trees
from neurosim.mapping.rewrites.relu_gates import rectify_gates
from neurosim.mapping.rewrites.sigma_delta import code_changes
from neurosim.mapping.rewrites.split_fan_in import split_fan_in


def rewritten(network: Network, options: MappingOptions, chip: Chip) -> Network:
    """Return the network as options and chip want it; what was rewritten once stays as it is.

    Raises
    ------
    OptionError            if a rewrite would leave formats behind that were made for another network
    """
    if options.fold_norms:
        network = fold_norms(network)
    if options.fold_b:
        network = fold_b(network)
    if wants_expansion(network, options.ssm, chip):
        network = expand_channels(network)
    if options.glu == "relu":
        network = rectify_gates(network)
    if options.max != "dendrite":
        network = grow_trees(network, options.max, chip)
    if chip.core.layer_memory is not None:
        network = fold_pools(network, chip.core.layer_memory.pool_sizes)
    if options.allow_fan_in_split:
        network = split_fan_in(network, chip)
    return code_changes(network, options.sigma_delta, chip, options.join == MARKERS)
