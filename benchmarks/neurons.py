"""Neuron updates per second of the integer kernels, against float32 and against loops written by hand.

    python benchmarks/neurons.py [--neurons N] [--modes N] [--channels N] [--steps N] [--repeat N] [--json FILE]

One run on one core. What is compared must agree in every word before any of it is timed; see README.md in this folder.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import neuron_loops as loops
import numba
import numpy as np
from harness import Progress, environment, parser_of, pin, print_environment, write_json
from numpy.typing import NDArray

from neurosim import numbers
from neurosim.machine import DECAY_SHIFT, INTERNAL_SLOT, N_FIXED_CONSTANTS, STATE_SLOT
from neurosim.models import diagonal_ssm
from neurosim.models.fixed import integer_s5, loihi_lif, state_space

N_INPUTS = 8                            # they take turns: few, so that tables and inputs stay in the cache
N_COMPARED = 100                        # steps
TARGET_S5, TARGET_LIF = 3.0, 1.3
A_FRACTION, BU_FRACTION, X_FRACTION, X_BITS = 15, 10, 8, 16
S4D_BITS, MANTISSA, DESCALE_SHIFT = 24, 2**14, 26
Array = NDArray[Any]


@dataclass(frozen=True)
class Contender:
    """A way to advance neurons: `advance(n_steps, inputs, *arguments)` is timed."""

    name: str
    advance: Callable[..., None]
    inputs: Array                           # [N_INPUTS, ...]
    arguments: tuple[Any, ...]
    words: tuple[Array, ...]                # of state and output: begin at 0, and are compared
    yardsticks: tuple[str, ...] = ()        # whose time is 1, for each column of ratios
    target: float | None = None             # of the first ratio

    def run(self, n_steps: int) -> None:
        self.advance(n_steps, self.inputs, *self.arguments)

    def reset(self) -> None:
        for words in self.words:
            words[:] = 0

    def history(self) -> Iterator[Array]:
        """Yield all words after each step from 0."""
        self.reset()
        for step in range(N_COMPARED):
            self.advance(1, self.inputs[step % N_INPUTS:], *self.arguments)
            yield np.concatenate([words.ravel() for words in self.words])


@dataclass(frozen=True)
class Workload:
    title: str
    n_updates: int                          # per step
    columns: tuple[str, ...]                # headings of the ratios
    contenders: Sequence[Contender]


@dataclass(frozen=True)
class Row:
    """One line of the result."""

    workload: str
    name: str
    updates: int
    cpu_s: float                            # of a good run: a quarter of them took less
    target: float | None
    ratios: dict[str, float]                # CPU time over that of the yardstick: median

    @property
    def updates_per_s(self) -> float:
        return self.updates / self.cpu_s


def stepped(step: Any) -> Callable[..., None]:
    """Return a compiled loop over time steps around `step(input, *arguments)`."""
    @numba.njit  # type: ignore[untyped-decorator]
    def advance(n_steps: Any, inputs: Any, *arguments: Any) -> None:
        for step_number in range(n_steps):
            step(inputs[step_number % N_INPUTS], *arguments)
    return advance  # type: ignore[no-any-return]


def aligned(values: Array) -> Array:
    """Return a copy that begins with a cache line: where a table happens to lie can make a loop a third slower."""
    memory = np.zeros(values.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    copy = memory[start:start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


def zeros(shape: Any, dtype: Any) -> Array:
    return aligned(np.zeros(shape, dtype))


def check_equal(contender: Contender, name: str, expected: Iterable[Array]) -> None:
    """Stop unless every word is as expected after every step."""
    for step, (words, right) in enumerate(zip(contender.history(), list(expected), strict=True), 1):
        n_different = np.count_nonzero(words != right)
        if n_different:
            sys.exit(f"{contender.name} and {name} differ in {n_different} of {len(words)} words after step {step}")


# --- state spaces ----------------------------------------------------------------------------------------------------

@numba.njit  # type: ignore[untyped-decorator]
def _scan(bu: Any, shifts: Any, a_real: Any, a_imag: Any, x_real: Any, x_imag: Any) -> None:
    integer_s5.advance_scan(shifts, a_real, a_imag, bu[0], bu[1], X_BITS, x_real, x_imag)


@numba.njit  # type: ignore[untyped-decorator]
def _fixed_s4d(u: Any, constants: Any, n_modes: Any, parameters: Any, state: Any, y: Any, active: Any) -> None:
    state_space.advance_fixed_modes(constants, n_modes, parameters, state, u, y, active, 0)


@numba.njit  # type: ignore[untyped-decorator]
def _float_s4d(u: Any, n_modes: Any, parameters: Any, state: Any, y: Any, active: Any) -> None:
    diagonal_ssm.advance_modes(n_modes, parameters, state, u, y, active)


def state_spaces(n_modes: int, n_channels: int, random: np.random.Generator) -> Workload:
    """Return the same values in float32, in Intel's integers and in S4D's of 24 bits."""
    shape, flat = (n_modes, n_channels), (2 * n_modes, n_channels)
    a = random.uniform(0.5, 0.98, shape) * np.exp(1j * random.uniform(0, np.pi, shape))
    fixed_a = aligned(np.round(np.stack([a.real, a.imag]) * 2**A_FRACTION).astype(np.int64))
    fixed_bu = random.integers(-1000, 1001, (N_INPUTS, 2, *shape))
    fixed_bc, fixed_d = random.integers(-127, 128, (4, *shape)), random.integers(-127, 128, (1, n_channels))
    fixed_u = aligned(random.integers(-1000, 1001, (N_INPUTS, n_channels)))
    float_a, float_bu = _as_float(fixed_a, A_FRACTION), _as_float(fixed_bu, BU_FRACTION)
    float_bc, float_d, float_u = (_as_float(each, 7) for each in (fixed_bc, fixed_d, fixed_u))

    x = zeros((2, *shape), np.float32)
    recurrence = Contender("loop, float32, x = a x + Bu", stepped(loops.float_recurrence), float_bu, (*float_a, *x),
                           (x,))
    h, y = zeros((2, *shape), np.float32), zeros(n_channels, np.float32)
    channel = Contender("loop, float32, u to y", stepped(loops.float_channel), float_u,
                        (aligned(np.concatenate([float_a, float_bc])), float_d[0], h, y), (h, y))
    rows = aligned(np.concatenate([*float_a, *float_bc, float_d, zeros((1, n_channels), np.float32)]))
    state, output, active = zeros(flat, np.float32), zeros((1, n_channels), np.float32), zeros(n_channels, np.uint8)
    kernel = Contender("kernel, float32, u to y", stepped(_float_s4d), float_u[:, None],
                       (n_modes, rows, state, output, active), (state, output), (channel.name,))
    fixed_x = zeros((2, *shape), np.int32)
    shifts = integer_s5.scan_shifts(A_FRACTION, A_FRACTION, BU_FRACTION, BU_FRACTION, X_FRACTION, X_FRACTION)
    scan = Contender("kernel, integer S5 (w8a16), int32", stepped(_scan), aligned(fixed_bu.astype(np.int32)),
                     (shifts, *aligned(fixed_a.astype(np.int32)), *fixed_x), (fixed_x,),
                     (recurrence.name, kernel.name), TARGET_S5)
    tail = zeros((state_space.BIAS + 1, n_channels), np.int64)
    tail[state_space.D], tail[state_space.MANTISSA], tail[state_space.DESCALE_SHIFT] = fixed_d, MANTISSA, DESCALE_SHIFT
    rows = aligned(np.concatenate([*fixed_a, *fixed_bc, tail]))
    constants = np.zeros(N_FIXED_CONSTANTS, np.int64)
    constants[DECAY_SHIFT] = A_FRACTION
    for slot in (STATE_SLOT, INTERNAL_SLOT):
        constants[slot:slot + 4] = 24, 1, numbers.SATURATE, numbers.FLOOR
    fixed_h, message = zeros(flat, np.int64), zeros((1, n_channels), np.int64)
    fixed = Contender("kernel, S4D of 24 bits, int64", stepped(_fixed_s4d), fixed_u[:, None],
                      (constants, n_modes, rows, fixed_h, message, zeros(n_channels, np.uint8)), (fixed_h, message),
                      (channel.name, kernel.name), TARGET_S5)

    check_equal(kernel, channel.name, channel.history())
    check_equal(scan, "its equation", scan_equation(fixed_a, fixed_bu))
    check_equal(fixed, "its equation", s4d_equation(fixed_a, fixed_bc, fixed_d[0], fixed_u))
    return Workload(f"complex states, {n_modes} modes x {n_channels} channels", n_modes * n_channels,
                    ("to loop", "to float32 kernel"), (recurrence, channel, kernel, scan, fixed))


def _as_float(values: Array, fraction: int) -> Array:
    return aligned((values / 2**fraction).astype(np.float32))


def scan_equation(a: Array, bu: Array) -> Iterator[Array]:
    """Yield what the scan path makes of the inputs, in 64 bits."""
    x = np.zeros_like(a)
    for step in range(N_COMPARED):
        x = np.stack([(a[0] * x[0] >> A_FRACTION) - (a[1] * x[1] >> A_FRACTION),
                      (a[0] * x[1] >> A_FRACTION) + (a[1] * x[0] >> A_FRACTION)])
        x += bu[step % N_INPUTS] >> (BU_FRACTION - X_FRACTION)
        assert np.abs(x).max() < 2 ** (X_BITS - 1), "w8a16 does not hold these states"
        yield x.ravel()


def s4d_equation(a: Array, bc: Array, d: Array, inputs: Array) -> Iterator[Array]:
    """Yield what an S4D channel with floors makes of the inputs; nothing saturates here."""
    h, (b_real, b_imag, c_real, c_imag) = np.zeros_like(a), bc
    for step in range(N_COMPARED):
        u = inputs[step % N_INPUTS]
        h = np.stack([(a[0] * h[0] >> A_FRACTION) - (a[1] * h[1] >> A_FRACTION) + b_real * u,
                      (a[0] * h[1] >> A_FRACTION) + (a[1] * h[0] >> A_FRACTION) + b_imag * u])
        total = 2 * (c_real * h[0] - c_imag * h[1]).sum(0) + d * u
        y = total * MANTISSA >> DESCALE_SHIFT
        assert max(np.abs(h).max(), np.abs(y).max()) < 2 ** (S4D_BITS - 1), "24 bits do not hold these states"
        yield np.concatenate([h.ravel(), y])


# --- Loihi -----------------------------------------------------------------------------------------------------------

@numba.njit  # type: ignore[untyped-decorator]
def _loihi_lif(charge: Any, options: Any, parameters: Any, state: Any, spike: Any) -> None:
    loihi_lif.step_loihi_lif(options, parameters, state, charge, spike)


def loihi_neurons(size: int, random: np.random.Generator) -> Workload:
    """Return Lava's neurons, then such with refractory steps.

    They share their tables as far as their words are equally long.
    """
    rows = aligned(np.stack([random.integers(low, high, size) for low, high in (
        (0, 4096), (0, 4096), (1, 3000), (-100, 200), (-2, 7), (0, 4), (-100, 100))]))
    state, spike = zeros((3, size), np.int64), zeros(size, np.int64)
    lava_rows = aligned(rows)
    lava_rows[loihi_lif.REFRACTORY_STEPS:] = 0
    du, dv, threshold, mantissa, exponent = rows[:loihi_lif.REFRACTORY_STEPS]
    scaled_rows = aligned(np.stack([du, dv, threshold << 6,
                                    mantissa << np.maximum(exponent, 0) >> np.maximum(-exponent, 0)]))
    short_rows, short_words = aligned(scaled_rows.astype(np.int32)), zeros((3, size), np.int32)
    charge = aligned(random.integers(-1000, 2000, (N_INPUTS, size)))
    current, potential, refractory = state
    words, all_words = (current, potential, spike), (current, potential, spike, refractory)

    plain = Contender("loop, plain", stepped(loops.lava_plain), charge, (lava_rows, state, spike), words)
    scaled = Contender("loop, scaled beforehand", stepped(loops.lava_scaled), charge,
                       (*scaled_rows, current, potential, spike), words, (plain.name,))
    tuned = Contender("loop, tuned, int32", stepped(loops.lava_tuned), aligned(charge.astype(np.int32)),
                      (*short_rows, *short_words), tuple(short_words), (plain.name,))
    resting = Contender("loop, refractory steps", stepped(loops.lava_refractory), charge, (rows, state, spike),
                        all_words)
    on_kernel = stepped(_loihi_lif)
    lava = Contender("kernel, LAVA", on_kernel, charge, (loihi_lif.LAVA, lava_rows, state, spike), words,
                     (plain.name, tuned.name), TARGET_LIF)
    with_steps = loihi_lif.LAVA._replace(refractory=1)
    lava_resting = Contender("kernel, LAVA, refractory steps", on_kernel, charge, (with_steps, rows, state, spike),
                             all_words, (resting.name,))
    # No charge here has 62 bits, so that all stays as it is, but for the way through the kernel.
    general = Contender("kernel, general, refractory steps", on_kernel, charge,
                        (with_steps._replace(input_bits=62), rows, state, spike), all_words, (resting.name,))

    for contender in (scaled, tuned, lava):
        check_equal(contender, plain.name, plain_history := list(plain.history()))
    assert any(history[-size:].any() for history in plain_history), "nothing spikes"
    for contender in (lava_resting, general):
        check_equal(contender, resting.name, resting.history())
    return Workload(f"Loihi integrate-and-fire, {size} neurons", size, ("to loop", "to tuned loop"),
                    (plain, scaled, tuned, lava, resting, lava_resting, general))


# --- measuring -------------------------------------------------------------------------------------------------------

def cpu_time(contender: Contender, n_steps: int) -> float:
    """Return the CPU time of one run."""
    contender.reset()
    started = time.process_time()
    contender.run(n_steps)
    return time.process_time() - started


def measure(workload: Workload, n_steps: int, n_repeats: int, progress: Callable[[str], None]) -> list[Row]:
    """Return a row per contender; repetitions take turns, so that a busy moment strikes all alike.

    The CPU clock of a virtual machine may leave out a part of a run, and a minimum finds just that: hence quantiles.
    """
    times = np.empty((n_repeats, len(workload.contenders)))
    for repeat in range(n_repeats):
        progress(f"{repeat + 1}/{n_repeats} {workload.title}")
        for index, contender in enumerate(workload.contenders):
            times[repeat, index] = cpu_time(contender, n_steps)
    by_name = {contender.name: column for contender, column in zip(workload.contenders, times.T, strict=True)}
    return [Row(workload.title, contender.name, n_steps * workload.n_updates, float(np.quantile(column, 0.25)),
                contender.target,
                {heading: float(np.median(column / by_name[yardstick]))
                 for heading, yardstick in zip(workload.columns, contender.yardsticks, strict=False)})
            for contender, column in zip(workload.contenders, times.T, strict=True)]


def table(workload: Workload, rows: list[Row]) -> str:
    """Return the rows as text."""
    lines = [f"{workload.title:48}{'updates/s':>12}{'ns':>8}{workload.columns[0]:>10}{'target':>8}"
             f"{workload.columns[1]:>19}"]
    for row in rows:
        target = "" if row.target is None else f"<= {row.target}"
        ratios = [f"{row.ratios[column]:.2f}" if column in row.ratios else "" for column in workload.columns]
        lines.append(f"  {row.name:46}{row.updates_per_s / 1e6:>10,.0f} M{1e9 / row.updates_per_s:>8.3f}"
                     f"{ratios[0]:>10}{target:>8}{ratios[1]:>19}")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = parser_of(__doc__, repeat=100, repeat_help="runs of each row")
    parser.add_argument("--neurons", type=int, default=4000, help="of Loihi, default 4000")
    parser.add_argument("--modes", type=int, default=32, help="per channel, default 32")
    parser.add_argument("--channels", type=int, default=128, help="default 128")
    parser.add_argument("--steps", type=int, default=4000, help="per run, default 4000")
    return parser.parse_args()


def main() -> None:
    """Print the tables."""
    options = arguments()
    where, progress = environment(pin()), Progress()
    random, figures = np.random.default_rng(options.seed), []
    print(f"CPU time, {options.repeat} runs of {options.steps:,} steps: lower quartile; of the ratios, the median")
    print_environment(where)
    for make in (lambda: state_spaces(options.modes, options.channels, random),
                 lambda: loihi_neurons(options.neurons, random)):
        progress("compiling, comparing")
        workload = make()
        rows = measure(workload, options.steps, options.repeat, progress)
        progress.clear()
        print(f"\n{table(workload, rows)}")
        figures += [{**vars(row), "updates_per_s": row.updates_per_s} for row in rows]
    write_json(options.json, where, figures)


if __name__ == "__main__":
    main()
