"""Plain-Python oracle of every neuron model, one neuron at a time, and of whole networks, token by token.

Written from the equations, not from the kernels. Values are Python floats, or NumPy float32 scalars, which keep their
type through the same code. A model is a function of named numbers: (values, attributes) -> results, where `values`
holds parameters, charges (`charge.<port>`) and state words, and `results` holds outputs (`out.<output>`) and new state.
Words of a mode are lists.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection, SparseWeights
from neurosim.model_specs import SPEC_BY_NAME, ModelSpec

Values = Mapping[str, Any]
Results = dict[str, Any]
FloatArray = NDArray[np.float64]

BIASES = ("bias", "ternary_bias", "graded_bias", "value_bias", "gate_bias")
FLOAT32_SMALLEST_NORMAL = 2.0**-126


def like(example: Any, value: float) -> Any:
    """Return `value` in the number type of `example`."""
    return type(example)(value)


def gelu(x: Any) -> Any:
    """Return x times the normal distribution's cumulative probability, computed in double precision."""
    wide = float(x)
    return like(x, 0.5 * wide * (1.0 + math.erf(wide * math.sqrt(0.5))))


def sigmoid(x: Any) -> Any:
    """Logistic function, computed in double precision with an exponent that is never positive."""
    wide = float(x)
    small = math.exp(-abs(wide))
    return like(x, (1.0 if wide >= 0 else small) / (1.0 + small))


def compare(value: Any, threshold: Any, comparator: str) -> bool:
    """Return `value comparator threshold`."""
    return bool({">=": value >= threshold, ">": value > threshold}[comparator])


def fire(potential: Any, values: Values, attributes: Mapping[str, str]) -> Results:
    """Firing and reset of an integrate-and-fire soma outside its refractory time."""
    if not compare(potential, values["threshold"], attributes["comparator"]):
        return {"out.spike": 0, "potential": potential, "refractory": 0}
    left = {"hard": values["reset_value"], "soft": potential - values["threshold"] + values["reset_value"],
            "none": potential}
    return {"out.spike": 1, "potential": left[attributes["reset"]], "refractory": values["refractory_steps"]}


def lif(values: Values, attributes: Mapping[str, str]) -> Results:
    """Leaky integrate-and-fire."""
    if values["refractory"] > 0:
        return {"out.spike": 0, "potential": values["reset_value"], "refractory": values["refractory"] - 1}
    return fire(values["leak"] * values["potential"] + values["charge.input"] + values["bias"], values, attributes)


def cuba(values: Values, attributes: Mapping[str, str]) -> Results:
    """Current-based leaky integrate-and-fire."""
    current = values["current_leak"] * values["current"] + values["charge.input"]
    passed = {**values, "charge.input": current}
    return {**lif(passed, attributes), "current": current}


def linear(values: Values, attributes: Mapping[str, str]) -> Results:
    """Sum and bias."""
    return {"out.graded": values["charge.input"] + values["bias"]}


def relu(values: Values, attributes: Mapping[str, str]) -> Results:
    """Rectifier."""
    return {"out.graded": max(like(values["bias"], 0), values["charge.input"] + values["bias"])}


def gelu_model(values: Values, attributes: Mapping[str, str]) -> Results:
    """Gaussian error linear unit."""
    x = values["charge.input"] + values["bias"]
    if attributes["form"] == "exact":
        return {"out.graded": gelu(x)}
    wide = float(x)
    bent = wide + 0.044715 * wide * wide * wide
    return {"out.graded": like(x, 0.5 * wide * (1 + math.tanh(math.sqrt(2 / math.pi) * bent)))}


def flushed(x: Any) -> Any:
    """Return x, or 0 for a float32 below the normal numbers."""
    return like(x, 0) if isinstance(x, np.float32) and abs(x) < FLOAT32_SMALLEST_NORMAL else x


