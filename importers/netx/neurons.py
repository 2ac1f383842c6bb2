"""Neurons of a netx file as populations in Lava's integers: what is stored is 1 to 1 what the chip computes with.

| type | model | integers |
|---|---|---|
| CUBA, LOIHI | `cuba` | u, v in steps of 1, a charge in steps of 64, weight 1 = 64; leak = (4096 - decay) / 4096 |
| SDNN | `sigma_delta`, plain; `delta` at the input | sigma in steps of 1, threshold, bias of 4096, messages of 64 |
| RF_PHASE, RF_IZHIKEVICH | `resonator` | as CUBA; lambda = (cosDecay + i sinDecay) / 4096 |
| neurons that never fire, sigma outputs | `integrator` | the potential (or sigma), sent at every token |

Neurons of an image stand in Lava's order x, y, channel (`ImageOrder`).
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from importers.netx.file import NEURON_TYPES, IntArray, NetxLayer, Shape
from neurosim.errors import OptionError
from neurosim.formats import Coding, Format
from neurosim.graph import Population

STATE_STEPS = 64            # of the state, in one of a weight, a bias or a threshold: Lava's << 6
MESSAGE_STEPS = 64          # of a sigma, in one of a message
VALUE_STEPS = 4096          # of a sigma, in one of a value, a bias or a threshold: Lava's << 12
NEVER_FIRES = 131071        # the highest threshold of 17 bits: reached only by a potential about to saturate
NO_NEURONS = {"iDecay": 0, "vDecay": 4096}      # lava-dl's integrator in place of missing neurons
REFUSED_NEURONS = {
    "ALIF": "adaptive thresholds have no integer model here",
    "ADRF": "adaptive resonators have no model here",
    "ADRF_PHASE": "adaptive resonators have no model here",
    "ADRF_IZHIKEVICH": "adaptive resonators have no model here",
}
_TRAINING_ONLY = ("neuron/theta", "neuron/tauRho", "neuron/scaleRho", "neuron/messageBits")


class Soma(NamedTuple):
    """A population, and what its synapses and receivers must know.

    steps : state steps that one of the integer sum W s makes
    unit : value of one of its payload's integers; 1 for spikes
    complex : it has ports for a real and an imaginary part
    """

    population: Population
    steps: int
    unit: float = 1.0
    complex: bool = False


def integers(bits: int, step: float = 1, *, rounding: str = "toward_zero", overflow: str = "saturate",
             signed: bool = True) -> Coding:
    """Return the coding of integers that stand for multiples of `step`, a power of two."""
    return Coding(Format(bits, -int(np.log2(step)), signed, rounding, overflow))


def neuron_type(layer: NetxLayer) -> str:
    """Return CUBA, SDNN, RF_PHASE, RF_IZHIKEVICH, or NONE."""
    if not layer.has_neurons:
        return "NONE"
    kind = layer.text("neuron/type", (*NEURON_TYPES, *REFUSED_NEURONS))
    if kind in REFUSED_NEURONS:
        raise layer.fault("neuron/type", f"= {kind!r} is not supported: {REFUSED_NEURONS[kind]}",
                          ", ".join(NEURON_TYPES), "train the network with one of these")
    layer.drop(_TRAINING_ONLY, "of training, or follows from the other fields")
    for key in ("neuron/gradedSpike", "neuron/weight_exp"):
        if key in layer:
            layer.number(key, 0, 0)
    return "CUBA" if kind == "LOIHI" else kind


def soma(layer: NetxLayer, shape: Shape, *, is_last: bool, readout: str) -> Soma:
    """Return the neurons of a layer that has synapses.

    readout : `auto`, `potential` or `spikes`: what a last layer sends that never fires
    """
    kind = neuron_type(layer)
    if kind == "SDNN":
        return _sigma_delta(layer, shape)
    if kind.startswith("RF"):
        return _resonator(layer, shape, kind)
    never = kind == "NONE" or bool(np.all(layer.integers("neuron/vThMant", 0, 2**18 - 1) >= NEVER_FIRES))
    if is_last and readout != "spikes" and (never or readout == "potential"):
        found = _readout(layer, shape)
        if found is not None:
            return found
        if readout == "potential":
            raise layer.fault("neuron", "has both decays, or a bias beside a current that stays",
                              "neurons whose current or potential decays at once (iDecay or vDecay = 4096)",
                              "give readout = 'spikes'")
    return _cuba(layer, shape)


def _spread(values: NDArray[Any], shape: Shape, layer: NetxLayer, key: str) -> NDArray[Any]:
    """Return one number, or one of each neuron in Lava's order; channels share theirs."""
    if values.size == 1:
        return values.reshape(())
    if values.size == prod(shape):
        return values.reshape(shape).transpose(2, 1, 0).reshape(-1)
    if values.size == shape[0]:
        return np.tile(values.reshape(-1), shape[1] * shape[2])
    raise layer.fault(key, f"has {values.size} numbers", f"1, {shape[0]} (of each channel) or {prod(shape)}")


