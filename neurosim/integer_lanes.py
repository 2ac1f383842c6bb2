"""The recurrence of a state space in integers as vectors of the processor. See `lanes`.

`integer_block` advances one mode by many tokens with the arithmetic of `models.fixed.state_space`: products rounded one
by one, down or toward zero, and states held within their bits. A state that had to be held must be counted token by
token, which is rare: then nothing is written to the state, and the caller does the mode again by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from neurosim.lanes import Emitter

WIDE_INTEGERS = 2           # vectors of eight int64 at once: more of them need more registers than there are
_INT64 = ir.IntType(64)
_SIGN_SHIFT = 63


class _Integers(Emitter):
    """Vectors of int64; the same value in all lanes stands once in `same`."""

    def same(self, value: Any) -> Any:
        """Return a vector with `value` everywhere."""
        first = self.builder.insert_element(ir.Constant(self.vector, ir.Undefined), value, ir.IntType(32)(0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.vector.count), None)
        return self.builder.shuffle_vector(first, ir.Constant(self.vector, ir.Undefined), mask)

    def choose(self, sign: str, first: Any, second: Any) -> Any:
        """Return the smaller (`<`) or larger (`>`) of both, lane by lane."""
        return self.builder.select(self.builder.icmp_signed(sign, first, second), first, second)

    def divided(self, value: Any, shift: Any, toward_zero: bool) -> Any:
        """Return value / 2**shift, rounded down or toward zero; shift [lane] from 0 to 62."""
        builder = self.builder
        if toward_zero:
            below = builder.sub(builder.shl(self.same(_INT64(1)), shift), self.same(_INT64(1)))
            value = builder.add(value, builder.and_(builder.ashr(value, self.same(_INT64(_SIGN_SHIFT))), below))
        return builder.ashr(value, shift)

    def any(self, vectors: Sequence[Any]) -> Any:
        """Return an int64 that is not 0 where any bit of any lane is set."""
        joined = vectors[0]
        for vector in vectors[1:]:
            joined = self.builder.or_(joined, vector)
        found = _INT64(0)
        for lane in range(self.vector.count):
            found = self.builder.or_(found, self.builder.extract_element(joined, ir.IntType(32)(lane)))
        return found


class _Mode:
    """One mode: its tables, its shifts, and the step from one token to the next."""

    def __init__(self, lanes: _Integers, words: Sequence[Any], b_shift: Sequence[Any], a_shift: Any, bits: Any,
                 toward_zero: bool) -> None:
        builder = lanes.builder
        self.lanes, self.words, self._toward_zero = lanes, words, toward_zero
        zero = lanes.same(_INT64(0))
        # A shift below 0 goes left, which is exact.
        self._right = [lanes.choose(">", shift, zero) for shift in b_shift]
        self._left = [lanes.choose(">", builder.sub(zero, shift), zero) for shift in b_shift]
        self._a_shift = lanes.same(a_shift)
        high = builder.sub(builder.shl(_INT64(1), builder.sub(bits, _INT64(1))), _INT64(1))
        self._high, self._low = lanes.same(high), lanes.same(builder.not_(high))

    def _turn(self, factor: Any, value: Any) -> Any:
        return self.lanes.divided(self.lanes.builder.mul(factor, value), self._a_shift, self._toward_zero)

    def _enter(self, step: int, factor: Any, x: Any) -> Any:
        moved = self.lanes.builder.shl(self.lanes.builder.mul(factor, x), self._left[step])
        return self.lanes.divided(moved, self._right[step], self._toward_zero)

    def advance(self, step: int, real: Any, imag: Any, x: Any, beyond: Any) -> tuple[Any, Any, Any, Any]:
        """Return the new h_real and h_imag, c_re h_re - c_im h_im, and `beyond` with the bits that did not fit."""
        builder = self.lanes.builder
        a_real, a_imag, b_real, b_imag, c_real, c_imag = (word[step] for word in self.words)
        new_real = builder.add(builder.sub(self._turn(a_real, real), self._turn(a_imag, imag)),
                               self._enter(step, b_real, x))
        new_imag = builder.add(builder.add(self._turn(a_real, imag), self._turn(a_imag, real)),
                               self._enter(step, b_imag, x))
        kept = []
        for value in (new_real, new_imag):
            held = self.lanes.choose("<", self.lanes.choose(">", value, self._low), self._high)
            beyond = builder.or_(beyond, builder.xor(value, held))
            kept.append(held)
        part = builder.sub(builder.mul(c_real, kept[0]), builder.mul(c_imag, kept[1]))
        return kept[0], kept[1], part, beyond


def _integer_block(n_vectors: int, toward_zero: bool) -> Callable[..., Any]:
    def block(_context: Any, mode: Any, n_modes: Any, parameters: Any, state: Any, x: Any, total: Any, live: Any,
              first: Any, n_tokens: Any, b_shift: Any, a_shift: Any, bits: Any) -> Any:
        """Advance one mode of neurons from `first` on by `n_tokens`; return 0, or else the state is as it was.

        x, total, live int64[token, neuron] as for `block_lanes`; b_shift int64[neuron]; bits of a state word.
        """
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            lanes = _Integers(context, builder, signature.args[2].dtype, n_vectors)
            number, count, start, tokens = arguments[0], arguments[1], arguments[7], arguments[8]
            table, words, given, sums, marks = (
                lanes.array(kind, value) for kind, value in zip(signature.args[2:7], arguments[2:7], strict=True))
            shifts = lanes.load(lanes.at(lanes.array(signature.args[9], arguments[9]), None, start))
            this = _Mode(lanes, lanes.tables(table, number, count, start), shifts, arguments[10], arguments[11],
                         toward_zero)
            at_real = lanes.at(words, number, start)
            at_imag = lanes.at(words, builder.add(number, count), start)
            real, imag, beyond = (lanes.zeros(lanes.vector) for _ in range(3))
            lanes.set(real, lanes.load(at_real))
            lanes.set(imag, lanes.load(at_imag))
            with cgutils.for_range(builder, tokens) as loop:
                old_real, old_imag = lanes.get(real), lanes.get(imag)
                mark, place = (lanes.at(array, loop.index, start) for array in (marks, sums))
                lanes.store(lanes.each("or_", lanes.each("or_", lanes.load(mark), old_real), old_imag), mark)
                inputs = lanes.load(lanes.at(given, loop.index, start))
                advanced = [this.advance(step, *values) for step, values in enumerate(
                    zip(old_real, old_imag, inputs, lanes.get(beyond), strict=True))]
                new_real, new_imag, part, found = zip(*advanced, strict=True)
                lanes.set(real, new_real)
                lanes.set(imag, new_imag)
                lanes.set(beyond, found)
                lanes.store(lanes.each("add", lanes.load(place), part), place)
            wrong = lanes.any(lanes.get(beyond))
            with builder.if_then(builder.icmp_signed("==", wrong, _INT64(0)), likely=True):
                lanes.store(lanes.get(real), at_real)
                lanes.store(lanes.get(imag), at_imag)
            return wrong

        return types.int64(types.int64, types.int64, parameters, state, x, total, live, types.int64, types.int64,
                           b_shift, types.int64, types.int64), emit

    return block


floor_wide, zero_wide = (intrinsic(_integer_block(WIDE_INTEGERS, toward_zero)) for toward_zero in (False, True))
floor_narrow, zero_narrow = (intrinsic(_integer_block(1, toward_zero)) for toward_zero in (False, True))
