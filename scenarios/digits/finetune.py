"""Quantise one of the digit networks to few bits, train what that cost it back, and write it as a network again.

Needs PyTorch, safetensors and scikit-learn. Run from the repository root:

    python -m scenarios.digits.finetune --kind lif --bits weight=4 gain=4

The formats are chosen once, on the calibration images; training moves weights and parameters within them. The module
that is trained computes what the chip computes, bit for bit. The accuracy is that of the last epoch: nothing is
selected on the test data.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch
from torch import Tensor
from torch.nn import functional

from hw_models.load import load_chip
from neurosim.calibrate import quantized
from neurosim.engine.batch import BatchPass
from neurosim.export import to_torch
from neurosim.graph import Network
from neurosim.graph_io import save_network
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.quantize_options import QuantizeOptions
from neurosim.scenario import load_scenario
from scenarios.digits.make_data import N_CALIBRATION
from scenarios.digits.reference import KINDS
from scenarios.digits.train import learning_rate_factor, load_tensors

HERE = Path(__file__).parent
MOST_GRADIENT = 1.0


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description="Quantise and fine-tune a spiking network on the 8x8 digits.")
    parser.add_argument("--kind", choices=KINDS, default="lif")
    parser.add_argument("--bits", nargs="*", default=["weight=4", "gain=4"], metavar="NAME=BITS",
                        help="fewer bits than the chip has, as in neurosim quantize")
    parser.add_argument("--chip", default="loihi2")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="network file (default: weights/KIND_finetuned.h5 beside this script)")
    parser.add_argument("--log", type=Path, help="log file (default: logs/finetune_KIND.json beside this script)")
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--learning-rate", type=float, default=0.004)
    parser.add_argument("--slow-learning-rate", type=float, default=0.0002, help="of poles, input gains and leaks")
    parser.add_argument("--surrogate-width", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def right(readout: Any, labels: Tensor) -> float:
    """Return the part of samples whose largest read-out is right."""
    return float((torch.as_tensor(readout).argmax(1) == labels).double().mean())


@torch.no_grad()
def accuracy_of(module: torch.nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Return the accuracy of a module."""
    return right(module(inputs), labels)


def finetune(module: Any, inputs: Tensor, labels: Tensor, options: argparse.Namespace) -> Iterator[float]:
    """Train; yield the mean loss of every epoch."""
    n_batches = math.ceil(len(labels) / options.batch_size)
    optimizer = torch.optim.Adam(module.parameter_groups(options.learning_rate, options.slow_learning_rate))
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(step, n_batches, options.epochs * n_batches))
    for _ in range(options.epochs):
        total_loss = 0.0
        for chosen in torch.randperm(len(labels)).split(options.batch_size):
            loss = functional.cross_entropy(module(inputs[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), MOST_GRADIENT)
            optimizer.step()
            scheduler.step()
            module.clamp_()
            total_loss += loss.item() * len(chosen)
        yield total_loss / len(labels)


def quantise(network: Network, inputs: Tensor, options: argparse.Namespace) -> Network:
    """Return the network in the formats of the chip, those named in fewer bits."""
    bits = {name: int(value) for name, value in (item.split("=") for item in options.bits)}
    return quantized(network, load_chip(options.chip), inputs.numpy(), QuantizeOptions(bits=bits))


def write_log(path: Path, log: dict[str, Any], epochs: list[dict[str, Any]]) -> None:
    """Write the log, an epoch a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n  ".join(json.dumps(record) for record in epochs)
    path.write_text(json.dumps(log, indent=1)[:-2] + f',\n "epochs": [\n  {lines}\n ]\n}}\n', encoding="utf-8")


def describe(options: argparse.Namespace) -> dict[str, Any]:
    """Return what was asked for, and with which versions."""
    settings = {name: value for name, value in vars(options).items() if name not in {"out", "log", "seed"}}
    return {"finetuning": settings, "seed": options.seed, "calibration_images": N_CALIBRATION,
            "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__,
                         "scikit-learn": sklearn.__version__}}


def float_accuracy(network: Network, inputs: Tensor, labels: Tensor) -> float:
    """Return the accuracy of the network before it is quantised."""
    return right(BatchPass(lower_neurons(network), inputs.double().numpy()).run().readout, labels)


def main() -> None:
    """Quantise, fine-tune, and write network and log."""
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    train_inputs, train_labels, test_inputs, test_labels = load_tensors()
    floating = load_scenario("digits")[0].network(options.kind)
    module = to_torch(quantise(floating, train_inputs[:N_CALIBRATION], options),
                      surrogate_width=options.surrogate_width)
    log = {**describe(options), "test_images": len(test_labels),
           "float_accuracy": float_accuracy(floating, test_inputs, test_labels),
           "calibrated_accuracy": accuracy_of(module, test_inputs, test_labels)}
    print(f"{options.kind} float {log['float_accuracy']:.4f} calibrated {log['calibrated_accuracy']:.4f}",
          file=sys.stderr)
    epochs: list[dict[str, Any]] = []
    started = time.perf_counter()
    for loss in finetune(module, train_inputs, train_labels, options):
        accuracy = accuracy_of(module, test_inputs, test_labels)
        epochs.append({"epoch": len(epochs) + 1, "loss": round(loss, 6), "test_accuracy": accuracy})
        print(f"{options.kind} epoch {len(epochs)}: loss {loss:.4f} test accuracy {accuracy:.4f}", file=sys.stderr)
    log |= {"finetuned_accuracy": epochs[-1]["test_accuracy"], "seconds": round(time.perf_counter() - started, 1)}
    trained = module.to_network()
    told = {"finetuned_with": json.dumps(log["finetuning"]), "seed": str(options.seed),
            "accuracy": str(log["finetuned_accuracy"])}
    save_network(replace(trained, metadata={**trained.metadata, **told}),
                 options.out or HERE / "weights" / f"{options.kind}_finetuned.h5", force=True)
    write_log(options.log or HERE / "logs" / f"finetune_{options.kind}.json", log, epochs)


if __name__ == "__main__":
    main()
