"""`update_fixed` against plain integers: random tables of every model, the ends of every range among them.

Every rounding, overflow and attribute; several tokens in a row, so that state is carried. What a mapping would refuse
is not drawn: products and sums stay below 2**62.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from neurosim import machine
from neurosim.formats import OVERFLOWS, ROUNDINGS
from neurosim.machine import N_FIXED_CONSTANTS, N_OPTIONS
from neurosim.model_specs import MODEL_INDEX, SPEC_BY_NAME
from neurosim.models.fixed import lookup
from neurosim.models.fixed.registry import draws_per_update, update_fixed
from tests.models.fixed.test_against_oracle import between
from tests.models.fixed.uncompiled import uncompiled
from tests.oracle import fixed_models as oracle

MILLION = 10**6
N_TOKENS = 3
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Random = np.random.Generator
MODELS = tuple(oracle.MODELS)
STATE_SPACES = ("ssm_lif", "ssm_heaviside", "ssm")
GATES = ("glu", "gsu", "ternary")
FAMILIES = {"state_spaces": STATE_SPACES, "lif": ("lif", "cuba", "scaled_lif"), "gates": GATES}
SECOND_STATES = {"ssm_lif": ("potential",), "cuba": ("potential",), "brf": ("q",), "alif": ("adaptation",),
                 "bit_shift_lif": ("potential",)}
# Their only state may be unsigned.
ONE_STATE = ("lif", "integrator", "running_mean", "scaled_lif")
SLOTS = {"value": machine.PORT_SLOT, "state": machine.STATE_SLOT, "second_state": machine.SECOND_STATE_SLOT,
         "internal": machine.INTERNAL_SLOT, "output": machine.OUTPUT_SLOT, "second_output": machine.SECOND_OUTPUT_SLOT}
TABLES = [oracle.table_of(oracle.sigmoid_above_half), oracle.table_of(oracle.normal_above_half),
          oracle.table_of(oracle.normal_above_half, 6, 8, 0), oracle.table_of(oracle.sigmoid_above_half, 12, 12, 5)]


@dataclass
class Case:
    """One population for several tokens, as kernels see it.

    parameters : int64[row, size];  state : int64[row, size] before the first token
    charges : int64[token, port, size]
    first : first random entry of the first token
    """

    model: str
    setting: oracle.Setting
    parameters: Ints
    state: Ints
    charges: Ints
    first: int

    @property
    def size(self) -> int:
        return self.charges.shape[2]

    def constants(self, table_start: int) -> Ints:
        """Return the row of machine.Fixed.constants."""
        setting, row = self.setting, np.zeros(N_FIXED_CONSTANTS, np.int64)
        for name, slot in setting.slots.items():
            row[SLOTS[name]:SLOTS[name] + 4] = [slot.bits, slot.signed, OVERFLOWS.index(slot.overflow),
                                                ROUNDINGS.index(slot.rounding)]
        row[[machine.DECAY_SHIFT, machine.LEAK_SHIFT, machine.PAYLOAD_SHIFT, machine.STREAM_KEY]] = [
            setting.decay_shift, setting.leak_shift, setting.payload_shift, setting.key]
        row[[machine.TABLE_START, machine.TABLE_X_FRACTION, machine.TABLE_Y_FRACTION, machine.TABLE_STEP_SHIFT]] = [
            table_start, *setting.table[1:]]
        return row

    def options(self) -> NDArray[np.int32]:
        """Return the index of each attribute's choice."""
        chosen = [attribute.choices.index(self.setting.options[attribute.name])
                  for attribute in SPEC_BY_NAME[self.model].attributes]
        return np.array(chosen + [0] * (N_OPTIONS - len(chosen)), np.int32)


@dataclass
class Token:
    """What one update leaves behind."""

    output: list[list[int]]
    state: list[list[int]]
    active: list[int]
    n_overflows: int


def run_kernel(case: Case, kernel: Callable[..., Any] = update_fixed) -> list[Token]:
    """Run all tokens; the table stands behind others."""
    start = 7
    table = np.array([-1] * start + list(case.setting.table.entries), np.int64)
    constants, options, state = case.constants(start), case.options(), case.state.copy()
    output = np.full((len(SPEC_BY_NAME[case.model].outputs), case.size), 77, np.int64)
    active, tokens, n_modes = np.full(case.size, 7, np.uint8), [], case.setting.n_modes
    for number, charge in enumerate(case.charges):
        first = case.first + number * draws_per_update(n_modes, case.size)
        n_overflows = kernel(MODEL_INDEX[case.model], constants, table, options, n_modes, case.parameters, state,
                             charge, output, active, first)
        tokens.append(Token(output.T.tolist(), state.T.tolist(), active.tolist(), int(n_overflows)))
    return tokens