def state_space(values: Values) -> tuple[Any, Results]:
    """Return y of an S4D channel and its new modes. Complex numbers; modes in ascending order."""
    u = values["charge.input"] + values["bias"]
    number = np.complex64 if isinstance(u, np.float32) else complex
    total, h_real, h_imag = like(u, 0), [], []
    for n in range(len(values["a_real"])):
        a, b, c, h = (number(complex(values[f"{name}_real"][n], values[f"{name}_imag"][n])) for name in "abch")
        h = a * h + b * number(u)
        h_real.append(flushed(like(u, float(h.real))))
        h_imag.append(flushed(like(u, float(h.imag))))
        total = total + like(u, float((c * number(complex(h_real[-1], h_imag[-1]))).real))
    return 2 * total + values["d"] * u, {"h_real": h_real, "h_imag": h_imag}


def ssm(values: Values, attributes: Mapping[str, str]) -> Results:
    """S4D channel, graded."""
    y, modes = state_space(values)
    shaped = {"none": lambda: y, "gelu": lambda: gelu(y), "relu": lambda: max(like(y, 0), y)}
    return {"out.graded": shaped[attributes["activation"]](), **modes}


def ssm_heaviside(values: Values, attributes: Mapping[str, str]) -> Results:
    """Binary S4D."""
    y, modes = state_space(values)
    return {"out.spike": int(compare(y, values["threshold"], attributes["comparator"])), **modes}


def ssm_lif(values: Values, attributes: Mapping[str, str]) -> Results:
    """SpikingSSM."""
    y, modes = state_space(values)
    membrane = values["leak"] * values["potential"] + y / values["threshold"]
    spike = compare(membrane, 1, attributes["comparator"])
    return {"out.spike": int(spike), "potential": 0 if spike else membrane, **modes}


def scaled_lif(values: Values, attributes: Mapping[str, str]) -> Results:
    """The membrane of SpikingSSM."""
    membrane = values["leak"] * values["potential"] + values["charge.input"] / values["threshold"]
    spike = compare(membrane, 1, attributes["comparator"])
    return {"out.spike": int(spike), "potential": 0 if spike else membrane}


def decayed(value: Any, shift: float) -> Any:
    """Return a value less its part by 2**shift, rounded down; what is above 0 loses 1 at least."""
    taken = math.floor(value / like(value, 2.0 ** int(shift)))
    if taken == 0 and value > 0:
        taken = 1
    return value - like(value, taken)


def bit_shift_lif(values: Values, attributes: Mapping[str, str]) -> Results:
    """Two currents and a potential that decay by shifts; spikes are counted and subtracted."""
    first = decayed(values["first_current"], values["first_shift"]) + values["charge.first"]
    second = decayed(values["second_current"], values["second_shift"]) + values["charge.second"]
    potential = decayed(values["potential"], values["membrane_shift"]) + first + second + values["bias"]
    threshold, count = values["threshold"], like(potential, 0)
    if potential >= threshold:
        count = like(potential, min(math.floor(potential / threshold), int(values["most_spikes"])))
    return {"out.graded": count, "first_current": first, "second_current": second,
            "potential": potential - count * threshold}


def ternary(values: Values, attributes: Mapping[str, str]) -> Results:
    """Ternary spike."""
    v = values["charge.value"]
    delta = {"vector": values["delta_factor"] * values["charge.threshold"], "tensor": values["delta"]}
    reached = abs(v) >= delta[attributes["delta_scope"]]
    return {"out.ternary": (int(v > 0) - int(v < 0)) * int(reached)}


def gsu(values: Values, attributes: Mapping[str, str]) -> Results:
    """Gated spiking unit."""
    left = values["charge.ternary_branch"] + values["ternary_bias"]
    right = values["charge.graded_branch"] + values["graded_bias"]
    product = gelu(left * right) if attributes["activation"] == "gelu" else left * right
    return {"out.graded": product + values["charge.skip"]}


def glu(values: Values, attributes: Mapping[str, str]) -> Results:
    """Gated linear unit with skip."""
    opening = sigmoid(values["charge.gate"] + values["gate_bias"])
    return {"out.graded": (values["charge.value"] + values["value_bias"]) * opening + values["charge.skip"]}


