"""First half of a run: each input file is read once and its choices are sorted into shards by a hash of the user.

A person's rows may lie anywhere in the files; after this they lie in one shard.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

import orjson

from personalrm.cluster.folder import ClusterFolder, SplitRecord, write_record
from personalrm.cluster.spill import SpillWriter
from personalrm.data.inputs import expanded
from personalrm.data.problems import Problems
from personalrm.data.reading import read_judgements
from personalrm.data.sources import ReadOptions
from personalrm.errors import DataError, RowError
from personalrm.files import replacing, stored
from personalrm.preferences import Preference
from personalrm.profile.table import shard_of

SHARD_BYTES, SMALL_BYTES, FINE = 4 << 20, 1 << 20, 1024
"""Choices as text in a shard: 1 MB up to 1,024 shards, so that no core waits long for the last ones; after that 4 MB
(80 people with 17 choices, two seconds of the embedded engine)."""
MOST_SHARDS = 65_536
_PACKED, _RATIO = (".gz", ".bz2", ".xz", ".zst", ".parquet"), 4


def input_files(given: list[str]) -> list[Path]:
    """The files of choices that are named, as they are found on every machine.

    Raises:
        DataError: there is no such file, or one that only one machine has (a pipe, a hub set).
    """
    found = []
    for one in given:
        for path in expanded(one):
            if not Path(path).is_file():
                raise DataError(f"{path} is not a file: name files, folders or patterns that all machines can read")
            found.append(Path(path).resolve())
    return found


def shards_for(files: Iterable[Path]) -> int:
    """Number of shards for these files; it depends on their sizes only."""
    size = sum(one.stat().st_size * (_RATIO if one.suffix.lower() in _PACKED else 1) for one in files)
    fine = min(FINE, -(-size // SMALL_BYTES))
    return max(1, fine, min(MOST_SHARDS, -(-size // SHARD_BYTES)))


@dataclass(frozen=True, slots=True)
class HashInput:
    """The content hash of an input file (32 hex digits)."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def run(self) -> str:
        """Read it once, 1 GB a second."""
        try:
            with self.path.open("rb") as file:
                return file_digest(file, "blake2b").hexdigest()[:32]
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or error}") from None


@dataclass(frozen=True, slots=True)
class SplitInput:
    """Sort the choices of one file into shards.

    Attributes:
        path: the file.
        number: its place among the inputs.
        root, shards: of the run's folder.
        reading: how it is read.
        key: of all that.
    """

    path: Path
    number: int
    root: Path
    shards: int
    reading: ReadOptions
    key: str

    @property
    def name(self) -> str:
        return self.path.name

    def run(self) -> SplitRecord:
        """Write the spill, then its record."""
        folder = ClusterFolder(self.root, self.shards)
        folder.make()
        problems, refused = Problems(), None
        spill = folder.spill(self.number)
        with stored(spill), replacing(spill, private=True) as out:
            writer = SpillWriter(out, self.shards)
            try:
                self._sort(writer, problems)
            except RowError:
                raise
            except DataError as error:
                if self.reading.strict:
                    raise
                refused = str(error)
            writer.finish()
        remarks = tuple(f"{self.name}: {one}" for one in problems.remarks(self.reading.min_gap))
        record = SplitRecord(self.key, remarks, refused)
        write_record(folder.split_record(self.number), record)
        return record

    def _sort(self, writer: SpillWriter, problems: Problems) -> None:
        for one in read_judgements(self.path, problems=problems, **self.reading.arguments):
            kind = b"P" if isinstance(one, Preference) else b"T"
            writer.add(shard_of(one.user, self.shards), kind + orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE))
