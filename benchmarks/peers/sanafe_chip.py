"""SANA-FE with its own Loihi: `w5_sanafe.py` runs this with the Python of an environment that has sanafe.

    python sanafe_chip.py NETWORK.npz N_STEPS TIMING_MODEL

Says when it is ready, then simulates from an empty chip for every line of stdin. Nothing of neurosim is imported.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib.metadata import version
from typing import Any

import numpy as np
import sanafe

CORE_SIZE, CORES_PER_TILE = 256, 4


def build(network: dict[str, Any], n_steps: int) -> tuple[Any, Any]:
    """Return the chip and the network, mapped: neuron n on core n // 256, the input neurons on input units."""
    chip = sanafe.load_loihi()
    net = sanafe.Network()
    n_inputs, n_neurons = network["raster"].shape[1], len(network["threshold"])
    raster = network["raster"][:n_steps].astype(bool)
    inputs = net.create_neuron_group("inputs", n_inputs)
    neurons = net.create_neuron_group("neurons", n_neurons - n_inputs, default_synapse_hw_name="loihi_dense_synapse",
                                      default_dendrite_hw_name="loihi_dendrites", soma_hw_name="loihi_lif")
    for number in range(n_inputs):
        inputs[number].set_attributes(soma_hw_name=f"loihi_inputs[{number % CORE_SIZE}]",
                                      model_attributes={"spikes": raster[:, number].tolist()})
        inputs[number].map_to_core(core_of(chip, number))
    for number in range(n_inputs, n_neurons):
        neurons[number - n_inputs].set_attributes(model_attributes={
            "threshold": float(network["threshold"][number]), "leak_decay": float(network["leak"]),
            "reset_mode": "hard"})
        neurons[number - n_inputs].map_to_core(core_of(chip, number))
    for group, first, stop in ((inputs, 0, n_inputs), (neurons, n_inputs, n_neurons)):
        chosen = (network["pre"] >= first) & (network["pre"] < stop)
        pairs = zip((network["pre"][chosen] - first).tolist(), (network["post"][chosen] - n_inputs).tolist(),
                    strict=True)
        group.connect_neurons_sparse(neurons, {"weight": network["weight"][chosen].astype(float).tolist()},
                                     list(pairs))
    return chip, net


def core_of(chip: Any, number: int) -> Any:
    """Return the core of a neuron."""
    tile, core = divmod(number // CORE_SIZE, CORES_PER_TILE)
    return chip.tiles[tile].cores[core]


def main() -> None:
    """Build, then simulate whenever asked."""
    path, n_steps, timing_model = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    with np.load(path, allow_pickle=False) as content:
        network = {name: content[name] for name in content.files}
    started = time.process_time()
    architecture, net = build(network, n_steps)
    print(json.dumps({"version": version("sanafe"), "build_s": time.process_time() - started}), flush=True)
    for _ in sys.stdin:
        # Inputs do not begin again when a chip is reset.
        chip = sanafe.SpikingChip(architecture)
        chip.load(net)
        started = time.process_time()
        found = chip.sim(timesteps=n_steps, timing_model=timing_model, processing_threads=1, scheduler_threads=0)
        cpu_s = time.process_time() - started
        print(json.dumps({
            "cpu_s": cpu_s, "fired": found["neurons_fired"], "synapses": found["spikes"],
            "messages": found["packets_sent"], "energy_j": found["energy"]["total"], "time_s": found["sim_time"],
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)


if __name__ == "__main__":
    main()