def reduce(values: Values, attributes: Mapping[str, str]) -> Results:
    """Reduction neuron."""
    return {"out.graded": values["charge.sum"] + values["charge.max"] + values["charge.max_abs"] + values["bias"]}


def center(values: Values, attributes: Mapping[str, str]) -> Results:
    """Distance to the mean, and its square."""
    c = values["charge.value"] - values["charge.mean"]
    return {"out.graded": c, "out.square": c * c}


def layer_norm(values: Values, attributes: Mapping[str, str]) -> Results:
    """Centred value in standard deviations, scaled and shifted."""
    spread = values["charge.variance"] + values["epsilon"]
    root = like(spread, math.sqrt(spread)) if spread > 0 else None
    inverse = like(spread, 1) / root if root is not None else like(spread, 0)
    return {"out.graded": values["charge.value"] * inverse * values["scale"] + values["bias"]}


def integrator(values: Values, attributes: Mapping[str, str]) -> Results:
    """Leaky integral."""
    potential = values["leak"] * values["potential"] + values["charge.input"] + values["bias"]
    return {"out.graded": potential, "potential": potential}


def running_mean(values: Values, attributes: Mapping[str, str]) -> Results:
    """Mean over the tokens so far."""
    total, count = values["total"] + (values["charge.input"] + values["bias"]), values["count"] + 1
    return {"out.graded": total / count, "total": total, "count": count}


def resonator(values: Values, attributes: Mapping[str, str]) -> Results:
    """Resonate-and-fire neuron: z <- a z + charge."""
    example = values["real"]
    number = np.complex64 if isinstance(example, np.float32) else complex
    a, old, given = (number(complex(values[f"{prefix}real"], values[f"{prefix}imag"]))
                     for prefix in ("a_", "", "charge."))
    z = a * old + given
    real, imag = like(example, float(z.real)), like(example, float(z.imag))
    if attributes["firing"] == "phase":     # the positive real axis is crossed, beyond the threshold
        return {"out.spike": int(old.imag < 0 <= imag and real >= values["threshold"]), "real": real, "imag": imag}
    if imag < values["threshold"]:
        return {"out.spike": 0, "real": real, "imag": imag}
    return {"out.spike": 1, "real": 0, "imag": values["threshold"] - values["reset_margin"]}


def delta_of(x: Any, values: Values, coding: str) -> Results:
    """Delta encoder of value x."""
    activation, residue, error, threshold = (values[name] for name in ("activation", "residue", "error", "threshold"))
    if coding == "corrected":
        known = {"out.graded": like(x, 0), "activation": activation, "residue": residue, "error": error}
        change = x - activation
        return known if abs(change) < threshold else {**known, "out.graded": change, "activation": activation + change}
    change = x - activation + residue
    total = change + error if coding == "cumulative" else change
    message = change if abs(total) >= threshold else like(x, 0)
    left = (total if message == 0 else 0) if coding == "cumulative" else error
    return {"out.graded": message, "activation": x, "residue": change - message, "error": left}


def sigma_delta(values: Values, attributes: Mapping[str, str]) -> Results:
    """Sum of changes in, change of the activation out."""
    sigma = values["sigma"] + values["charge.input"]
    x = sigma + values["bias"]
    if attributes["activation"] == "relu":
        x = max(like(x, 0), x)
    return {**delta_of(x, values, attributes["coding"]), "sigma": sigma}


def delta(values: Values, attributes: Mapping[str, str]) -> Results:
    """Change of the input."""
    return delta_of(values["charge.input"], values, attributes["coding"])


def brf(values: Values, attributes: Mapping[str, str]) -> Results:
    """Balanced resonate-and-fire neuron; without q the plain one."""
    u, v, held = values["u"], values["v"], values["q"]
    q = held if attributes["refractory"] == "on" else like(held, 0)
    d = values["damping"] + values["refractory_gain"] * q
    u_next = u - d * u - values["omega"] * v + values["charge.input"]
    v_next = v + values["omega"] * u - d * v
    z = int(compare(u_next, values["threshold"] + q, attributes["comparator"]))
    q_next = values["refractory_decay"] * q + like(q, z) if attributes["refractory"] == "on" else held
    return {"out.spike": z, "u": u_next, "v": v_next, "q": q_next}