def numbers(layer: NetxLayer, key: str, shape: Shape, low: int, high: int, default: int | None = None
            ) -> NDArray[np.float64]:
    """Return a field of the neurons; float64[] or float64[neuron]."""
    if key not in layer and default is not None:
        return np.asarray(float(default))
    return np.asarray(_spread(layer.integers(key, low, high), shape, layer, key), np.float64)


def charge_bits(largest: float) -> int:
    """Return the bits of a charge: as many as the state has, where no sum can leave them."""
    return 24 if largest < 2**23 else 31


def _cuba_decays(layer: NetxLayer, shape: Shape) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return tuple(numbers(layer, f"neuron/{name}", shape, 0, 4096, default if not layer.has_neurons else None)
                 for name, default in NO_NEURONS.items())      # type: ignore[return-value]


def _bias(layer: NetxLayer, shape: Shape, steps: int) -> NDArray[np.float64]:
    return numbers(layer, "bias", shape, -4096, 4095, 0) * steps


def _cuba_steps(layer: NetxLayer) -> int:
    """Return the steps of the state in one of a weight; a weight exponent shifts them up."""
    return STATE_STEPS << layer.number("neuron/wgtExp", 0, 7, 0)


def _cuba(layer: NetxLayer, shape: Shape) -> Soma:
    current_decay, decay = _cuba_decays(layer, shape)
    threshold = numbers(layer, "neuron/vThMant", shape, 0, 2**18 - 1, NEVER_FIRES)
    return Soma(_cuba_population(layer, shape, current_decay, decay, threshold, _bias(layer, shape, STATE_STEPS)),
                _cuba_steps(layer))


def _cuba_population(layer: NetxLayer, shape: Shape, current_decay: Any, decay: Any, threshold: Any, bias: Any
                     ) -> Population:
    parameters = {"current_leak": (4096 - current_decay) / 4096, "leak": (4096 - decay) / 4096,
                  "threshold": threshold * STATE_STEPS, "bias": bias,
                  "refractory_steps": numbers(layer, "neuron/refDelay", shape, 1, 64, 1) - 1}
    codings = {"input": integers(24), "current": integers(24, overflow="lava_wrap"), "potential": integers(24),
               **dict.fromkeys(("current_leak", "leak"), integers(13, 2**-12, signed=False)),
               "threshold": _threshold_coding(threshold, STATE_STEPS), "reset_value": integers(2),
               "bias": integers(13, STATE_STEPS)}
    return Population(layer.name, "cuba", prod(shape), parameters, {"comparator": ">"}, codings=codings)


def _threshold_coding(threshold: NDArray[Any], step: int) -> Coding:
    """16 bits where they do, since chips have that many for parameters; Loihi's field has 17."""
    return integers(max(16, int(threshold.max()).bit_length()), step, signed=False)


def _readout(layer: NetxLayer, shape: Shape) -> Soma | None:
    """Return an integrator that does what neurons without spikes do, or None where it takes two decays."""
    current_decay, decay = _cuba_decays(layer, shape)
    bias = _bias(layer, shape, STATE_STEPS)
    if np.all(current_decay == 4096):
        leak = (4096 - decay) / 4096
    elif np.all(decay == 4096) and not np.any(bias):
        leak = (4096 - current_decay) / 4096
    else:
        return None
    layer.drop(("neuron/vThMant", "neuron/refDelay"), "its neurons do not fire: the potential is read out")
    return Soma(_integrator(layer.name, shape, leak, bias), _cuba_steps(layer))


def _integrator(name: str, shape: Shape, leak: Any, bias: Any) -> Population:
    codings = {"input": integers(24), "potential": integers(24), "leak": integers(13, 2**-12, signed=False),
               "bias": integers(13, STATE_STEPS), "graded": integers(24)}
    return Population(name, "integrator", prod(shape), {"leak": leak, "bias": bias}, codings=codings)


