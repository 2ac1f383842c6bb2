"""One network in one set of formats, against itself in float64: accuracy, spikes that differ, overflows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.calibrate import measure
from neurosim.engine.batch import BatchPass, Update
from neurosim.errors import InputError
from neurosim.graph import Network
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.quantize import quantize_network
from neurosim.mapping.quantize_options import QuantizeOptions
from neurosim.mapping.quantize_rules import ChipBits
from neurosim.mapping.ranges import Statistics
from neurosim.mapping.rewrites.fold_b import fold_b as with_b_in_c
from scenarios.precision.networks import Case
from scenarios.precision.variants import Variant

# No chip limits the sweep: the variants name all bits.
UNLIMITED: ChipBits = {role: ("the study", 62) for role in
                       ("weight", "gain", "parameter", "state", "internal", "charge", "payload")}


class Reference(NamedTuple):
    """The float run: correct images, and the spikes of each layer, int8[layer][image, token, neuron]."""

    correct: int
    spikes: list[NDArray[np.int8]]


class Subject:
    """A network of the study, its ranges on the calibration images and its float run, computed when first needed."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._ranges: dict[bool, Statistics] = {}
        self._reference: Reference | None = None

    @property
    def reference(self) -> Reference:
        """The float run."""
        if self._reference is None:
            case = self.case
            size = case.network.populations[case.spiking[0]].size
            spikes = [np.zeros((*case.inputs.shape[:2], size), np.int8) for _ in case.spiking]

            def watch(update: Update) -> None:
                if update.population in case.spiking:
                    spikes[case.spiking.index(update.population)][update.samples, update.token] = update.output[0]

            result = BatchPass(lower_neurons(case.network), case.inputs).run(watch)
            self._reference = Reference(self.correct(result.readout), spikes)
        return self._reference

    def quantized(self, options: QuantizeOptions, fold_b: bool = False, bits: ChipBits = UNLIMITED) -> Network:
        """Return the network with formats; raise InputError where there are none."""
        network = with_b_in_c(self.case.network) if fold_b else self.case.network
        return quantize_network(network, bits, self.ranges(fold_b), options)

    def ranges(self, fold_b: bool) -> Statistics:
        """Return the magnitudes of all quantities on the calibration images."""
        if fold_b not in self._ranges:
            network = with_b_in_c(self.case.network) if fold_b else self.case.network
            self._ranges[fold_b] = measure(network, self.case.calibration)
        return self._ranges[fold_b]

    def range_row(self) -> dict[str, Any]:
        """Return the largest |h| of the channels of each layer: the least, the median and the most of them."""
        names = [item.name for item in self.case.network.populations if item.model.startswith("ssm")]
        row: dict[str, Any] = {"network": self.case.name}
        for key, fold_b in (("kept", False), ("folded", True)):
            largest = [self.ranges(fold_b)[name]["h"].largest for name in names]
            row[key] = [[float(f"{value:.3g}") for value in np.percentile(layer, (0, 50, 100))] for layer in largest]
        return row

    def correct(self, readout: NDArray[np.float64]) -> int:
        """Return how many images are classified correctly."""
        return int(np.count_nonzero(readout.argmax(axis=1) == self.case.labels))

    def float_row(self) -> dict[str, Any]:
        """Return the row of the float run: correct images, and each layer's spikes (of 1 and -1)."""
        return {"network": self.case.name, "images": len(self.case.inputs), "tokens": self.case.inputs.shape[1],
                "neurons": int(self.reference.spikes[0].shape[2]), "correct": self.reference.correct,
                "spikes": [int(np.count_nonzero(layer)) for layer in self.reference.spikes]}

    def row(self, variant: Variant) -> dict[str, Any]:
        """Return the row of a variant: counts, or why it cannot be had."""
        row: dict[str, Any] = {"network": self.case.name, "series": variant.series, "setting": variant.setting}
        try:
            network = self.quantized(variant.options, variant.fold_b)
            return {**row, **self.counts(network)}
        except InputError as error:
            return {**row, "refused": str(error).splitlines()[0]}

    def counts(self, network: Network) -> dict[str, Any]:
        """Return correct images, spikes that differ from the float run by layer, and overflows."""
        case, reference = self.case, self.reference
        different = [0] * len(case.spiking)

        def watch(update: Update) -> None:
            if update.population in case.spiking:
                layer = case.spiking.index(update.population)
                expected = reference.spikes[layer][update.samples, update.token]
                different[layer] += int(np.count_nonzero(update.output[0] != expected))

        result = BatchPass(lower_neurons(network), case.inputs, "fixed").run(watch)
        return {"correct": self.correct(result.readout), "different": different,
                "overflows": int(result.overflows.sum())}