def alif(values: Values, attributes: Mapping[str, str]) -> Results:
    """Leaky integrate-and-fire whose threshold follows its spikes."""
    rho, q = values["adaptation_leak"], values["adaptation"]
    level = values["threshold"] + values["beta"] * q
    u = values["leak"] * values["potential"] + values["input_gain"] * values["charge.input"]
    z = compare(u, level, attributes["comparator"])
    return {"out.spike": int(z), "potential": u - level if z else u,
            "adaptation": rho * q + (like(rho, 1) - rho) * like(rho, int(z))}


def sent_parts(h_real: Any, h_imag: Any) -> Results:
    """Both parts of a state, kept and sent."""
    return {"h_real": h_real, "h_imag": h_imag, "out.graded_real": h_real, "out.graded_imag": h_imag}


def mode(values: Values, attributes: Mapping[str, str]) -> Results:
    """One complex mode."""
    example = values["h_real"]
    number = np.complex64 if isinstance(example, np.float32) else complex
    a, h, given = (number(complex(values[f"{prefix}real"], values[f"{prefix}imag"]))
                   for prefix in ("a_", "h_", "charge."))
    z = a * h + given
    return sent_parts(flushed(like(example, float(z.real))), flushed(like(example, float(z.imag))))


def event_mode(values: Values, attributes: Mapping[str, str]) -> Results:
    """One complex mode that decays over an interval; the decay in double precision."""
    example, interval = values["h_real"], max(float(values["charge.interval"]), 0.0)
    number = np.complex64 if isinstance(example, np.float32) else complex
    size, angle = math.exp(float(values["rate_real"]) * interval), float(values["rate_imag"]) * interval
    a = number(complex(like(example, size * math.cos(angle)), like(example, size * math.sin(angle))))
    h, x = (number(complex(values[f"{prefix}real"], values[f"{prefix}imag"])) for prefix in ("h_", "charge."))
    z = a * h + x if attributes["hold"] == "none" else a * (h + x) - x
    return sent_parts(like(example, float(z.real)), like(example, float(z.imag)))


MODELS: dict[str, Callable[[Values, Mapping[str, str]], Results]] = {
    "lif": lif, "cuba": cuba, "linear": linear, "relu": relu, "gelu": gelu_model, "ssm": ssm,
    "ssm_heaviside": ssm_heaviside, "ssm_lif": ssm_lif, "ternary": ternary, "gsu": gsu, "glu": glu, "reduce": reduce,
    "center": center, "layer_norm": layer_norm, "integrator": integrator, "running_mean": running_mean,
    "resonator": resonator, "sigma_delta": sigma_delta, "delta": delta, "brf": brf, "alif": alif, "mode": mode,
    "event_mode": event_mode, "scaled_lif": scaled_lif, "bit_shift_lif": bit_shift_lif,
}


def is_active(values: Values, spec: ModelSpec) -> bool:
    """Return whether a charge, a state word or a bias is not 0."""
    names = [f"charge.{port.name}" for port in spec.ports] + [word.name for word in spec.state]
    names += [parameter.name for parameter in spec.parameters if parameter.name in BIASES]
    return any(np.any(np.asarray(values[name]) != 0) for name in names)


