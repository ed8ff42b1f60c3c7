"""Choices of one input file, sorted by shard on disk, so that one shard can be read without the others.

    writer = SpillWriter(out, shards=16); writer.add(3, b"…"); writer.finish()
    for line in read_spill(path, shard=3): ...

There is one file per input, with compressed chunks of one shard each, and a table of their offsets at the end: a shard
reads 16 bytes of the table and its own chunks. At most `HELD` bytes are buffered in memory, for any number of shards.
"""

from __future__ import annotations

import os
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from personalrm.errors import StorageError

CHUNK = 256 << 10
HELD = 48 << 20
_QUICK = 1
"""zlib level: texts are compressed to a third at 60 MB/s."""
_NUMBER = 8
_MAGIC = b"prm-spl1"


class SpillWriter:
    """Writes lines of shards into an open file.

    Args:
        out: where to write.
        shards: number of shards.
    """

    def __init__(self, out: IO[bytes], shards: int) -> None:
        self._out, self._shards, self._at, self._held = out, shards, 0, 0
        self._waiting: dict[int, bytearray] = {}
        self._chunks: dict[int, array[int]] = {}

    def add(self, shard: int, line: bytes) -> None:
        """One line, which ends with a newline."""
        waiting = self._waiting.setdefault(shard, bytearray())
        waiting += line
        self._held += len(line)
        if len(waiting) >= CHUNK:
            self._write(shard)
        elif self._held >= HELD:
            self._flush()

    def finish(self) -> None:
        """Write the buffered lines, the offsets of all chunks, and where each shard's offsets start."""
        self._flush()
        places, starts = array("Q"), array("Q", [self._at])
        for shard in range(self._shards):
            places += self._chunks.get(shard, array("Q"))
            starts.append(self._at + _NUMBER * len(places))
        self._out.write(places.tobytes() + starts.tobytes() + _MAGIC)

    def _flush(self) -> None:
        for shard in sorted(self._waiting):
            self._write(shard)

    def _write(self, shard: int) -> None:
        lines = self._waiting.pop(shard)
        self._held -= len(lines)
        chunk = zlib.compress(lines, _QUICK)
        self._out.write(chunk)
        self._chunks.setdefault(shard, array("Q")).extend((self._at, len(chunk)))
        self._at += len(chunk)


def read_spill(path: Path, shard: int, shards: int) -> Iterator[bytes]:
    """The lines of one shard. StorageError if the file is missing or damaged."""
    try:
        with path.open("rb") as file:
            places = _places(file, shard, shards)
            for offset, length in zip(places[::2], places[1::2], strict=True):
                file.seek(offset)
                yield from zlib.decompress(file.read(length)).splitlines()
    except (OSError, ValueError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged"
        raise StorageError(f"{path} cannot be read: {reason}; run the same command again with --force") from None


def _places(file: IO[bytes], shard: int, shards: int) -> array[int]:
    """Offset and length of each chunk of a shard, in sequence."""
    table = _NUMBER * (shards + 1) + len(_MAGIC)
    file.seek(-len(_MAGIC), os.SEEK_END)
    if file.read() != _MAGIC:
        raise ValueError
    file.seek(-table + _NUMBER * shard, os.SEEK_END)
    begin, end = array("Q", file.read(2 * _NUMBER))
    file.seek(begin)
    return array("Q", file.read(end - begin))
