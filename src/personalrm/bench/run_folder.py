"""The folder of a run, from which an interrupted run can be resumed.

    with RunFolder.open("out", identity) as folder:
        log = folder.log(entry)
        log.finished                            # numbers of the completed tasks
        log.add(task_rows, judgement_rows)
    folder.tasks(entry)                         # task rows, in the order of the tasks

Files:

    run.json                    data and its fingerprint, protocol, seed, …; a folder holds one run only
    judgements/METHOD.jsonl     a row for each judged order: model, prompt hash, order, probability, tokens, cost, time
    tasks/METHOD.jsonl          a row for each task: combined answers, cost, and what was learned of the user
    seconds.json                run time of each method; separate, since it is all that differs between equal runs

Incomplete rows of a killed run are removed when it is resumed (see `run_log`).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from personalrm.bench.entries import ResultKey
from personalrm.bench.run_log import Log, Row, rows_in_order, rows_of
from personalrm.errors import DataError
from personalrm.files import read_object, replace_file, stored, to_json
from personalrm.locks import Lock, hold
from personalrm.profile.provenance import differing
from personalrm.regular_files import content_of

SCHEMA = 2
RUN, SECONDS = "run.json", "seconds.json"

_SAID = {
    "data": "data",
    "fingerprint": "choices in the data",
    "protocol": "protocol",
    "people": "people (seen or unseen)",
    "seed": "seed",
    "folds": "folds",
    "population": "population",
    "population_fingerprint": "choices in the population",
    "options": "options of fitting",
    "prompts": "prompts",
}


class RunFolder:
    """The locked folder of one run; a context manager that releases the lock."""

    def __init__(self, path: Path, lock: Lock) -> None:
        self.path, self._lock = path, lock
        self._seconds = threading.Lock()

    @classmethod
    def open(cls, path: str | Path, identity: Row, models: Iterable[str]) -> RunFolder:
        """Create the folder, or open it to resume the same run.

        Args:
            path: the folder; created if absent.
            identity: JSON values that must equal those of the run in the folder.
            models: the language models that this run may ask.

        Raises:
            DataError: the folder holds another run or judgements of other models, or another process uses it.
            StorageError: the folder cannot be written.
        """
        folder = Path(path)
        lock = hold(folder, "run")
        try:
            _check_same(folder, identity, sorted(models))
        except BaseException:
            lock.release()
            raise
        return cls(folder, lock)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def log(self, entry: ResultKey, provenance: str) -> Log:
        """Open the log of one entry; removes incomplete rows and rows with another provenance (such as those of a
        model that has been replaced since)."""
        found = Log(self.path, entry, provenance)
        if not found.finished:
            with self._seconds:
                self._write_seconds({name: spent for name, spent in self.seconds().items() if name != entry.file})
        return found

    def tasks(self, entry: ResultKey) -> Iterator[dict[str, Any]]:
        """The task rows of one entry, in the order of the tasks, read one at a time."""
        return rows_in_order(self.path / "tasks" / entry.file)

    def judgements(self, entry: ResultKey) -> Iterator[dict[str, Any]]:
        """The judgement rows of one entry, in the order in which they were written."""
        return rows_of(self.path / "judgements" / entry.file)

    def add_seconds(self, entry: ResultKey, seconds: float) -> None:
        """Add to the run time of an entry."""
        with self._seconds:
            spent = self.seconds()
            spent[entry.file] = round(spent.get(entry.file, 0.0) + seconds, 3)
            self._write_seconds(spent)

    def _write_seconds(self, spent: Mapping[str, float]) -> None:
        with stored(self.path):
            text = orjson.dumps(spent, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
            replace_file(self.path / SECONDS, text)

    def seconds(self) -> dict[str, float]:
        """Run time of each entry, by file name."""
        return read_seconds(self.path)


def read_run(folder: str | Path) -> dict[str, Any]:
    """Read ``run.json``. Raises DataError if it is missing, damaged, or from a newer version."""
    path = Path(folder) / RUN
    if not path.is_file():
        raise DataError(f"there is no run in {folder}: create one with `personalrm bench … --out DIR`")
    return read_object(path, "run", SCHEMA)


def read_seconds(folder: str | Path) -> dict[str, float]:
    """Run time of each entry in seconds, by file name; empty if the file is missing or unreadable."""
    with contextlib.suppress(OSError, orjson.JSONDecodeError):
        found = orjson.loads(content_of(Path(folder) / SECONDS))
        if isinstance(found, dict):
            return {name: float(spent) for name, spent in found.items() if type(spent) in (int, float)}
    return {}


def _check_same(folder: Path, identity: Row, models: list[str]) -> None:
    """Write ``run.json``. Raises DataError if the folder holds another run; adding models is allowed."""
    if not (folder / RUN).exists():
        if (folder / "tasks").exists():
            raise DataError(f"{folder} holds results without {RUN}: choose another --out")
        known: dict[str, Any] = {"schema": SCHEMA, **identity, "models": models}
    else:
        known = read_run(folder)
        if known["schema"] < SCHEMA:
            raise DataError(
                f"{folder} holds a run of an earlier version, which did not record everything its results depend on: "
                "choose another --out"
            )
        _check_identity(folder, known, identity)
        if strange := sorted(set(known.get("models", [])) - set(models)):
            raise DataError(
                f"{folder} holds a run on {', '.join(strange)}; name all of its models with --model, or choose "
                "another --out"
            )
        known["models"] = models
    with stored(folder):
        replace_file(folder / RUN, to_json(known))


def _check_identity(folder: Path, known: Row, identity: Row) -> None:
    for name, value in identity.items():
        if known.get(name) == value:
            continue
        if name == "fingerprint":
            changed = differing(known.get("fields") or {}, identity["fields"])
            said = f"on other choices in the data (changed: {', '.join(changed) or 'their number'})"
        else:
            said = f"with other {_SAID.get(name, name)} ({_short(known.get(name))}, not {_short(value)})"
        raise DataError(f"{folder} holds a run {said}; choose another --out, or delete that folder")


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