class _Runner:
    """One population with its state; `step` advances all its neurons by one token."""

    def __init__(self, population: Population) -> None:
        self.population, self.spec = population, SPEC_BY_NAME[population.model]
        self.fixed = [{name: table[neuron].tolist() for name, table in population.parameters.items()}
                      for neuron in range(population.size)]
        start: dict[str, Any] = {word.name: [0.0] * population.n_modes if word.per_mode else 0.0
                                 for word in self.spec.state}
        self.start = start
        self.state = [dict(start) for _ in range(population.size)]
        # Tokens before the state is next emptied; -1: it never is.
        self.left = population.reset_offset if population.reset_period else -1

    def step(self, charge: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        if self.left == 0:
            self.state = [dict(self.start) for _ in range(self.population.size)]
            self.left = self.population.reset_period
        self.left -= 1
        outputs = {output.name: np.zeros(self.population.size) for output in self.spec.outputs}
        for neuron in range(self.population.size):
            given = {f"charge.{port}": float(values[neuron]) for port, values in charge.items()}
            results = MODELS[self.population.model]({**self.fixed[neuron], **self.state[neuron], **given},
                                                    self.population.attributes)
            self.state[neuron] = {word.name: results[word.name] for word in self.spec.state}
            for name, values in outputs.items():
                values[neuron] = results[f"out.{name}"]
        return outputs


def synapses(projection: Projection, neuron: int) -> list[tuple[int, float, int]]:
    """Return (target neuron, weight, delay) of the synapses of one source neuron."""
    weights, delay = projection.weights, projection.delay_steps
    if isinstance(weights, DenseWeights):
        return [(post, float(weight), int(delay)) for post, weight in enumerate(weights.values[neuron])]
    if isinstance(weights, OneToOneWeights):
        return [(neuron, float(weights.values[neuron]), int(delay))]
    assert isinstance(weights, SparseWeights)
    entries = range(int(weights.row_pointer[neuron]), int(weights.row_pointer[neuron + 1]))
    delays = np.broadcast_to(delay, weights.values.shape)
    return [(int(weights.targets[i]), float(weights.values[i]), int(delays[i])) for i in entries]


def gather(network: Network, target: Population, token: int, sent: Mapping[tuple[str, str], list[FloatArray]]
           ) -> dict[str, FloatArray]:
    """Sum what arrives at `target`: projections in order of network and delay, then source neurons in order."""
    charge = {port.name: np.zeros(target.size) for port in target.spec.ports}
    operators = {port.name: port.operator for port in target.spec.ports}
    for projection in network.projections:
        if projection.target != target.name:
            continue
        values = charge[projection.port]
        for delay in sorted(set(np.atleast_1d(projection.delay_steps).tolist())):
            if delay <= token:
                _add(values, operators[projection.port], projection, delay,
                     sent[projection.source, projection.output][token - delay])
    return charge


def _add(values: FloatArray, operator: str, projection: Projection, delay: int, source: FloatArray) -> None:
    for neuron in np.flatnonzero(source):
        for post, weight, lag in synapses(projection, int(neuron)):
            if lag != delay:
                continue
            product = weight * float(source[neuron])
            if operator == "sum":
                values[post] += product
            else:
                values[post] = max(values[post], abs(product) if operator == "max_abs" else product)


def update_order(network: Network) -> list[str]:
    """Return the populations so that each comes after all that reach it without delay."""
    waiting = {population.name: {projection.source for projection in network.projections
                                 if projection.target == population.name and np.min(projection.delay_steps) == 0}
               for population in network.populations}
    order: list[str] = []
    while waiting:
        ready = next(name for name, sources in waiting.items() if sources <= set(order))
        order.append(ready)
        del waiting[ready]
    return order


def evaluate_network(network: Network, inputs: Mapping[str, FloatArray]) -> dict[tuple[str, str], FloatArray]:
    """Run one sample; return (population, output) -> float64[token, neuron].

    inputs : input population -> float64[token, neuron]
    """
    runners = {population.name: _Runner(population) for population in network.populations}
    sent: dict[tuple[str, str], list[FloatArray]] = {(population.name, output.name): []
                                                     for population in network.populations
                                                     for output in population.spec.outputs}
    order = update_order(network)
    for token in range(len(next(iter(inputs.values())))):
        for name in order:
            population = network.population(name)
            if population.model == "input":
                sent[name, "graded"].append(np.asarray(inputs[name][token], np.float64))
                continue
            for output, values in runners[name].step(gather(network, population, token, sent)).items():
                sent[name, output].append(values)
    return {key: np.array(values) for key, values in sent.items()}