def run_oracle(case: Case) -> list[Token]:
    model, setting, tokens = oracle.MODELS[case.model], case.setting, []
    state, parameters = case.state.T.tolist(), case.parameters.T.tolist()
    for number, charges in enumerate(case.charges):
        first = case.first + number * oracle.entries_per_update(setting.n_modes, case.size)
        charge = charges.T.tolist()
        active = [int(oracle.is_active(case.model, setting, *each))
                  for each in zip(parameters, state, charge, strict=True)]
        results = [model(setting, *each, oracle.Place(first, case.size, neuron))
                   for neuron, each in enumerate(zip(parameters, state, charge, strict=True))]
        state = [list(result[1]) for result in results]
        tokens.append(Token([list(result[0]) for result in results], state, active,
                            sum(result[2] for result in results)))
    return tokens


def assert_agree(case: Case, kernel: Callable[..., Any] = update_fixed) -> list[Token]:
    """Compare kernel and oracle; return the tokens."""
    found, expected = run_kernel(case, kernel), run_oracle(case)
    for number, (left, right) in enumerate(zip(found, expected, strict=True)):
        for name in ("output", "state", "active", "n_overflows"):
            assert getattr(left, name) == getattr(right, name), (case.model, name, number, case.setting.slots)
    return found


# --- random cases ----------------------------------------------------------------------------------------------------

