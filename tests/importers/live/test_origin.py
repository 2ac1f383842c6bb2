"""Numbers of values, read back. No PyTorch is needed."""

from __future__ import annotations

import numpy as np
import pytest

from importers.live.origin import Call, Layer, Registry, UnclearError


def registry() -> tuple[Registry, list[np.ndarray]]:
    """Return two layers of three and two neurons, both called for samples 0 and 1, and their numbers."""
    found, numbers = Registry(), []
    for name, size in (("a", 3), ("b", 2)):
        first = found.add(Call(Layer(name, "neurons", (size,)), np.arange(2), np.zeros(2, np.int64)))
        numbers.append(np.arange(first, first + 2 * size).reshape(2, size))
    return found, numbers


def test_a_call_is_read_as_it_was_sent() -> None:
    found, (a, _) = registry()
    n_leading, (read,) = found.read(a, None, 2.0)
    assert n_leading == 1 and read.source.layer.name == "a" and read.source.factor == 2.0
    assert read.source.neurons.tolist() == [0, 1, 2]
    assert read.call.tolist() == [0, 0] and read.position.tolist() == [0, 1]


def test_joined_and_turned_layers_are_told_apart() -> None:
    found, (a, b) = registry()
    empty = np.full((2, 1), -1)
    _, reads = found.read(np.concatenate([b[:, ::-1], empty, a], 1)[::-1], 1, 1.0)
    assert [read.source.layer.name for read in reads] == ["a", "b"]
    assert [read.source.neurons.tolist() for read in reads] == [[-1, -1, -1, 0, 1, 2], [1, 0, -1, -1, -1, -1]]
    assert [read.position.tolist() for read in reads] == [[1, 0], [1, 0]]


def test_what_mixes_samples_or_neurons_is_unclear() -> None:
    found, (a, _) = registry()
    for numbers in (a.T, np.stack([a[0], a[1][::-1]])):
        with pytest.raises(UnclearError):
            found.read(numbers, 1, 1.0)


def test_nothing_is_read_of_nowhere() -> None:
    found, _ = registry()
    assert found.read(np.full((2, 4), -1), 1, 1.0) == (1, ())
    assert found.samples(np.array([-1, 3])).tolist() == [-1, 1]
