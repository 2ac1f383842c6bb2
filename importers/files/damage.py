"""What is wrong with a file, as one error: damage, and values that are not finite."""

from __future__ import annotations

import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError

# What zipfile, zlib, struct, h5py, PyTorch and NumPy's header parser raise on damaged files. RuntimeError has
# NotImplementedError and RecursionError below it, LookupError KeyError and IndexError, ArithmeticError OverflowError.
DAMAGE = (OSError, EOFError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError, SyntaxError,
          RuntimeError, MemoryError, AssertionError, zipfile.BadZipFile, zlib.error, struct.error,
          pickle.UnpicklingError)


def damaged(path: Path, kind: str, error: Exception) -> DataError:
    """Return the error of a file whose reader raised another."""
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return DataError(f"{path}: damaged {kind} file: {reason}", mend="copy or download it again, compare its checksum")


def check_finite(values: NDArray[Any], label: str) -> None:
    """Raise DataError where a value is infinite or NaN."""
    if values.dtype.kind not in "fc" or np.isfinite(values).all():
        return
    index = np.argwhere(~np.isfinite(values))[0].tolist()
    raise DataError(f"{label}{index} = {values[tuple(index)]}", allowed="finite numbers",
                    mend="check the training run for divergence")