@dataclass
class Draw:
    """Rows of random numbers, in ranges in which no product or sum reaches 2**62.

    tame : every value stays within three halves of a turn of its format, for `lava_wrap`, which turns only once
    ends : nothing but the ends of ranges
    """

    random: Random
    size: int
    charge_bits: int
    slots: Mapping[str, oracle.Slot]
    tame: bool
    ends: bool
    table_bits: int
    decay_shift: int

    @property
    def x_bits(self) -> int:
        """Bits of charge plus bias, without the sign."""
        return max(self.charge_bits - 1, 15 + self.charge_bits // 3) + 1

    @property
    def state_bits(self) -> int:
        return self.slots["state"].bits

    def row(self, low: int, high: int) -> Ints:
        if self.ends:
            return self.random.choice(np.array([low, high], np.int64), self.size)
        return between(self.random, low, high, self.size)

    def signed(self, bits: int, n_rows: int = 1) -> list[Ints]:
        return [self.row(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for _ in range(n_rows)]

    def steps(self, low: int = -(2**15)) -> Ints:
        """16 bits, perhaps of coarser steps: a bias, a threshold."""
        return self.row(low, 2**15 - 1) << self.random.integers(0, self.charge_bits // 3)

    def shift(self, low: int, near: int) -> Ints:
        """Shifts from `low` to 62, most of them around `near`."""
        low = max(low, -62)
        around = np.clip(near + self.random.integers(-4, 5, self.size), low, 62)
        return np.where(self.random.random(self.size) < 0.75, around, self.row(low, 62))

    def conversion(self, bits: int, to_bits: int, most_bits: int = 60) -> list[Ints]:
        """Mantissa and shift of values below 2**bits, most of which then need `to_bits`, and none `most_bits`."""
        mantissa, mantissa_bits = self.row(2**14, 2**15), 16
        if bits + mantissa_bits > 60:
            mantissa, mantissa_bits = np.ones(self.size, np.int64), 1
        mantissa = np.where(self.random.random(self.size) < 0.4, 1, mantissa)
        return [mantissa, self.shift(bits + mantissa_bits - most_bits, bits + mantissa_bits - to_bits)]

    def sent(self, bits: int) -> list[Ints]:
        """A conversion to the payload."""
        return self.conversion(bits, self.slots["output"].bits)

    def kept(self, bits: int) -> list[Ints]:
        """A conversion to `internal`."""
        return self.conversion(bits, 24, 24 if self.tame else 60)

    def within(self, slot: str) -> Ints:
        """Numbers of a slot's range."""
        bits, signed, overflow, _ = self.slots[slot]
        if not signed:
            return self.row(0, 2**bits - 1)
        return self.row(-(2 ** (bits - 1)) + (overflow == "lava_wrap"), 2 ** (bits - 1) - 1)


def state_space_rows(draw: Draw, n_modes: int) -> list[Ints]:
    """Tables of modes, and the tail up to the bias: 16-bit decays, 8-bit gains."""
    total_bits, gained_bits = draw.state_bits + 10, 7 + draw.x_bits
    return [*draw.signed(16, 2 * n_modes), *draw.signed(8, 4 * n_modes), *draw.signed(8),
            draw.shift(gained_bits - total_bits, gained_bits - draw.state_bits),
            draw.shift(gained_bits - (draw.state_bits - 1 if draw.tame else 58), gained_bits + 3 - draw.state_bits),
            *draw.kept(total_bits + 1), draw.steps()]


def cuba_rows(draw: Draw) -> list[Ints]:
    """Decays count down from 1; a bias has no exponent."""
    decays = [2**draw.decay_shift - leak for leak in draw.signed(16, 2)]
    return [*decays, draw.steps(), draw.steps(), np.zeros(draw.size, np.int64), draw.row(0, 63), draw.steps()]


def layer_norm_rows(draw: Draw) -> list[Ints]:
    mantissa, shift = draw.sent(draw.charge_bits + 7)
    return [draw.row(0, 2**15 - 1), mantissa * draw.random.choice([-1, 1], draw.size), shift, draw.steps()]


def glu_rows(draw: Draw) -> list[Ints]:
    return [draw.steps(), draw.steps(), *draw.conversion(draw.x_bits, 14), *draw.sent(draw.x_bits + 15),
            *draw.sent(draw.charge_bits)]


def gsu_rows(draw: Draw) -> list[Ints]:
    return [draw.steps(), draw.steps(), *draw.conversion(25, 14), *draw.sent(25 + draw.table_bits),
            *draw.sent(draw.charge_bits), *draw.kept(2 * draw.x_bits)]


def brf_rows(draw: Draw) -> list[Ints]:
    """Rates of 16 bits; q times the gain is a damping of up to 18 bits."""
    mantissa, shift = draw.conversion(draw.state_bits, 16, 18)
    decay_shift = draw.shift(15 if draw.tame else 0, 15)
    return [*draw.signed(16, 2), draw.steps(), *draw.signed(16), decay_shift, mantissa, shift,
            draw.row(0, 2**draw.state_bits - 1 if not draw.tame else 2**(draw.state_bits - 1))]


def alif_rows(draw: Draw) -> list[Ints]:
    return [*draw.signed(16, 2), draw.steps(), *draw.signed(16), draw.shift(0, 15), *draw.signed(16), draw.shift(0, 15),
            draw.row(0, 2**(draw.state_bits - 1))]


ROWS: dict[str, Callable[[Draw], list[Ints]]] = {
    "linear": lambda draw: [draw.steps(), *draw.sent(draw.x_bits)],
    "relu": lambda draw: [draw.steps(), *draw.sent(draw.x_bits)],
    "gelu": lambda draw: [draw.steps(), *draw.sent(draw.x_bits + 15), *draw.conversion(draw.x_bits, 14)],
    "reduce": lambda draw: [draw.steps(), *draw.sent(draw.x_bits + 2)],
    "center": lambda draw: [*draw.sent(draw.charge_bits), *draw.conversion(2 * draw.charge_bits, 24)],
    "layer_norm": layer_norm_rows,
    "integrator": lambda draw: [draw.steps(), *draw.sent(draw.state_bits), *draw.signed(16)],
    "running_mean": lambda draw: [draw.steps(), *draw.sent(draw.state_bits + 8)],
    "lif": lambda draw: [*draw.signed(16), draw.steps(), draw.steps(), draw.steps(), draw.row(0, 63)],
    "scaled_lif": lambda draw: [draw.steps(), *draw.signed(16)],
    "bit_shift_lif": lambda draw: [draw.row(0, 8), draw.row(0, 8), draw.row(0, 8), draw.steps(), draw.steps(),
                                   draw.row(0, 31)],
    "cuba": cuba_rows,
    "ternary": lambda draw: [*draw.signed(16), draw.row(0, 2**23 - 1)],
    "glu": glu_rows,
    "gsu": gsu_rows,
    "resonator": lambda draw: [*draw.signed(16, 2), *draw.signed(24)],
    "sigma_delta": lambda draw: [draw.row(0, 2**23 - 1), *draw.signed(24)],
    "delta": lambda draw: [draw.row(0, 2**23 - 1), np.zeros(draw.size, np.int64)],
    "brf": brf_rows,
    "alif": alif_rows,
    "mode": lambda draw: [*draw.signed(16, 2), *draw.sent(draw.state_bits), *draw.sent(draw.state_bits)],
    "event_mode": lambda draw: [*draw.signed(16, 2 * int(draw.random.choice([1, 5, 23]))),
                                *draw.sent(draw.state_bits), *draw.sent(draw.state_bits)],
}

TAILS: dict[str, Callable[[Draw], list[Ints]]] = {
    "ssm": lambda draw: [*draw.sent(25 + draw.table_bits), *draw.conversion(25, 14)],
    "ssm_heaviside": lambda draw: [draw.steps()],
    "ssm_lif": lambda draw: [draw.row(1, 2**22), *draw.signed(16)],
}


def random_state(draw: Draw, model: str, n_modes: int) -> Ints:
    """Words of state within their formats."""
    spec = SPEC_BY_NAME[model]
    small = {"refractory": 3, "count": 4096}
    rows = []
    for word in spec.state:
        slot = "second_state" if word.name in SECOND_STATES.get(model, ()) else "state"
        for _ in range(n_modes if word.per_mode else 1):
            rows.append(draw.row(0, small[word.name]) if word.name in small else draw.within(slot))
    return np.stack(rows) if rows else np.zeros((0, draw.size), np.int64)


def random_slots(random: Random, model: str, seed: int) -> dict[str, oracle.Slot]:
    """20 seeds in a row see all roundings and overflows of `state` and `output`, mostly with different roundings."""
    slots = {}
    for number, name in enumerate(SLOTS):
        overflow, rounding = OVERFLOWS[seed // 5 % 4], ROUNDINGS[(seed + number * (seed // 5)) % 5]
        if name not in ("state", "output") and random.random() < 0.5:
            overflow = OVERFLOWS[random.integers(4)]
        signed = overflow == "lava_wrap" or (name == "state" and model not in ONE_STATE) or random.random() < 0.8
        slots[name] = oracle.Slot(24, bool(signed), overflow, rounding)
    slots["output"] = slots["output"]._replace(bits=int(random.choice([8, 16, 24])))
    if all(slot.overflow != "lava_wrap" for slot in slots.values()):
        slots["state"] = slots["state"]._replace(bits=int(random.choice([12, 24, 24, 32])))
    return slots


def random_options(model: str, number: int) -> dict[str, str]:
    """Return a choice of all attributes, one combination after the other."""
    attributes = SPEC_BY_NAME[model].attributes
    choices = list(itertools.product(*(attribute.choices for attribute in attributes)))
    return dict(zip([attribute.name for attribute in attributes], choices[number % len(choices)], strict=True))


def n_choices(model: str) -> int:
    """Return the number of combinations of a model's attributes."""
    return math.prod(len(attribute.choices) for attribute in SPEC_BY_NAME[model].attributes)


def random_case(model: str, seed: int, size: int, n_tokens: int = N_TOKENS) -> Case:
    """Build a case. 20 seeds in a row see all roundings and overflows, 20 more the next choice of attributes."""
    random, spec, options = np.random.default_rng(seed), SPEC_BY_NAME[model], random_options(model, seed // 20)
    slots = random_slots(random, model, seed)
    tame = any(slot.overflow == "lava_wrap" for slot in slots.values())
    n_modes = int(random.integers(1, 4)) if spec.has_modes else 0
    shifts = [15, 15, 16, 62] if tame else [0, 12, 15, 15, 62]
    decay_shift = int(random.choice([-8, *shifts] if spec.has_modes and not tame else shifts))
    if model == "cuba":
        decay_shift = min(decay_shift, 30)
    draw = Draw(random, size, int(random.choice([6, 16, 23, 23] if tame else [6, 16, 24, 24])), slots, tame,
                seed % 7 == 3, 15 if options.get("activation") == "gelu" else 0, decay_shift)
    rows = np.stack([*state_space_rows(draw, n_modes), *TAILS[model](draw)] if spec.has_modes else ROWS[model](draw))
    state = random_state(draw, model, n_modes)
    charges = np.stack([np.stack(draw.signed(draw.charge_bits, len(spec.ports))) for _ in range(n_tokens)])
    biases = [6 * n_modes + row for row in oracle.BIASES.get(model, [])]
    rows[biases] *= random.random(size) < 0.7
    for table in (state, charges[0], charges[1:]):      # some neurons are silent, some only at first
        table *= random.random(size) < 0.7
    setting = oracle.Setting(
        slots, options, n_modes, decay_shift, leak_shift=int(random.choice(shifts if tame else [-8, *shifts])),
        payload_shift=int(random.choice([0, 1, 6, 62])), key=int(random.integers(2**63)),
        table=TABLES[random.integers(len(TABLES))])
    return Case(model, setting, rows, state, charges, int(random.choice([0, 2**40 + 1])))


# --- against the oracle ----------------------------------------------------------------------------------------------

def compare_family(models: Sequence[str], n_updates: int) -> None:
    """Compare `n_updates` updates of neurons; every rounding, overflow and attribute of every model."""
    n_cases = {model: 20 * n_choices(model) for model in models}
    size = -(-n_updates // (sum(n_cases.values()) * N_TOKENS))
    for model in models:
        tokens = [token for seed in range(n_cases[model]) for token in assert_agree(random_case(model, seed, size))]
        assert len({value for token in tokens for neuron in token.output for value in neuron}) >= 2
        assert {flag for token in tokens for flag in token.active} == {0, 1}
        assert (sum(token.n_overflows for token in tokens) > 0) is (model != "ternary")


@pytest.mark.parametrize("models", FAMILIES.values(), ids=FAMILIES)
def test_family(models: tuple[str, ...]) -> None:
    compare_family(models, MILLION // 10)


@pytest.mark.slow
@pytest.mark.parametrize("models", FAMILIES.values(), ids=FAMILIES)
def test_family_a_million_times(models: tuple[str, ...], pytestconfig: pytest.Config) -> None:
    if "slow" not in str(pytestconfig.getoption("markexpr")):
        pytest.skip("takes a minute: run it with pytest -m slow")
    compare_family(models, MILLION)


@pytest.mark.parametrize("model", [model for model in MODELS if model not in sum(FAMILIES.values(), ())])
def test_other_model(model: str) -> None:
    compare_family([model], MILLION // 50)


@pytest.mark.parametrize("model", MODELS)
def test_uncompiled(model: str) -> None:
    """The kernel as plain Python, a few hundred updates of each model."""
    for seed in range(20 * n_choices(model)):
        assert_agree(random_case(model, seed, max(1, 16 // n_choices(model)), 2), uncompiled(update_fixed))


@given(st.sampled_from(MODELS), st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 5))
def test_any_case(model: str, seed: int, size: int, n_tokens: int) -> None:
    assert_agree(random_case(model, seed, size, n_tokens))


# --- what holds of any integers --------------------------------------------------------------------------------------

@given(st.sampled_from(MODELS), st.integers(0, 2**32), st.integers(2, 9), st.randoms(use_true_random=False))
def test_neurons_do_not_see_each_other(model: str, seed: int, size: int, shuffled: Any) -> None:
    """Where nothing is random, a neuron's place does not matter."""
    case = random_case(model, seed, size)
    slots = {name: slot._replace(rounding="nearest_even" if slot.rounding == "stochastic" else slot.rounding)
             for name, slot in case.setting.slots.items()}
    order = list(range(size))
    shuffled.shuffle(order)
    case = replace(case, setting=case.setting._replace(slots=slots))
    moved = replace(case, **{name: np.ascontiguousarray(getattr(case, name)[..., order])
                             for name in ("parameters", "state", "charges")})
    for left, right in zip(run_kernel(case), run_kernel(moved), strict=True):
        assert right.n_overflows == left.n_overflows
        for name in ("output", "state", "active"):
            assert getattr(right, name) == [getattr(left, name)[neuron] for neuron in order]


@given(st.sampled_from(MODELS), st.integers(0, 2**32))
def test_silence(model: str, seed: int) -> None:
    """Nothing in, nothing held, no bias: nothing out, nobody active; the count of tokens alone goes on."""
    case = random_case(model, seed, 5)
    for table in (case.state, case.charges):
        table[:] = 0
    case.parameters[[6 * case.setting.n_modes + row for row in oracle.BIASES.get(model, [])]] = 0
    if SPEC_BY_NAME[model].outputs[0].kind == "spike":
        rows = {"lif": 1, "cuba": 2, "resonator": 2, "brf": 2, "alif": 2, "ssm_lif": -2, "scaled_lif": 0}
        threshold = rows.get(model, -1)
        case.parameters[threshold] = np.maximum(case.parameters[threshold], 1)
    for number, token in enumerate(run_kernel(case)):
        assert not np.any(token.output) and token.n_overflows == 0
        if model == "running_mean":
            assert token.state == [[0, number + 1]] * 5
        else:
            assert not np.any(token.state) and not any(token.active)


# --- tables ----------------------------------------------------------------------------------------------------------

FUNCTIONS = {"sigmoid": (lookup.sigmoid_of, oracle.sigmoid_above_half),
             "normal": (lookup.normal_of, oracle.normal_above_half),
             "tanh": (lookup.tanh_normal_of, oracle.tanh_above_half)}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tables(name: str) -> None:
    function, above_half = FUNCTIONS[name]
    for y_fraction, step_shift in ((lookup.Y_FRACTION, lookup.STEP_SHIFT), (8, 0), (20, 6)):
        assert (lookup.table_of(function, y_fraction, step_shift).tolist()
                == oracle.table_of(above_half, 10, y_fraction, step_shift).entries)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_table_is_close_to_its_function(name: str) -> None:
    """Half a step of the entries, one of the floor, and what a chord over 1/16 leaves: 1/8 F'' / 16**2."""
    function, above_half = FUNCTIONS[name]
    table = oracle.table_of(above_half)
    curvature = {"sigmoid": 0.0963, "normal": 0.242, "tanh": 0.25}[name]
    bound = 1.5 * 2.0**-15 + curvature / 8 / 16**2
    for x in range(-17 * 1024, 17 * 1024):
        assert abs(oracle.looked_up(table, x) / 2**15 - function(x / 1024)) <= bound


# --- integers in float64 ---------------------------------------------------------------------------------------------

def test_floor_in_float64_is_the_same() -> None:
    """The recurrence in float64, np.floor of products over powers of two: bit for bit while nothing reaches 2**53."""
    n_modes, size, n_tokens, largest = 16, 40, 300, 0.0
    random = np.random.default_rng(1)
    slots = dict.fromkeys(SLOTS, oracle.Slot(24, True, "saturate", "floor"))
    setting = oracle.Setting(slots, {"comparator": ">="}, n_modes, 15, 15, 0, 0, TABLES[0])
    angle, radius = random.uniform(0, np.pi, (n_modes, size)), random.uniform(0.7, 0.9999, (n_modes, size))
    a = np.rint(2.0**15 * radius * np.stack([np.cos(angle), np.sin(angle)])).astype(np.int64)
    b, c = random.integers(-128, 128, (2, 2, n_modes, size))
    d, d_shift, b_shift = random.integers(-128, 128, size), random.integers(-4, 5, size), random.integers(-3, 8, size)
    mantissa, shift = random.integers(2**14, 2**15, size), random.integers(20, 26, size)
    bias, one, leak = random.integers(-2**10, 2**10, size), random.integers(2**12, 2**18, size), np.full(size, 2**12)
    rows = [*(row for table in (a, b, c) for row in table.reshape(-1, size)), d, d_shift, b_shift, mantissa, shift,
            bias, one, leak]
    charges = random.integers(-2**14, 2**14, (n_tokens, 1, size))
    case = Case("ssm_lif", setting, np.stack(rows), np.zeros((2 * n_modes + 1, size), np.int64), charges, 0)

    def over(product: Floats, n: Any) -> Floats:
        nonlocal largest
        largest = max(largest, float(np.abs(product).max()))
        return np.floor(product / 2.0**n)

    def held(value: Floats) -> Floats:
        return np.clip(value, -2.0**23, 2.0**23 - 1)

    re, im, potential = np.zeros((n_modes, size)), np.zeros((n_modes, size)), np.zeros(size)
    (a_re, a_im), (b_re, b_im), (c_re, c_im) = (table.astype(np.float64) for table in (a, b, c))
    tokens = run_kernel(case)
    for charge, token in zip(charges[:, 0], tokens, strict=True):
        x = (charge + bias).astype(np.float64)
        re, im = (held(over(a_re * re, 15) - over(a_im * im, 15) + over(b_re * x, b_shift)),
                  held(over(a_re * im, 15) + over(a_im * re, 15) + over(b_im * x, b_shift)))
        total = 2 * (c_re * re - c_im * im).sum(axis=0) + over(d * x, d_shift)
        membrane = held(over(leak * potential, 15) + held(over(total * mantissa, shift)))
        spike = membrane >= one
        potential = np.where(spike, 0.0, membrane)
        assert token.output == spike.astype(int)[:, None].tolist()
        assert token.state == np.vstack([re, im, potential]).T.tolist()
    assert 2.0**40 < largest < 2.0**53
    assert 100 < sum(sum(map(sum, token.output)) for token in tokens) < n_tokens * size / 2
