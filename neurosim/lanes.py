"""The recurrence of a state space as vectors of the processor: many neurons at once, no check on where tables lie.

Loops over rows of many tables are vectorised by Numba too, but only behind a test that none of them overlaps another,
which for ten rows and each mode takes a third of the time. Here vectors are written out: `step_lanes` advances some
neurons by one token, mode after mode, and keeps their sums in registers; `block_lanes` advances one mode by many
tokens, and keeps parameters and state in registers. Both do the operations of `models.diagonal_ssm` one by one in its
order, without fused ones, so that no bit differs from the plain loop over the neurons.

A vector is 64 bytes, whatever the processor: a narrower one takes several registers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, config, types
from numba.extending import intrinsic

VECTOR_BYTES = 64
WIDE, NARROW = 4, 1         # vectors that the two forms of each function advance at once
# Without a compiler nothing is done here: all neurons are left to the plain loop.
IN_USE = not config.DISABLE_JIT
N_MODE_TABLES = 6
SMALLEST_FLOAT32 = 1.1754943508222875e-38


class Emitter:
    """Writes vectors of one kind of numbers; `n_vectors` of them stand for neighbouring neurons."""

    def __init__(self, context: Any, builder: Any, number: Any, n_vectors: int) -> None:
        self.builder, self._context = builder, context
        self.element = context.get_data_type(number)
        self._bits = number.bitwidth
        self._count = 8 * VECTOR_BYTES // number.bitwidth
        self.vector = ir.VectorType(self.element, self._count)
        self.integers = ir.VectorType(ir.IntType(self._bits), self._count)
        self.steps = range(n_vectors)

    def array(self, kind: Any, value: Any) -> Any:
        """Return an argument that is an array, with its fields."""
        return cgutils.create_struct_proxy(kind)(self._context, self.builder, value)

    def at(self, array: Any, row: Any, column: Any) -> Any:
        """Return where a row of a table, or a table of one row, has its `column`."""
        if row is None:
            return self.builder.gep(array.data, [column])
        shape = cgutils.unpack_tuple(self.builder, array.shape)
        return self.builder.gep(array.data, [self.builder.add(self.builder.mul(row, shape[1]), column)])

    def _place(self, pointer: Any, step: int, vector: Any) -> Any:
        moved = self.builder.gep(pointer, [ir.IntType(64)(step * self._count)])
        return self.builder.bitcast(moved, vector.as_pointer())

    def load(self, pointer: Any) -> list[Any]:
        """Return neighbouring vectors from memory."""
        return [self.builder.load(self._place(pointer, step, self.vector), align=self._bits // 8)
                for step in self.steps]

    def store(self, values: Sequence[Any], pointer: Any) -> None:
        """Write neighbouring vectors into memory."""
        for step in self.steps:
            self.builder.store(values[step], self._place(pointer, step, self.vector), align=self._bits // 8)

    def each(self, operation: str, first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
        """Return what an instruction makes of each pair of vectors."""
        return [getattr(self.builder, operation)(a, b) for a, b in zip(first, second, strict=True)]

    def join(self, live: Sequence[Any], words: Sequence[Any]) -> list[Any]:
        """Return `live` with the bits of `words`: 0 or -0 where all have been 0."""
        return self.each("or_", live, [self.builder.bitcast(word, self.integers) for word in words])

    def flushed(self, values: Sequence[Any]) -> list[Any]:
        """Return 0 for what is below the smallest normal number, in float32 alone."""
        if self._bits != 32:
            return list(values)
        builder = self.builder
        shape = ir.FunctionType(self.vector, [self.vector])
        absolute = cgutils.get_or_insert_function(builder.module, shape, f"llvm.fabs.v{self._count}f32")
        smallest, zero = (ir.Constant(self.vector, [number] * self._count) for number in (SMALLEST_FLOAT32, 0.0))
        return [builder.select(builder.fcmp_ordered("<", builder.call(absolute, [value]), smallest), zero, value)
                for value in values]

    def advance(self, words: Sequence[Any], real: Any, imag: Any, x: Any) -> tuple[Any, Any, Any]:
        """Return the new h_real, h_imag, and c_re h_re - c_im h_im; words: the six tables of the mode."""
        a_real, a_imag, b_real, b_imag, c_real, c_imag = words
        each = self.each
        turned = each("fsub", each("fmul", a_real, real), each("fmul", a_imag, imag))
        new_real = self.flushed(each("fadd", turned, each("fmul", b_real, x)))
        turned = each("fadd", each("fmul", a_real, imag), each("fmul", a_imag, real))
        new_imag = self.flushed(each("fadd", turned, each("fmul", b_imag, x)))
        return new_real, new_imag, each("fsub", each("fmul", c_real, new_real), each("fmul", c_imag, new_imag))

    def zeros(self, vector: Any) -> list[Any]:
        """Return variables that begin with 0, which become registers."""
        places = [cgutils.alloca_once(self.builder, vector) for _ in self.steps]
        self.set(places, [ir.Constant(vector, None)] * len(places))
        return places

    def set(self, places: Sequence[Any], values: Sequence[Any]) -> None:
        """Give variables new values."""
        for place, value in zip(places, values, strict=True):
            self.builder.store(value, place)

    def get(self, places: Sequence[Any]) -> list[Any]:
        """Return the values of variables."""
        return [self.builder.load(place) for place in places]

    def tables(self, parameters: Any, mode: Any, n_modes: Any, first: Any) -> list[Any]:
        """Return the six tables of a mode."""
        row, found = mode, []
        for _ in range(N_MODE_TABLES):
            found.append(self.load(self.at(parameters, row, first)))
            row = self.builder.add(row, n_modes)
        return found

    def mark(self, live: Sequence[Any], others: Sequence[Sequence[Any]], pointer: Any) -> None:
        """Write bytes: 1 where a word of `live` or of the others is not 0."""
        zero = ir.Constant(self.vector, [0.0] * self._count)
        bytes_ = ir.VectorType(ir.IntType(8), self._count)
        for step in self.steps:
            found = self.builder.fcmp_unordered("!=", self.builder.bitcast(live[step], self.vector), zero)
            for values in others:
                found = self.builder.or_(found, self.builder.fcmp_unordered("!=", values[step], zero))
            self.builder.store(self.builder.zext(found, bytes_), self._place(pointer, step, bytes_), align=1)


def _step_lanes(n_vectors: int) -> Callable[..., Any]:
    def step(_context: Any, n_modes: Any, parameters: Any, state: Any, given: Any, bias: Any, total: Any, active: Any,
             first: Any) -> Any:
        """Advance the modes of neurons from `first` on by one token.

        Arguments as in `diagonal_ssm.advance_modes`; given, bias, total [neuron]; writes state, total (the sum over the
        modes of c_re h_re - c_im h_im) and active.
        """
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            if not isinstance(signature.args[1].dtype, types.Float):
                return context.get_dummy_value()        # in a branch of integer runs that is never taken
            lanes = Emitter(context, builder, signature.args[1].dtype, n_vectors)
            count, start = arguments[0], arguments[7]
            table, words, charge, offset, sums, marks = (
                lanes.array(kind, value) for kind, value in zip(signature.args[1:7], arguments[1:7], strict=True))
            received, constant = (lanes.load(lanes.at(array, None, start)) for array in (charge, offset))
            x = lanes.each("fadd", received, constant)
            result, live = lanes.zeros(lanes.vector), lanes.zeros(lanes.integers)
            with cgutils.for_range(builder, count) as loop:
                at_real = lanes.at(words, loop.index, start)
                at_imag = lanes.at(words, builder.add(loop.index, count), start)
                real, imag = lanes.load(at_real), lanes.load(at_imag)
                lanes.set(live, lanes.join(lanes.join(lanes.get(live), real), imag))
                real, imag, part = lanes.advance(lanes.tables(table, loop.index, count, start), real, imag, x)
                lanes.store(real, at_real)
                lanes.store(imag, at_imag)
                lanes.set(result, lanes.each("fadd", lanes.get(result), part))
            lanes.store(lanes.get(result), lanes.at(sums, None, start))
            lanes.mark(lanes.get(live), (received, constant), lanes.at(marks, None, start))
            return context.get_dummy_value()

        return types.void(types.int64, parameters, state, given, bias, total, active, types.int64), emit

    return step


def _block_lanes(n_vectors: int) -> Callable[..., Any]:
    def block(_context: Any, mode: Any, n_modes: Any, parameters: Any, state: Any, x: Any, total: Any, live: Any,
              first: Any, n_tokens: Any) -> Any:
        """Advance one mode of neurons from `first` on by `n_tokens`.

        x, total, live [token, neuron]; x: charge + bias. Writes state, adds to total, and joins the bits of what the
        state was before each token to those of live.
        """
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            if not isinstance(signature.args[2].dtype, types.Float):
                return context.get_dummy_value()        # in a branch of integer runs that is never taken
            lanes = Emitter(context, builder, signature.args[2].dtype, n_vectors)
            number, count, start, tokens = arguments[0], arguments[1], arguments[7], arguments[8]
            table, words, given, sums, marks = (
                lanes.array(kind, value) for kind, value in zip(signature.args[2:7], arguments[2:7], strict=True))
            at_real = lanes.at(words, number, start)
            at_imag = lanes.at(words, builder.add(number, count), start)
            constants = lanes.tables(table, number, count, start)
            real, imag = lanes.zeros(lanes.vector), lanes.zeros(lanes.vector)
            lanes.set(real, lanes.load(at_real))
            lanes.set(imag, lanes.load(at_imag))
            with cgutils.for_range(builder, tokens) as loop:
                old_real, old_imag = lanes.get(real), lanes.get(imag)
                mark, place = (lanes.at(array, loop.index, start) for array in (marks, sums))
                before = [builder.bitcast(value, lanes.integers) for value in lanes.load(mark)]
                joined = lanes.join(lanes.join(before, old_real), old_imag)
                lanes.store([builder.bitcast(value, lanes.vector) for value in joined], mark)
                new_real, new_imag, part = lanes.advance(constants, old_real, old_imag,
                                                         lanes.load(lanes.at(given, loop.index, start)))
                lanes.set(real, new_real)
                lanes.set(imag, new_imag)
                lanes.store(lanes.each("fadd", lanes.load(place), part), place)
            lanes.store(lanes.get(real), at_real)
            lanes.store(lanes.get(imag), at_imag)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, parameters, state, x, total, live, types.int64, types.int64), emit

    return block


step_wide, step_narrow = intrinsic(_step_lanes(WIDE)), intrinsic(_step_lanes(NARROW))
block_wide, block_narrow = intrinsic(_block_lanes(WIDE)), intrinsic(_block_lanes(NARROW))
