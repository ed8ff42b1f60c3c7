"""The file of pulled feedback, and the note beside it from which the next pull continues.

The file is JSON Lines, one item of feedback per line, in columns that `personalrm fit` reads. Each page is appended
and synced. An item that was changed at the host is appended again; at the end of a pull the file is rewritten with only
the newest version of each item. ``.NAME.pull.json`` beside it holds the host, the newest time and the position of an
interrupted pull.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from personalrm.errors import DataError
from personalrm.files import making, read_record, replace_file, replacing, stored, to_json
from personalrm.integrations.feedback.base import Item
from personalrm.regular_files import reading

SCHEMA = 1
Identity = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PullNote:
    """State of earlier pulls into a file.

    Attributes:
        schema: version of the note's schema.
        source: kind of host and its URL, without user, password and query.
        newest: the latest time in the file, ISO 8601 in UTC.
        since, until, cursor: window of an interrupted pull and the cursor of its next page.
    """

    schema: int
    source: str
    newest: str | None = None
    since: str | None = None
    until: str | None = None
    cursor: str | None = None


class PulledFile:
    """The file of pulled feedback. Hold its lock (`personalrm.locks.hold_file`) while it is in use.

    Args:
        path: JSON Lines file; created if absent.
        source: kind and URL of the host.

    Raises:
        DataError: the file was not written by a pull, or it holds feedback of another host.
    """

    def __init__(self, path: Path, source: str) -> None:
        self.path, self._note_path = path, path.with_name(f".{path.name}.pull.json")
        self.note = PullNote(SCHEMA, source)
        self._known: dict[Identity, bytes] = {}
        self._stale = False
        if not path.exists():  # also if the user removed the file: everything is pulled again
            return
        if not self._note_path.exists():
            raise DataError(f"{path} was not written by `personalrm pull`: give another --out")
        self.note = read_record(self._note_path, PullNote, "note of a pull", schema=SCHEMA)
        if self.note.source != source:
            raise DataError(f"{path} holds feedback of {self.note.source}: give another --out for {source}")
        self._scan()

    def __len__(self) -> int:
        return len(self._known)

    def add(self, items: Iterable[Item]) -> tuple[int, int]:
        """Append new and changed items. Returns the numbers of new and of changed ones. StorageError if it fails."""
        new = changed = 0
        lines: list[bytes] = []
        for one in items:
            line = orjson.dumps(dict(one.row), option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SORT_KEYS)
            identity, digest = (str(one.user), one.id), _digest(line)
            before = self._known.get(identity)
            if before == digest:
                continue
            new, changed = new + (before is None), changed + (before is not None)
            self._known[identity] = digest
            lines.append(line)
        self._stale = self._stale or changed > 0
        if lines:
            with stored(self.path), self.path.open("ab") as file:
                file.write(b"".join(lines))
                file.flush()
                os.fsync(file.fileno())
        return new, changed

    def keep(self, **changes: Any) -> None:
        """Write the note with these changes."""
        self.note = replace(self.note, **changes)
        with stored(self._note_path), making(self._note_path.parent):
            replace_file(self._note_path, to_json(asdict(self.note)))

    def finish(self) -> None:
        """Rewrite the file with only the newest version of each item, if it holds older ones."""
        if not self._stale:
            return
        written: set[Identity] = set()
        with stored(self.path), replacing(self.path) as out:
            for line, identity in self._lines():
                if identity not in written and self._known.get(identity) == _digest(line):
                    out.write(line)  # once, also where it was changed and changed back
                    written.add(identity)
        self._stale = False

    def _scan(self) -> None:
        """Read the identities and digests of the file's lines; remove an incomplete last line."""
        end = 0
        for line, identity in self._lines():
            end += len(line)
            self._stale = self._stale or identity in self._known
            self._known[identity] = _digest(line)
        if end < self.path.stat().st_size:
            with stored(self.path), self.path.open("r+b") as file:
                file.truncate(end)

    def _lines(self) -> Iterator[tuple[bytes, Identity]]:
        """Complete lines with their identities. DataError for a line that was not written by a pull."""
        with reading(self.path) as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return
                try:
                    row = orjson.loads(line)
                    identity = str(row["user"]), str(row["id"])
                except (orjson.JSONDecodeError, KeyError, TypeError):
                    where = f"{self.path}, line {number}"
                    raise DataError(f"{where}: expected a row with 'user' and 'id' as a pull writes it") from None
                yield line, identity


def _digest(line: bytes) -> bytes:
    return blake2b(line, digest_size=16).digest()
