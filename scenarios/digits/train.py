"""Train one of the digit networks and write its weights and its training log.

Needs PyTorch, safetensors and scikit-learn. Run from the repository root, once per kind:

    python -m scenarios.digits.train --kind lif

The accuracy is that of the last epoch: nothing is selected on the test data.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sklearn
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from scenarios.digits.checkpoint import Record, Training, load_checkpoint, save_checkpoint
from scenarios.digits.make_data import load_split
from scenarios.digits.reference import KINDS, Network, NetworkConfig
from scenarios.digits.stepwise import BATCH_NORM_EPS, PIXEL_SCALE

HERE = Path(__file__).parent
SHAPE = ("n_layers", "width", "state_size")
UNLOGGED = ("out", "log", "seed", "checkpoint", *SHAPE)
THRESHOLD = {"lif": "1", "binary": "0", "gsu": "delta_factor * max|y|"}


class Tensors(NamedTuple):
    """What a network learns from, and is tried on."""

    train_inputs: Tensor    # [item, token, 1]
    train_labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor


def parse_arguments(description: str = "Train a spiking state-space network on the 8x8 digits.",
                    **defaults: Any) -> argparse.Namespace:
    """Return the command line; `defaults` replace those below."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--kind", choices=KINDS, default="lif")
    parser.add_argument("--layers", dest="n_layers", type=int, default=NetworkConfig.n_layers)
    parser.add_argument("--width", type=int, default=NetworkConfig.width, help="channels of a layer")
    parser.add_argument("--state-size", type=int, default=NetworkConfig.state_size, help="twice the complex modes")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="weights file (default: weights/KIND.safetensors beside this script)")
    parser.add_argument("--log", type=Path, help="log file (default: logs/KIND.json beside this script)")
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--learning-rate", type=float, default=0.01)
    parser.add_argument("--kernel-learning-rate", type=float, default=0.001)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--evaluation-batch-size", type=int, default=1000)
    parser.add_argument("--checkpoint", type=Path, help="file kept after every epoch; a training begun there goes on")
    parser.set_defaults(**defaults)
    return parser.parse_args()


def load_tensors(images: Callable[[Any], Any] = lambda pixels: pixels, scale: float = PIXEL_SCALE) -> Tensors:
    """Return the digits; `images` makes other images of the pixels, which are then multiplied by `scale`."""
    split = load_split()
    train_inputs = torch.from_numpy(images(split.train_pixels)).float()[..., None] * scale
    test_inputs = torch.from_numpy(images(split.test_pixels)).float()[..., None] * scale
    return Tensors(train_inputs, torch.from_numpy(split.train_labels), test_inputs, torch.from_numpy(split.test_labels))


def make_optimizer(network: Network, options: argparse.Namespace) -> torch.optim.Optimizer:
    """AdamW; the poles and time constants learn slower and without weight decay."""
    slow: list[nn.Parameter] = []
    fast: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        is_slow = ".kernel." in name and not name.endswith(".C")
        (slow if is_slow else fast).append(parameter)
    groups = [{"params": fast}, {"params": slow, "lr": options.kernel_learning_rate, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=options.learning_rate, weight_decay=options.weight_decay)


def learning_rate_factor(step: int, warm_up: int, total: int) -> float:
    """Linear warm-up times half a cosine down to 0."""
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * min(step, total) / total))


@torch.no_grad()
def evaluate(network: Network, inputs: Tensor, labels: Tensor, batch_size: int) -> tuple[float, list[float]]:
    """Return the accuracy and every layer's part of non-zero spikes."""
    network.eval()
    n_right, rates = 0, torch.zeros(network.config.n_layers)
    for some_inputs, some_labels in zip(inputs.split(batch_size), labels.split(batch_size), strict=True):
        logits, spikes = network.run(some_inputs)
        n_right += int((logits.argmax(-1) == some_labels).sum())
        rates += torch.stack([layer.abs().mean() for layer in spikes]) * (len(some_labels) / len(labels))
    return n_right / len(labels), rates.tolist()


