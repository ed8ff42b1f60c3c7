"""A human study in a folder: ``study.json`` has the protocol, ``participants/CODE.jsonl`` a participant's events.

Each event is written to the disk before the next step is shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

import orjson

from personalrm.bench.studies.human.protocol import Event, Protocol, distinct_pairs
from personalrm.errors import DataError, StoreConflict
from personalrm.files import checked, read_object, replace_file, stored, to_json
from personalrm.locks import hold_file
from personalrm.preferences import Preference
from personalrm.regular_files import content_of

SCHEMA = 1
CODE = re.compile(r"(simulated-)?p-[0-9a-f]{8}")


class StudyFolder:
    """A `ParticipantLog` in a folder, for several processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, pairs: Sequence[Preference], protocol: Protocol | None) -> tuple[list[Preference], Protocol]:
        """The pairs and the protocol of the study in the folder; creates the study if there is none.

        Raises:
            DataError: too few pairs, or the folder holds a study with other pairs or another protocol.
            StorageError: the folder cannot be written.
        """
        file = self.folder / "study.json"
        if not file.exists():
            fresh = protocol or Protocol()
            distinct = distinct_pairs(pairs, fresh)
            record = {"schema": SCHEMA, "pairs": _fingerprint(distinct), "protocol": asdict(fresh)}
            with stored(self.folder):
                (self.folder / "participants").mkdir(parents=True, exist_ok=True)
                replace_file(file, to_json({**record, "planned": fresh.planned}), private=True)
            return distinct, fresh
        found = read_object(file, "study", SCHEMA)
        begun = checked(found.get("protocol"), Protocol, f"the study {file}, field 'protocol'")
        distinct = distinct_pairs(pairs)
        if found.get("pairs") != _fingerprint(distinct):
            raise DataError(f"{self.folder} holds a study with other pairs: give another --out, or the same pairs")
        if protocol is not None and protocol != begun:
            raise DataError(f"{self.folder} holds a study with another protocol, which is fixed after the start")
        return distinct, begun

    def events(self, code: str) -> list[Event]:
        """The events of a participant, in order; empty for an unknown code."""
        file = self._file(code)
        if not CODE.fullmatch(code) or not file.exists():
            return []
        return [_event(file, number, line) for number, line in enumerate(_lines(file), 1)]

    def all_events(self) -> dict[str, list[Event]]:
        """The events of every participant, by code."""
        codes = sorted(one.stem for one in (self.folder / "participants").glob("*.jsonl") if CODE.fullmatch(one.stem))
        return {code: self.events(code) for code in codes}

    def append(self, code: str, place: int, event: Event) -> None:
        """Store event number ``place`` of a participant.

        Raises:
            StoreConflict: another process has stored this event. DataError: another process is storing one.
            StorageError: it cannot be written.
        """
        path, line = self._file(code), orjson.dumps(event) + b"\n"
        with hold_file(path, "session of this participant"), stored(path):
            lines = _lines(path) if path.exists() else []
            if len(lines) != place:
                raise StoreConflict(f"participant {code} has gone on elsewhere: resume with --participant {code}")
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                # an incomplete last line, left by a crash, was never acknowledged
                file.truncate(sum(len(one) + 1 for one in lines))
                file.seek(0, os.SEEK_END)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())

    def _file(self, code: str) -> Path:
        return self.folder / "participants" / f"{code}.jsonl"


def _lines(file: Path) -> list[bytes]:
    """The complete lines."""
    return content_of(file).split(b"\n")[:-1]


def _event(file: Path, number: int, line: bytes) -> Event:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise DataError(f"{file}, line {number}: damaged ({error})") from None
    if not isinstance(found, dict):
        raise DataError(f"{file}, line {number}: expected an object")
    return found


def _fingerprint(pairs: Sequence[Preference]) -> str:
    rows = [[[(turn.role, turn.content) for turn in one.context], sorted((one.chosen, one.rejected))] for one in pairs]
    return blake2b(orjson.dumps(rows), digest_size=16).hexdigest()
