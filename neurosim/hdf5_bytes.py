"""Arrays, texts and lists of an HDF5 file, taken from its bytes.

The HDF5 library trusts lengths that it finds in a file: a damaged one can make it loop for ever or ask for all memory,
in the heap where data of variable length lie, and in tables of chunks. Here the library only tells where data are;
they are read, unpacked and measured in Python, where every length is checked first.

Source: HDF5 File Format Specification, version 3.0, sections III.E (global heap) and IV.A.2.i, l (layout, filters).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

HEAP_SIGNATURE = b"GCOL"
HEAP_HEADER_BYTES = OBJECT_HEADER_BYTES = REFERENCE_BYTES = 16
REFERENCE = np.dtype(f"V{REFERENCE_BYTES}")     # in place of data of variable length: length, heap, number there
CHECKSUM_BYTES = 4
MAX_CHUNKS = 1_000_000
MAX_OBJECTS = 2**16        # of a heap: their numbers have 16 bits
MAX_COMPACT_BYTES = 2**16
DEFLATE, SHUFFLE, CHECKSUM = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32
FILTERS = {DEFLATE: "gzip", SHUFFLE: "shuffle", CHECKSUM: "fletcher32"}


class Hdf5Bytes:
    """The bytes of an HDF5 file that the library has open as well. Whatever is wrong raises ValueError."""

    def __init__(self, path: Path) -> None:
        self._size = path.stat().st_size
        self._file = path.open("rb")
        self._heaps: dict[int, dict[int, tuple[int, int]]] = {}     # address -> number -> (address, bytes)

    def __enter__(self) -> Hdf5Bytes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
                 ) -> None:
        self._file.close()

    def texts(self, stored: h5py.Dataset, max_bytes: int) -> list[str]:
        """Return the texts of a dataset in order, each of at most `max_bytes`."""
        if h5py.check_string_dtype(stored.dtype) is None:
            raise ValueError(f"holds {stored.dtype} and no text")
        if stored.dtype.kind == "S":
            size = stored.dtype.itemsize
            if size > max_bytes:
                raise ValueError(f"holds texts of {size} letters; allowed: at most {max_bytes}")
            return [self._decoded(text) for text in self.numbers(stored).reshape(-1).tolist()]
        _check_addresses(stored)
        references = self._array(stored, REFERENCE).tobytes()
        return [self._text(references[at:at + REFERENCE_BYTES], max_bytes)
                for at in range(0, len(references), REFERENCE_BYTES)]

    def numbers_at(self, stored: h5py.Dataset, index: int) -> NDArray[Any]:
        """Return the numbers that element `index` of a one-dimensional dataset of lists holds."""
        element = h5py.check_vlen_dtype(stored.dtype)
        if not isinstance(element, np.dtype) or element.kind not in "biuf":
            raise ValueError(f"holds {stored.dtype} and no lists of numbers")
        _check_addresses(stored)
        reference = self._one(stored, index, REFERENCE)
        length = int.from_bytes(reference[:4], "little")
        return np.frombuffer(self._object(reference, length * element.itemsize), element).copy()

    def numbers(self, stored: h5py.Dataset) -> NDArray[Any]:
        """Return a dataset of numbers, or of texts of fixed length, as stored."""
        n_bytes = math.prod(stored.shape) * stored.dtype.itemsize
        if stored.id.get_create_plist().get_layout() == h5py.h5d.COMPACT and n_bytes <= MAX_COMPACT_BYTES:
            return np.asarray(stored[()])
        return self._array(stored, stored.dtype)

    def _array(self, stored: h5py.Dataset, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return all elements, as `dtype` says that they stand in the file."""
        if _is_chunked(stored):
            return self._chunked(stored, dtype)
        n_bytes = math.prod(stored.shape) * dtype.itemsize
        return np.frombuffer(self._bytes(_start(stored), n_bytes), dtype).reshape(stored.shape).copy()

    def _one(self, stored: h5py.Dataset, index: int, dtype: np.dtype[Any]) -> bytes:
        """Return the bytes of one element of a one-dimensional dataset."""
        if not _is_chunked(stored):
            return self._bytes(_start(stored) + index * dtype.itemsize, dtype.itemsize)
        (step,), filters = _chunks_and_filters(stored)
        chunk = self._chunk(stored, (index // step * step,), (step,), filters, dtype)
        return bytes(chunk[index % step].tobytes())

    def _bytes(self, at: int, n_bytes: int) -> bytes:
        if not (0 <= at <= self._size and 0 <= n_bytes <= self._size - at):
            raise ValueError(f"claims {n_bytes} bytes from byte {at} on in a file of {self._size}")
        self._file.seek(at)
        return self._file.read(n_bytes)

    def _text(self, reference: bytes, max_bytes: int) -> str:
        """Return a text by its length, the address of its heap, and its number there."""
        length = int.from_bytes(reference[:4], "little")
        if length > max_bytes:
            raise ValueError(f"holds a text of {length} letters; allowed: at most {max_bytes}")
        return self._decoded(self._object(reference, length))

    def _object(self, reference: bytes, n_bytes: int) -> bytes:
        """Return the first bytes of what a reference names by the address of a heap and a number there."""
        if not n_bytes:
            return b""
        heap, number = int.from_bytes(reference[4:12], "little"), int.from_bytes(reference[12:16], "little")
        if heap not in self._heaps:
            self._heaps[heap] = {index: (at, held) for index, at, held in self._objects(heap)}
        at, held = self._heaps[heap].get(number, (0, 0))
        if n_bytes > held:
            raise ValueError(f"points to {n_bytes} bytes that are not there: its place in the heap holds {held}")
        return self._bytes(at, n_bytes)

    def _objects(self, heap: int) -> Iterator[tuple[int, int, int]]:
        """Return (number, address, bytes) of the objects of a heap."""
        header = self._bytes(heap, HEAP_HEADER_BYTES)
        size = int.from_bytes(header[8:16], "little")
        if not header.startswith(HEAP_SIGNATURE) or size > self._size - heap:
            raise ValueError("points to a damaged heap")
        at, end = heap + HEAP_HEADER_BYTES, heap + size
        for _ in range(MAX_OBJECTS):
            if at + OBJECT_HEADER_BYTES > end:
                return
            entry = self._bytes(at, OBJECT_HEADER_BYTES)
            index, held = int.from_bytes(entry[:2], "little"), int.from_bytes(entry[8:16], "little")
            at += OBJECT_HEADER_BYTES
            if index == 0:
                return                  # free space to the end
            if held > end - at:
                raise ValueError("points to a damaged heap")
            yield index, at, held
            at += (held + 7) // 8 * 8

    @staticmethod
    def _decoded(text: bytes) -> str:
        return text.rstrip(b"\0").decode("utf8", "replace")

    def _chunked(self, stored: h5py.Dataset, dtype: np.dtype[Any]) -> NDArray[Any]:
        chunks, filters = _chunks_and_filters(stored)
        starts = [range(0, length, step) for length, step in zip(stored.shape, chunks, strict=True)]
        if math.prod(map(len, starts)) > MAX_CHUNKS:
            raise ValueError(f"has chunks {chunks} of a shape {stored.shape}; allowed: at most {MAX_CHUNKS} chunks")
        values = np.zeros(stored.shape, dtype)
        for corner in product(*starts):
            part = tuple(slice(start, start + step) for start, step in zip(corner, chunks, strict=True))
            inside = tuple(slice(0, length) for length in values[part].shape)
            values[part] = self._chunk(stored, corner, chunks, filters, dtype)[inside]
        return values

    def _chunk(self, stored: h5py.Dataset, corner: tuple[int, ...], chunks: tuple[int, ...], filters: list[int],
               dtype: np.dtype[Any]) -> NDArray[Any]:
        # Only where it lies: the library would read more than fits where the filters are damaged.
        place = stored.id.get_chunk_info_by_coord(corner)
        if place.byte_offset is None:
            raise ValueError("lacks a chunk")
        packed = self._bytes(place.byte_offset, place.size)
        used = [number for index, number in enumerate(filters) if not place.filter_mask >> index & 1]
        chunk = _unpacked(packed, used, math.prod(chunks) * dtype.itemsize, dtype.itemsize)
        return np.frombuffer(chunk, dtype).reshape(chunks)


def _check_addresses(stored: h5py.Dataset) -> None:
    """Raise ValueError where addresses of heaps are not of 8 bytes from the start of the file."""
    file = stored.file
    if file.userblock_size or file.id.get_create_plist().get_sizes() != (8, 8):
        raise ValueError("lies behind a user block, or has addresses that are not of 8 bytes; allowed: plain HDF5")


def _is_chunked(stored: h5py.Dataset) -> bool:
    layout = stored.id.get_create_plist().get_layout()
    if layout not in (h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED):
        raise ValueError("is stored in a way that is not read; allowed: contiguous, compact numbers, chunks")
    return bool(layout == h5py.h5d.CHUNKED)


def _start(stored: h5py.Dataset) -> int:
    at: int | None = stored.id.get_offset()
    if at is None:
        raise ValueError("has no data")
    return at


def _chunks_and_filters(stored: h5py.Dataset) -> tuple[tuple[int, ...], list[int]]:
    """Return the shape of a dataset's chunks, and the numbers of its filters in the order of packing."""
    shape, chunks = stored.shape, stored.chunks
    plan = stored.id.get_create_plist()
    filters = [plan.get_filter(index)[0] for index in range(plan.get_nfilters())]
    if any(number not in FILTERS for number in filters):
        raise ValueError(f"is packed by HDF5 filters {filters}; allowed: {', '.join(FILTERS.values())}, or none")
    if chunks is None or len(chunks) != len(shape) or math.prod(chunks) > 2 * max(1, math.prod(shape)) + 2**20:
        raise ValueError(f"has chunks {chunks}; allowed: chunks that suit its shape {shape}")
    return tuple(chunks), filters


def _unpacked(packed: bytes, filters: list[int], n_bytes: int, item_bytes: int) -> bytes:
    """Return a chunk's bytes, going back through its filters; never more than `n_bytes` at a time."""
    content = packed
    for number in reversed(filters):
        if number == CHECKSUM:
            content = content[:-CHECKSUM_BYTES]
        elif number == DEFLATE:
            unpacker = zlib.decompressobj()
            content = unpacker.decompress(content, n_bytes + CHECKSUM_BYTES)
            if not unpacker.eof:
                raise ValueError("holds a chunk that is cut short, or larger than it says")
        elif number == SHUFFLE:
            whole = len(content) // item_bytes * item_bytes
            planes = np.frombuffer(content[:whole], np.uint8).reshape(item_bytes, -1)
            content = planes.T.tobytes() + content[whole:]
    if len(content) != n_bytes:
        raise ValueError(f"holds a chunk of {len(content)} bytes in place of {n_bytes}")
    return content