def _sigma_delta(layer: NetxLayer, shape: Shape) -> Soma:
    if "neuron/sigma_output" in layer and layer.number("neuron/sigma_output", 0, 1):
        layer.drop(("neuron/vThMant", "neuron/activation"), "the sum itself is the output")
        if "bias" in layer:
            layer.integers("bias", 0, 0)
        return Soma(_integrator(layer.name, shape, 1.0, 0.0), 1)
    activation = "relu"
    if "neuron/activation" in layer:
        activation = {"relu": "relu", "identity": "none"}[layer.text("neuron/activation", ("relu", "identity"))]
    threshold = numbers(layer, "neuron/vThMant", shape, 0, 2**17 - 1)
    parameters = {"threshold": threshold * VALUE_STEPS, "bias": _bias(layer, shape, VALUE_STEPS)}
    codings = {"input": integers(24), "sigma": integers(24), "threshold": _threshold_coding(threshold, VALUE_STEPS),
               "bias": integers(13, VALUE_STEPS), "graded": integers(24, MESSAGE_STEPS, rounding="floor")}
    population = Population(layer.name, "sigma_delta", prod(shape), parameters,
                            {"activation": activation, "coding": "plain"}, codings=codings)
    return Soma(population, 1, MESSAGE_STEPS)


def _resonator(layer: NetxLayer, shape: Shape, kind: str) -> Soma:
    threshold = numbers(layer, "neuron/vThMant", shape, 0, 2**17 - 1)
    parameters = {"a_real": numbers(layer, "neuron/cosDecay", shape, -4095, 4095) / 4096,
                  "a_imag": numbers(layer, "neuron/sinDecay", shape, -4095, 4095) / 4096,
                  "threshold": threshold * STATE_STEPS, "reset_margin": 1.0}
    layer.drop(("neuron/refDelay",), "resonators have no refractory steps")
    if "bias" in layer:
        layer.integers("bias", 0, 0)
    codings = {"real": integers(24), "imag": integers(24), "a": integers(13, 2**-12),
               "threshold": _threshold_coding(threshold, STATE_STEPS)}
    population = Population(layer.name, "resonator", prod(shape), parameters,
                            {"firing": "phase" if kind == "RF_PHASE" else "izhikevich"}, codings=codings)
    return Soma(population, STATE_STEPS, complex=True)


def input_soma(layer: NetxLayer, shape: Shape, *, hold: bool) -> Soma:
    """Return the neurons of an input layer. They have no synapses: what is given goes straight into v, or is encoded.

    Lava gives it as the bias of CUBA neurons. Here it is a charge that decays at once, or never where `hold`, which is
    the same for v, while u shows it instead of 0.
    """
    kind = neuron_type(layer)
    if kind == "SDNN":
        if hold:
            raise OptionError("hold = True for SDNN neurons at the input", allowed="False",
                              mend="give them the image at every token: they send its changes")
        layer.drop(("neuron/activation",), "the input is encoded as it is")
        threshold = numbers(layer, "neuron/vThMant", shape, 0, 2**17 - 1)
        codings = {"input": integers(24), "threshold": _threshold_coding(threshold, VALUE_STEPS),
                   "graded": integers(24, MESSAGE_STEPS, rounding="floor")}
        return Soma(Population(layer.name, "delta", prod(shape), {"threshold": threshold * VALUE_STEPS},
                               {"coding": "plain"}, codings=codings), VALUE_STEPS, MESSAGE_STEPS)
    if kind != "CUBA":
        raise layer.fault("neuron/type", f"= {kind!r} at the input: resonators take what synapses give them",
                          "CUBA, LOIHI, SDNN, or an input layer without neurons")
    _cuba_steps(layer)
    layer.drop(("neuron/iDecay", "neuron/wgtExp"), "input neurons have no synapses, so that their current stays 0")
    threshold = numbers(layer, "neuron/vThMant", shape, 0, 2**18 - 1)
    decay = numbers(layer, "neuron/vDecay", shape, 0, 4096)
    return Soma(_cuba_population(layer, shape, 0 if hold else 4096, decay, threshold, 0.0), STATE_STEPS)


def widened(population: Population, largest: float) -> Population:
    """Return a population whose ports hold every sum that its synapses can make: `largest` state steps."""
    bits = charge_bits(largest)
    if population.model != "cuba" or bits == 24:
        return population
    return replace(population, codings={**population.codings, "input": integers(bits)})


def as_integers(values: IntArray) -> tuple[int, int, bool]:
    """Return (bits, step, signed) of the narrowest integers that hold `values` without loss."""
    step = 1
    while step < 256 and np.any(values) and not np.any(values % (2 * step)):
        step *= 2
    low, high = int(values.min(initial=0)) // step, int(values.max(initial=0)) // step
    signed = low < 0
    return max(2 if signed else 1, (max(high, -low - 1)).bit_length() + signed), step, signed