def train_epoch(training: Training, options: argparse.Namespace, inputs: Tensor, labels: Tensor) -> float:
    """Show the network every item once, in random order, and return the mean loss."""
    network, optimizer, scheduler = training
    network.train()
    total_loss = 0.0
    for chosen in torch.randperm(len(labels)).split(options.batch_size):
        loss = functional.cross_entropy(network(inputs[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        total_loss += loss.item() * len(chosen)
    return total_loss / len(labels)


def train(network: Network, options: argparse.Namespace, tensors: Tensors) -> Iterator[list[Record]]:
    """Train, going on from `options.checkpoint` where there is one; yield all epochs' records after every epoch."""
    n_batches = math.ceil(len(tensors.train_labels) / options.batch_size)
    optimizer = make_optimizer(network, options)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(step, n_batches, options.epochs * n_batches)
    )
    training = Training(network, optimizer, scheduler)
    if epochs := load_checkpoint(options.checkpoint, training):
        yield epochs
    while len(epochs) < options.epochs:
        loss = train_epoch(training, options, tensors.train_inputs, tensors.train_labels)
        accuracy, rates = evaluate(network, tensors.test_inputs, tensors.test_labels, options.evaluation_batch_size)
        epochs.append({
            "epoch": len(epochs) + 1,
            "loss": round(loss, 6),
            "test_accuracy": round(accuracy, 6),
            "spike_rates": [round(rate, 6) for rate in rates],
        })
        save_checkpoint(options.checkpoint, training, epochs)
        yield epochs


def save_weights(network: Network, path: Path, seed: int, last: Record, input_scale: float = PIXEL_SCALE,
                 dataset: str = "scikit-learn digits, 8x8, row order") -> None:
    """Write the weights in float32, with what the tensors do not say as string metadata."""
    config = network.config
    metadata = {
        "format": "pt",
        "model": "ssm",
        "kind": config.kind,
        "tau": str(config.tau),
        "reset": "hard" if config.kind == "lif" else "none",
        "comparator": ">=",
        "threshold": THRESHOLD[config.kind],
        "prenorm": "true",
        "norm": "batch",
        "norm_eps": str(BATCH_NORM_EPS),
        "discretization": "zoh",
        "delta_factor": str(config.delta_factor),
        "delta_scope": "vector",
        "shared_w": "true",
        "activation": "gelu" if config.kind == "gsu" else "glu",
        "pooling": "mean",
        "causal": "true",
        "input_scale": str(input_scale),
        "dataset": dataset,
        "seed": str(seed),
        "epochs": str(last["epoch"]),
        "accuracy": str(last["test_accuracy"]),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path, metadata)


def write_log(path: Path, options: argparse.Namespace, config: NetworkConfig, epochs: list[Record]) -> None:
    """Write configuration, seed, versions and the learning curve."""
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {name: value for name, value in vars(options).items() if name not in UNLOGGED}
    versions = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }
    log = {"network": asdict(config), "training": settings, "seed": options.seed, "versions": versions}
    lines = ",\n  ".join(json.dumps(record) for record in epochs)
    path.write_text(json.dumps(log, indent=1)[:-2] + f',\n "epochs": [\n  {lines}\n ]\n}}\n')


def train_and_log(options: argparse.Namespace, tensors: Tensors, log: Path) -> tuple[Network, list[Record]]:
    """Return a trained network and the records of its epochs, which also go to `log` and stderr."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    n_classes = int(tensors.train_labels.max()) + 1
    shape = {name: getattr(options, name) for name in SHAPE}
    config = NetworkConfig(options.kind, tensors.train_inputs.shape[-1], n_classes, dropout=options.dropout, **shape)
    network = Network(config)
    epochs: list[Record] = []
    for epochs in train(network, options, tensors):
        print(f"{options.kind} " + " ".join(f"{name} {value}" for name, value in epochs[-1].items()), file=sys.stderr)
        write_log(log, options, config, epochs)
    return network, epochs


def main() -> None:
    """Train one kind."""
    options = parse_arguments()
    network, epochs = train_and_log(options, load_tensors(), options.log or HERE / "logs" / f"{options.kind}.json")
    save_weights(network, options.out or HERE / "weights" / f"{options.kind}.safetensors", options.seed, epochs[-1])


if __name__ == "__main__":
    main()
