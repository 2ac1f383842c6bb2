"""The decorator of every compiled kernel: Numba with a disk cache that notices edits.

Numba's own cache watches only the file of the kernel itself; a kernel inlined from another module goes stale
silently. Here the cache directory carries a hash of all kernel sources, so any edit starts a fresh one. Where no
directory can be written (a read-only installation without a home), kernels compile in each process, with a warning.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, config, types
from numba.extending import intrinsic

_PACKAGE = Path(__file__).parent
_KERNEL_SOURCES = ("kernel.py", "pointers.py", "*lanes.py", "machine.py", "events.py", "numbers.py", "models/**/*.py",
                   "noc/*.py", "engine/*.py", "mapping/*_kernels.py")


def _sources_hash() -> str:
    digest = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    for pattern in _KERNEL_SOURCES:
        for path in sorted(_PACKAGE.glob(pattern)):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _writable(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False


def _cache_directory() -> Path | None:
    """Return the directory for compiled kernels, or None where none can be written."""
    roots = [os.environ.get("NUMBA_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME"), os.path.expanduser("~/.cache")]
    name = f"kernels-{_sources_hash()}"
    for root in roots:
        if root and _writable(Path(root) / "neurosim" / name):
            return Path(root) / "neurosim" / name
    warnings.warn("no cache directory can be written: kernels compile in every process "
                  "(set NUMBA_CACHE_DIR to a writable directory)", RuntimeWarning, stacklevel=2)
    return None


def _load_numba_without_scipy() -> None:
    """Load the part of Numba that looks for BLAS and would import all of SciPy's linear algebra for it, 0.3 s.

    Numba looks again wherever a function of the user's needs BLAS.
    """
    from numba.np import linalg

    if importlib.util.find_spec("scipy") is None or not hasattr(linalg, "ensure_blas"):
        return
    look = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = look


if not config.DISABLE_JIT:
    _load_numba_without_scipy()
CACHE_DIRECTORY = None if config.DISABLE_JIT else _cache_directory()


def _compile(function: Callable[..., Any], options: dict[str, Any], directory: Path | None = CACHE_DIRECTORY) -> Any:
    if config.DISABLE_JIT:
        return function
    if directory is None or not options.get("cache"):
        return numba.njit(nogil=True, **{**options, "cache": False})(function)
    # Numba picks the cache's place when it decorates; other users' kernels keep their own.
    previous = config.CACHE_DIR
    config.CACHE_DIR = str(directory)
    try:
        return numba.njit(nogil=True, **options)(function)
    finally:
        config.CACHE_DIR = previous


# Without Numba's reference counts: a kernel borrows its arrays and makes none. Counting costs two atomic operations
# per array and call, which is ten times the work of a packet's hop.
_BORROWING: dict[str, Any] = {"_nrt": False}
# Callable from kernels only: ways in from Python are half of the compile time where a call passes many arrays.
_INTERNAL: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function`, callable from Python, cached under `CACHE_DIRECTORY`. It may not make arrays."""
    return _compile(function, {**_BORROWING, "cache": True})


def kernel_apart(function: Callable[..., Any], digest: str) -> Any:
    """Compile a function of the user's like a kernel, kept in a folder of its own: what it is made of may change.

    What stands in no file is compiled in every process.
    """
    in_file = os.path.isfile(function.__code__.co_filename)
    directory = CACHE_DIRECTORY / f"own-{digest}" if CACHE_DIRECTORY and in_file else None
    return _compile(function, {**_BORROWING, "cache": True}, directory)


def driver(function: Callable[..., Any]) -> Any:
    """Compile `function` like a kernel that may make arrays."""
    return _compile(function, {"cache": True})


def part(function: Callable[..., Any]) -> Any:
    """Compile `function` as a part of kernels. It may not make arrays."""
    return _compile(function, {**_BORROWING, **_INTERNAL})


def maker(function: Callable[..., Any]) -> Any:
    """Compile `function` as a part of drivers that makes arrays."""
    return _compile(function, _INTERNAL)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile `function` as a part that always becomes one with its caller: for what runs once per packet and hop.

    A call passes each array as seven numbers, hundreds in all, which costs more than the work of a hop.
    """
    return _compile(function, {**_BORROWING, **_INTERNAL, "forceinline": True})


def _call_prefetch(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit LLVM's prefetch: for reading, into the caches nearest to the core, of data."""
    array = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0])
    address = builder.bitcast(builder.gep(array.data, [arguments[1]]), ir.IntType(8).as_pointer())
    number = ir.IntType(32)
    shape = ir.FunctionType(ir.VoidType(), [address.type, number, number, number])
    function = cgutils.get_or_insert_function(builder.module, shape, "llvm.prefetch.p0")
    builder.call(function, [address, number(0), number(3), number(1)])
    return context.get_dummy_value()


if config.DISABLE_JIT:
    def prefetch(array: Any, index: Any) -> None:
        """Do nothing: plain Python has no caches to fill."""
else:
    @intrinsic  # type: ignore[untyped-decorator]
    def prefetch(_context: Any, array: Any, index: Any) -> Any:
        """Have the processor fetch the cache line of `array[index]`, which need not be inside, and do not wait."""
        return types.void(array, index), _call_prefetch
