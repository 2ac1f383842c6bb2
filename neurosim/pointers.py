"""Calls through addresses: a kernel calls others that were compiled by themselves, and only where they are needed.

What an engine calls by address once per step or population is no part of it, so that nobody compiles it who does not
use it: a chain of all neuron models within every engine took a third of the time to compile. The call follows Numba's
own convention, errors pass on; that arguments have the types the kernel was compiled for is the business of whoever
emits it.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, config

# Without a compiler, an address is a place in this list, from 1 on.
_PLAIN: list[Any] = []


def address_of(kernel: Any, arguments: tuple[Any, ...], result: Any) -> int:
    """Return the address of a kernel for arguments of these types, compiled or out of the cache; it stays valid.

    Raises TypeError where the kernel returns anything but `result`.
    """
    if config.DISABLE_JIT:
        if kernel not in _PLAIN:
            _PLAIN.append(kernel)
        return _PLAIN.index(kernel) + 1
    kernel.compile(arguments)
    found = kernel.overloads[arguments]
    if found.signature.return_type != result:
        raise TypeError(f"{kernel.__name__} returns {found.signature.return_type}, not {result}")
    return int(found.library.get_pointer_to_function(found.fndesc.llvm_func_name))


def call_plain(address: int, *arguments: Any) -> Any:
    """Call what stands at an address while there is no compiler."""
    return _PLAIN[address - 1](*arguments)


def emitted_call(result: Any, wanted: tuple[Any, ...]) -> Any:
    """Return how an intrinsic emits the call of the address that is its first argument.

    result, wanted : types of what the kernel returns and takes; arguments of other types are refused where it compiles
    """
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = [context.cast(builder, value, given, into) for value, given, into
                  in zip(arguments[1:], signature.args[1:], wanted, strict=True)]
        shape = context.call_conv.get_function_type(result, wanted)
        kernel = builder.inttoptr(arguments[0], ir.PointerType(shape))
        status, returned = context.call_conv.call_function(builder, kernel, result, wanted, values)
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return returned
    return emit
