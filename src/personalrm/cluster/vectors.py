"""Vectors of texts in files shared by all workers: one file per bucket; a text's bucket depends on its key.

    write_vectors(path, encoder, {key: text, …})
    VectorTable([path, …]).get(keys)                      # an `encoders.store.VectorSource`

A file has the vectors (n, width) as little-endian float32 in the order of their keys, the keys (16 bytes each), a flag
for each truncated text, and at its end n, the width and a magic word. Vectors are memory-mapped.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from personalrm.errors import StorageError
from personalrm.files import replacing, stored
from personalrm.models.encoders.base import Encoder
from personalrm.models.encoders.store import CHUNK, Row, marked

KEY_BYTES = 16
_MAGIC = b"prm-vec1"
_FOOTER = 16 + len(_MAGIC)


def bucket_of(key: bytes, buckets: int) -> int:
    """Index of the file of a vector."""
    return int.from_bytes(key[:8], "little") % buckets


def write_vectors(path: Path, encoder: Encoder, texts: Mapping[bytes, str]) -> None:
    """Embed texts, in the order of their keys, into a file that is written atomically.

    Raises:
        StorageError: the file cannot be written. The encoder's errors.
    """
    keys, width, cut = sorted(texts), 0, bytearray()
    with stored(path), replacing(path, private=True) as out:
        for at in range(0, len(keys), CHUNK):
            vectors, flags = marked(encoder, [texts[key] for key in keys[at : at + CHUNK]])
            width = vectors.shape[1]
            cut += flags.astype(np.uint8).tobytes()
            out.write(np.ascontiguousarray(vectors, "<f4").tobytes())
        out.write(b"".join(keys) + bytes(cut))
        out.write(len(keys).to_bytes(8, "little") + width.to_bytes(8, "little") + _MAGIC)


class VectorTable:
    """The vectors of several files; each file is opened at the first access.

    Args:
        paths: by bucket.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._opened: dict[int, _Bucket] = {}

    def get(self, keys: Iterable[bytes]) -> dict[bytes, Row]:
        """The available vectors of these keys. StorageError if a file is missing or damaged."""
        wanted: dict[int, list[bytes]] = {}
        for key in keys:
            wanted.setdefault(bucket_of(key, len(self._paths)), []).append(key)
        found: dict[bytes, Row] = {}
        for number, some in wanted.items():
            if number not in self._opened:
                self._opened[number] = _open(self._paths[number])
            bucket = self._opened[number]
            for key in some:
                place = bucket.places.get(key)
                if place is not None:
                    found[key] = Row(bucket.vectors[place].tobytes(), bool(bucket.cut[place]))
        return found


class _Bucket(NamedTuple):
    """A file: positions of the keys, vectors (n, width), flags (n,)."""

    places: dict[bytes, int]
    vectors: NDArray[np.float32]
    cut: bytes


def _open(path: Path) -> _Bucket:
    try:
        with path.open("rb") as file:
            end = file.seek(-_FOOTER, os.SEEK_END)
            footer = file.read()
            count, width = (int.from_bytes(footer[at : at + 8], "little") for at in (0, 8))
            size = count * width * 4
            if footer[16:] != _MAGIC or end != size + count * (KEY_BYTES + 1):
                raise ValueError
            file.seek(size)
            keys, cut = file.read(count * KEY_BYTES), file.read(count)
        shape = (count, width)
        vectors = np.memmap(path, "<f4", "r", shape=shape) if size else np.zeros(shape, np.float32)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is damaged"
        raise StorageError(f"{path} cannot be read: {reason}; run the same command again with --force") from None
    places = {keys[at * KEY_BYTES : (at + 1) * KEY_BYTES]: at for at in range(count)}
    return _Bucket(places, vectors, cut)
