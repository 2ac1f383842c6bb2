"""Rows and constants of the integer kernels in `models.fixed`, one function per kind of model.

What a port or a state holds is bounded by its format, so that every product can be bounded here. All functions return
rows as int64[row, size] and fill the constants of the population.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import NetworkError
from neurosim.machine import (
    DECAY_SHIFT,
    INTERNAL_SLOT,
    LEAK_SHIFT,
    N_FIXED_CONSTANTS,
    OUTPUT_SLOT,
    PAYLOAD_SHIFT,
    PORT_SLOT,
    SECOND_OUTPUT_SLOT,
    SECOND_STATE_SLOT,
    STATE_SLOT,
    STRICT,
    TABLE_START,
    TABLE_STEP_SHIFT,
    TABLE_X_FRACTION,
    TABLE_Y_FRACTION,
    Float64Array,
    Int64Array,
)
from neurosim.mapping.fixed_modes import lower_event_mode, lower_mode
from neurosim.models.fixed.lookup import N_UNITS, STEP_SHIFT, X_FRACTION, Y_FRACTION
from neurosim.models.fixed.sums import INVERSE_SHIFT, MEAN_SHIFT, MOST_SPREAD, NORMAL_SHIFT, ROOT_SHIFT
from neurosim.scales import PopulationScales, check_bits, conversion, power_of_two

SIGMOID, NORMAL, TANH_NORMAL = range(3)
_TABLE_LENGTH = (N_UNITS << STEP_SHIFT) + 1
_TABLE_MAGNITUDE = 1 << Y_FRACTION


class Lowered(NamedTuple):
    """rows : int64[row, size];  constants : N_FIXED_CONSTANTS integers"""

    rows: Int64Array
    constants: list[int]


def lower_population(scales: PopulationScales) -> Lowered:
    """Return the rows and constants of one population."""
    population = scales.population
    constants = [0] * N_FIXED_CONSTANTS
    constants[STRICT] = int(scales.is_strict())
    if population.model == "input":
        if population.attributes["payload"] == "graded":
            _slot(constants, OUTPUT_SLOT, scales, "graded")
        return Lowered(np.zeros((0, population.size), np.int64), constants)
    for port, item in enumerate(population.spec.ports):
        _slot(constants, PORT_SLOT + 4 * port, scales, item.name)
    for slot, output in zip((OUTPUT_SLOT, SECOND_OUTPUT_SLOT), population.spec.outputs, strict=False):
        if population.output_kind(output.name) == "graded":
            _slot(constants, slot, scales, output.name)
    rows = _LOWER[population.model](scales, constants)
    return Lowered(np.ascontiguousarray(np.stack([np.broadcast_to(row, (population.size,)) for row in rows])),
                   constants)


def _slot(constants: list[int], slot: int, scales: PopulationScales, quantity: str) -> None:
    constants[slot:slot + 4] = scales.slot(quantity)


def _table(constants: list[int], which: int) -> None:
    constants[TABLE_START] = which * _TABLE_LENGTH
    constants[TABLE_X_FRACTION], constants[TABLE_Y_FRACTION] = X_FRACTION, Y_FRACTION
    constants[TABLE_STEP_SHIFT] = STEP_SHIFT


def _largest(*tables: NDArray[Any]) -> float:
    """Return the largest magnitude in any of the tables."""
    return max(float(np.abs(table).max(initial=0)) for table in tables)


def _out(scales: PopulationScales, factor: Float64Array, bound: float, what: str = "output") -> list[Int64Array]:
    """Return mantissa and shift rows."""
    return list(conversion(factor, bound, f"{scales.where}: {what}"))


def _biased(scales: PopulationScales, bias: Int64Array, *ports: str) -> float:
    """Return the largest magnitude of charges plus bias."""
    return float(scales.magnitude(*ports) + np.abs(bias).max(initial=0))


def _linear(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    bias = scales.steps("bias", "input")
    factor = scales.scale("input") / scales.payload_scale("graded")
    return [bias, *_out(scales, factor, _biased(scales, bias, "input"))]


def _gelu(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    _table(constants, TANH_NORMAL if scales.population.attributes["form"] == "tanh" else NORMAL)
    bias = scales.steps("bias", "input")
    bound = _biased(scales, bias, "input")
    step = scales.scale("input")
    return [bias, *_out(scales, step / scales.payload_scale("graded") / _TABLE_MAGNITUDE, bound * _TABLE_MAGNITUDE),
            *_out(scales, step * 2.0**X_FRACTION, bound, "table")]


def _reduce(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    bias = scales.steps("bias", "sum")
    factor = scales.scale("sum") / scales.payload_scale("graded")
    return [bias, *_out(scales, factor, _biased(scales, bias, "sum", "max", "max_abs"))]


def _center(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    step, bound = scales.scale("value"), scales.magnitude("value", "mean")
    return [*_out(scales, step / scales.payload_scale("graded"), bound),
            *_out(scales, step**2 / scales.payload_scale("square"), float(bound) ** 2, "square")]


def _layer_norm(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    epsilon = scales.steps("epsilon", "variance")
    epsilon = np.where((scales.parameter("epsilon") > 0) & (epsilon == 0), 1, epsilon)
    scale = scales.integers("scale", scales.parameter("scale")) * scales.scale("scale")
    check_bits(f"{scales.where}: value times the inverse root", scales.magnitude("value") * 2.0**(
        INVERSE_SHIFT - ROOT_SHIFT // 2))
    if scales.magnitude("variance") > MOST_SPREAD:
        raise NetworkError(f"{scales.where}: variance has the format {scales.format('variance')}",
                           allowed=f"integers up to {MOST_SPREAD}", mend="give it up to 24 bits")
    # value times the inverse root is value 2**(INVERSE_SHIFT - ROOT_SHIFT / 2 - NORMAL_SHIFT) / sqrt(spread)
    down = 2.0 ** (INVERSE_SHIFT - ROOT_SHIFT // 2 - NORMAL_SHIFT)
    factor = scale * scales.scale("value") / np.sqrt(scales.scale("variance")) / down / scales.payload_scale("graded")
    bound = scales.magnitude("value") * 2.0 ** (INVERSE_SHIFT - ROOT_SHIFT // 2 - NORMAL_SHIFT)
    return [epsilon, *_out(scales, factor, bound), scales.steps("bias", "graded")]


def _leak(scales: PopulationScales, of: str, name: str = "leak") -> Int64Array:
    """Return the leak of state `of`; its products are bounded."""
    leak = scales.integers(name, scales.parameter(name))
    check_bits(f"{scales.where}: {name} times {of}", float(np.abs(leak).max(initial=0)) * scales.magnitude(of))
    return leak


def _integrator(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    _slot(constants, STATE_SLOT, scales, "potential")
    constants[LEAK_SHIFT] = scales.shift_of("leak")
    factor = scales.scale("potential") / scales.payload_scale("graded")
    return [scales.steps("bias", "potential"), *_out(scales, factor, scales.magnitude("potential")),
            _leak(scales, "potential")]


def _running_mean(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    _slot(constants, STATE_SLOT, scales, "total")
    factor = scales.scale("total") / scales.payload_scale("graded")
    mantissa, shift = _out(scales, factor, scales.magnitude("total") * 2.0**MEAN_SHIFT)
    return [scales.steps("bias", "total"), mantissa, shift]


def _lif(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    _slot(constants, STATE_SLOT, scales, "potential")
    constants[LEAK_SHIFT] = scales.shift_of("leak")
    return [_leak(scales, "potential"),
            *(scales.steps(name, "potential") for name in ("threshold", "reset_value", "bias")),
            scales.parameter("refractory_steps").astype(np.int64)]


def _scaled_lif(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    _slot(constants, STATE_SLOT, scales, "potential")
    constants[LEAK_SHIFT] = scales.shift_of("leak")
    return [scales.steps("threshold", "potential"), _leak(scales, "potential")]


def _bit_shift_lif(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    """Counts are sent as they are, so their scale is 1."""
    _slot(constants, STATE_SLOT, scales, "current")
    _slot(constants, SECOND_STATE_SLOT, scales, "potential")
    if scales.payload_scale("graded") != 1:
        raise NetworkError(f"{scales.where}: graded has the scale {scales.payload_scale('graded'):g}",
                           allowed="1: it counts spikes", mend="quantise the network again: neurosim quantize")
    whole = [scales.parameter(name).astype(np.int64) for name in ("first_shift", "second_shift", "membrane_shift",
                                                                  "most_spikes")]
    return [*whole[:3], scales.steps("threshold", "potential"), scales.steps("bias", "potential"), whole[3]]


def _cuba(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    """Rows of `loihi_lif`: both decays in one number of bits, counted down from 1."""
    _slot(constants, STATE_SLOT, scales, "current")
    _slot(constants, SECOND_STATE_SLOT, scales, "potential")
    fractions = {name: scales.shift_of(name) for name in ("current_leak", "leak")}
    constants[DECAY_SHIFT] = max(fractions.values())
    one = 1 << constants[DECAY_SHIFT]
    check_bits(f"{scales.where}: a decay times its state", float(one) * scales.magnitude("current", "potential"))
    decays = [one - (_leak(scales, of, name) << (constants[DECAY_SHIFT] - fractions[name]))
              for name, of in (("current_leak", "current"), ("leak", "potential"))]
    return [*decays, scales.steps("threshold", "potential"), scales.steps("bias", "potential"),
            np.zeros(scales.size, np.int64), scales.parameter("refractory_steps").astype(np.int64),
            scales.steps("reset_value", "potential")]


def _ternary(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    constants[LEAK_SHIFT] = scales.shift_of("delta_factor")
    return [_leak(scales, "threshold", "delta_factor"), scales.steps("delta", "value")]


def _glu(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    _table(constants, SIGMOID)
    value_bias, gate_bias = scales.steps("value_bias", "value"), scales.steps("gate_bias", "gate")
    payload, skip = scales.payload_scale("graded"), scales.magnitude("skip")
    return [value_bias, gate_bias,
            *_out(scales, scales.scale("gate") * 2.0**X_FRACTION, _biased(scales, gate_bias, "gate"), "gate"),
            *_out(scales, scales.scale("value") / payload / _TABLE_MAGNITUDE,
                  _biased(scales, value_bias, "value") * _TABLE_MAGNITUDE, "product"),
            *_out(scales, scales.scale("skip") / payload, skip, "skip")]


def _gsu(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    _slot(constants, INTERNAL_SLOT, scales, "product")
    biases = [scales.steps("ternary_bias", "ternary_branch"), scales.steps("graded_bias", "graded_branch")]
    largest = _biased(scales, biases[0], "ternary_branch") * _biased(scales, biases[1], "graded_branch")
    step, payload, held = scales.scale("product"), scales.payload_scale("graded"), scales.magnitude("product")
    curved = scales.population.attributes["activation"] == "gelu"
    table = _TABLE_MAGNITUDE if curved else 1
    if curved:
        _table(constants, NORMAL)
    product = scales.scale("ternary_branch") * scales.scale("graded_branch") / step
    x = _out(scales, step * 2.0**X_FRACTION, held, "table") if curved else [np.zeros(1, np.int64)] * 2
    return [*biases, *x, *_out(scales, step / payload / table, float(held) * table),
            *_out(scales, scales.scale("skip") / payload, scales.magnitude("skip"), "skip"),
            *_out(scales, product, largest, "product")]


def _state_space(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    """Mode tables, then D … BIAS of `models.fixed.state_space`, then what the model adds."""
    model = scales.population.model
    _slot(constants, STATE_SLOT, scales, "h")
    _slot(constants, INTERNAL_SLOT, scales, "y")
    constants[DECAY_SHIFT] = scales.shift_of("a")
    divisor = scales.parameter("threshold") if model == "ssm_lif" else np.ones(scales.size)
    a, b = ([scales.integers(name, scales.parameter(f"{name}_{part}"), f"{name}_{part}") for part in ("real", "imag")]
            for name in "ab")
    c = [scales.integers("c", scales.parameter(f"c_{part}") / divisor[:, None], f"c_{part}")
         for part in ("real", "imag")]
    d = scales.integers("d", scales.parameter("d") / divisor)
    h, x, total = scales.scale("h"), scales.scale("input"), scales.scale("c") * scales.scale("h")
    b_shift = power_of_two(scales.scale("b") * x / h, scales.where, "scale of b times input over h")
    d_shift = power_of_two(scales.scale("d") * x / total, scales.where, "scale of d times input over c times h")
    bias = scales.steps("bias", "input")
    given = _biased(scales, bias, "input")
    check_bits(f"{scales.where}: a times h", 4.0 * _largest(*a) * scales.magnitude("h"))
    check_bits(f"{scales.where}: b times input", 2.0 * given * _largest(*(item * 2.0**np.maximum(-b_shift, 0)[:, None]
                                                                          for item in b)))
    check_bits(f"{scales.where}: d times input", given * _largest(d * 2.0**np.maximum(-d_shift, 0)))
    bound = 2.0 * float((np.abs(c[0]) + np.abs(c[1])).sum(axis=1).max(initial=0)) * scales.magnitude("h")
    bound += float((np.abs(d) * np.exp2(-d_shift)).max(initial=0)) * given + 1
    rows = [*(table.T for tables in (a, b, c) for table in tables)]
    tail = [d, d_shift, b_shift, *_out(scales, total / scales.scale("y"), bound, "y"), bias]
    return [*(row for table in rows for row in table), *tail, *_STATE_SPACE_TAIL[model](scales, constants)]


def _heaviside_tail(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    return [scales.steps("threshold", "y")]


def _ssm_lif_tail(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    _slot(constants, SECOND_STATE_SLOT, scales, "potential")
    constants[LEAK_SHIFT] = scales.shift_of("leak")
    one = np.rint(1.0 / scales.scale("potential")).astype(np.int64)
    if np.any(one < 1) or np.any(one > scales.format("potential").high):
        raise NetworkError(f"{scales.where}: the firing level 1 is {one.min()} to {one.max()} steps of potential",
                           allowed=f"1 to {scales.format('potential').high}",
                           mend="give the potential more bits, or a fraction that holds 1")
    return [one, _leak(scales, "potential")]


def _ssm_tail(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    none = np.zeros(1, np.int64)
    curved = scales.population.attributes["activation"] == "gelu"
    table, held = _TABLE_MAGNITUDE if curved else 1, scales.magnitude("y")
    if curved:
        _table(constants, NORMAL)
    x = _out(scales, scales.scale("y") * 2.0**X_FRACTION, held, "table") if curved else [none, none]
    return [*_out(scales, scales.scale("y") / scales.payload_scale("graded") / table, float(held) * table), *x]


_STATE_SPACE_TAIL: dict[str, Callable[[PopulationScales, list[int]], list[Int64Array]]] = {
    "ssm": _ssm_tail, "ssm_heaviside": _heaviside_tail, "ssm_lif": _ssm_lif_tail}


def _resonator(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    _slot(constants, STATE_SLOT, scales, "real")
    constants[DECAY_SHIFT] = scales.shift_of("a")
    return [scales.integers("a", scales.parameter("a_imag")), scales.integers("a", scales.parameter("a_real")),
            scales.steps("threshold", "real")]


def _encoder(scales: PopulationScales, constants: list[int], of: str) -> None:
    """Payloads are changes of the state, cut by whole bits."""
    _slot(constants, STATE_SLOT, scales, of)
    shift = power_of_two(scales.scale(of) / scales.payload_scale("graded"), scales.where, f"scale of {of} over graded")
    if shift.min() != shift.max() or shift[0] < 0:
        raise NetworkError(f"{scales.where}: the scale of graded is 2**{shift.min()} to 2**{shift.max()} that of {of}",
                           allowed="one power of two from 1 up for all neurons",
                           mend="quantise the network again: neurosim quantize")
    constants[PAYLOAD_SHIFT] = int(shift[0])


def _sigma_delta(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    _encoder(scales, constants, "sigma")
    return [scales.steps("threshold", "sigma"), scales.steps("bias", "sigma")]


def _delta(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    _encoder(scales, constants, "input")
    return [scales.steps("threshold", "input"), np.zeros(scales.size, np.int64)]


def _brf(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    """The gain of q brings it into steps of the damping, to which it is added. A spike lifts it by 1, or not at all."""
    _slot(constants, STATE_SLOT, scales, "u")
    _slot(constants, SECOND_STATE_SLOT, scales, "q")
    constants[DECAY_SHIFT], constants[LEAK_SHIFT] = scales.shift_of("omega"), scales.shift_of("damping")
    omega, damping = _leak(scales, "u", "omega"), _leak(scales, "u", "damping")
    gain = scales.integers("refractory_gain", scales.parameter("refractory_gain")) * scales.scale("refractory_gain")
    factor = gain * scales.scale("q") / scales.scale("damping")
    mantissa, shift = _out(scales, factor, scales.magnitude("q"), "refractory_gain")
    rise = float(scales.population.attributes["refractory"] == "on")
    most = np.abs(damping) + scales.magnitude("q") * np.abs(mantissa) * np.exp2(-shift) + 1
    check_bits(f"{scales.where}: damping and refractory_gain q times u", _largest(most) * scales.magnitude("u"))
    return [omega, damping, scales.steps("threshold", "u"), _leak(scales, "q", "refractory_decay"),
            _shift(scales, "refractory_decay"), mantissa, shift, _one_spike(scales, "q", np.full(scales.size, rise))]


def _alif(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    """The rise of the adaptation is what its leak, as stored, leaves of 1."""
    _slot(constants, STATE_SLOT, scales, "potential")
    _slot(constants, SECOND_STATE_SLOT, scales, "adaptation")
    constants[LEAK_SHIFT], constants[DECAY_SHIFT] = scales.shift_of("leak"), scales.shift_of("adaptation_leak")
    kept = _leak(scales, "adaptation", "adaptation_leak")
    rise = _one_spike(scales, "adaptation", 1.0 - kept * scales.scale("adaptation_leak"))
    return [_leak(scales, "potential"), kept, scales.steps("threshold", "potential"),
            _leak(scales, "adaptation", "beta"), _shift(scales, "beta"), _leak(scales, "input", "input_gain"),
            _shift(scales, "input_gain"), rise]


def _shift(scales: PopulationScales, name: str) -> Int64Array:
    return np.full(1, scales.shift_of(name))


def _one_spike(scales: PopulationScales, of: str, rise: Float64Array) -> Int64Array:
    """Return by how many steps a spike lifts a state; refused where a rise that is not 0 would be none."""
    steps = np.rint(rise / scales.scale(of)).astype(np.int64)
    lost = (rise != 0) & ((steps == 0) | (np.abs(steps) > scales.format(of).high))
    if np.any(lost):
        worst = int(np.argmax(lost))
        raise NetworkError(f"{scales.where}: a spike lifts {of} by {rise[worst]:g}, which is {steps[worst]} steps",
                           allowed=f"1 to {scales.format(of).high}",
                           mend=f"give {of} more bits, or a fraction that holds {rise[worst]:g}")
    return steps


_LOWER: dict[str, Callable[[PopulationScales, list[int]], list[Int64Array]]] = {
    "linear": _linear, "relu": _linear, "gelu": _gelu, "reduce": _reduce, "center": _center,
    "layer_norm": _layer_norm, "integrator": _integrator, "running_mean": _running_mean, "lif": _lif, "cuba": _cuba,
    "ternary": _ternary, "glu": _glu, "gsu": _gsu, "ssm": _state_space, "ssm_heaviside": _state_space,
    "ssm_lif": _state_space, "resonator": _resonator, "sigma_delta": _sigma_delta, "delta": _delta, "brf": _brf,
    "alif": _alif, "mode": lower_mode, "event_mode": lower_event_mode, "scaled_lif": _scaled_lif,
    "bit_shift_lif": _bit_shift_lif,
}
