"""The folder of a run: what is finished stays finished, however the run ends.

    with RunFolder.open("out", identity) as folder:
        log = folder.log(entry)
        log.finished                            # numbers of the tasks that need not be asked again
        log.add(task_row, judgement_rows)
    folder.tasks(entry)                         # task rows, in the order of the tasks

Files:

    run.json                    data and its fingerprint, protocol, seed, …: a folder holds one run and refuses others
    judgements/METHOD.jsonl     a row for each judged order: model, prompt hash, order, probability, tokens, cost, time
    tasks/METHOD.jsonl          a row for each task: the answers combined, what they took, what was learned
    seconds.json                how long each method ran; apart, because it is all that differs between equal runs

A task's judgements are written before its row, and both at once to the operating system: a killed run leaves at most
one half line or judgements without a task, and both are cut off when the run goes on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from urllib.parse import quote

import orjson

from personalrm.errors import DataError, StorageError

SCHEMA = 1
RUN, SECONDS = "run.json", "seconds.json"
Row = Mapping[str, Any]

_SAID = {
    "data": "data",
    "fingerprint": "choices in the data",
    "protocol": "protocol",
    "seed": "seed",
    "folds": "folds",
    "population": "population",
    "population_fingerprint": "choices in the population",
    "options": "options of fitting",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the result table: a method, on one model, with at most so many choices to learn from (None: all)."""

    method: str
    model: str
    context_pairs: int | None = None

    @property
    def file(self) -> str:
        """A file name that stands for it."""
        limit = "" if self.context_pairs is None else f"@{self.context_pairs}"
        own = self.model not in (self.method, "traits", "traits+encoder")
        return quote(f"{self.method}{f'@{self.model}' if own else ''}{limit}", safe="+@") + ".jsonl"


def labels(entries: Iterable[Entry]) -> dict[Entry, str]:
    """What each line is called where all stand together: its method, and what else tells it from the others."""
    held = list(entries)
    models: dict[str, set[str]] = {}
    for one in held:
        models.setdefault(one.method, set()).add(one.model)
    return {one: _label(one, len(models[one.method]) > 1) for one in held}


def _label(entry: Entry, with_model: bool) -> str:
    parts = [entry.method]
    if with_model:
        parts.append(entry.model)
    if entry.context_pairs is not None:
        parts.append(f"{entry.context_pairs} choice{'s' * (entry.context_pairs != 1)}")
    return " · ".join(parts)


class RunFolder:
    """A folder that belongs to one run; use it with ``with``, which keeps other processes out of it."""

    def __init__(self, path: Path, lock: IO[bytes]) -> None:
        self.path, self._lock = path, lock

    @classmethod
    def open(cls, path: str | Path, identity: Row, models: Iterable[str]) -> RunFolder:
        """Make the folder, or go on in one of the same run.

        Args:
            path: made if absent.
            identity: what must be equal for a run to be the same, as JSON values.
            models: the language models this run may ask.

        Raises:
            DataError: the folder holds another run, another model's judgements, or is being written to.
            StorageError: it cannot be written.
        """
        folder = Path(path)
        with _stored(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / ".lock").open("wb")
        try:
            _hold(lock, folder)
            _check_same(folder, identity, sorted(models))
        except BaseException:
            lock.close()
            raise
        return cls(folder, lock)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()

    def log(self, entry: Entry) -> Log:
        """Where the rows of one entry are added; what an earlier, killed run left half done is cut off."""
        return Log(self.path, entry)

    def tasks(self, entry: Entry) -> list[dict[str, Any]]:
        """The task rows of one entry, in the order of the tasks."""
        return sorted(_rows(self.path / "tasks" / entry.file), key=lambda row: int(row["task"]))

    def judgements(self, entry: Entry) -> Iterator[dict[str, Any]]:
        """The rows of one entry's judged orders, as they were answered."""
        return _rows(self.path / "judgements" / entry.file)

    def add_seconds(self, entry: Entry, seconds: float) -> None:
        """Count time that an entry ran."""
        spent = self.seconds()
        spent[entry.file] = round(spent.get(entry.file, 0.0) + seconds, 3)
        replace_file(self.path / SECONDS, [orjson.dumps(spent, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)])

    def seconds(self) -> dict[str, float]:
        """How long each entry ran, by the names of their files."""
        return read_seconds(self.path)


class Log:
    """The rows of one entry; ``finished`` are the numbers of its tasks that are done."""

    def __init__(self, folder: Path, entry: Entry) -> None:
        self._tasks, self._judgements = folder / "tasks" / entry.file, folder / "judgements" / entry.file
        self._out: tuple[IO[bytes], IO[bytes]] | None = None
        with _stored(folder):
            for one in (self._tasks, self._judgements):
                one.parent.mkdir(exist_ok=True)
            self.finished = self._mend(entry)

    def add(self, task: Row, judgements: Iterable[Row]) -> None:
        """Keep what was answered to one task. Raises StorageError."""
        with _stored(self._tasks):
            if self._out is None:
                self._out = (self._judgements.open("ab", buffering=0), self._tasks.open("ab", buffering=0))
            self._write(self._out[0], b"".join(orjson.dumps(row) + b"\n" for row in judgements))
            self._write(self._out[1], orjson.dumps(task) + b"\n")
        self.finished.add(int(task["task"]))

    def close(self) -> None:
        """Close the files; a later `add` opens them again."""
        for one in self._out or ():
            one.close()
        self._out = None

    @staticmethod
    def _write(out: IO[bytes], text: bytes) -> None:
        left = memoryview(text)
        while left:  # unbuffered files may take a part only
            left = left[out.write(left) :]

    def _mend(self, entry: Entry) -> set[int]:
        """Cut off half lines and judgements of unfinished tasks; gives the finished tasks."""
        rows = {int(row["task"]): int(row["judgements"]) for row in _own(self._tasks, entry)}
        found = dict.fromkeys(rows, 0)
        kept = []
        for row in _own(self._judgements, entry):
            if row["task"] in found:
                found[row["task"]] += 1
                kept.append(orjson.dumps(row) + b"\n")
        finished = {task for task, count in found.items() if count == rows[task]}
        if self._judgements.exists():
            replace_file(self._judgements, kept)
        if self._tasks.exists():
            whole = (row for row in _rows(self._tasks) if row["task"] in finished)
            replace_file(self._tasks, [orjson.dumps(row) + b"\n" for row in whole])
        return finished


def read_run(folder: str | Path) -> dict[str, Any]:
    """What ``run.json`` says. DataError if there is none, it is damaged, or it comes from a newer version."""
    path = Path(folder) / RUN
    try:
        found = orjson.loads(path.read_bytes())
    except OSError:
        raise DataError(f"there is no run in {folder}: `personalrm bench … --out DIR` makes one") from None
    except orjson.JSONDecodeError as error:
        raise DataError(f"{path} is damaged: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("schema"), int):
        raise DataError(f"{path} describes no run")
    if found["schema"] > SCHEMA:
        raise DataError(f"{path} was written by a newer personalrm; update to read it")
    return found


def read_seconds(folder: str | Path) -> dict[str, float]:
    """How long each entry ran, by the names of their files; empty where that is not known."""
    with contextlib.suppress(OSError, orjson.JSONDecodeError):
        found = orjson.loads((Path(folder) / SECONDS).read_bytes())
        if isinstance(found, dict):
            return {str(name): float(seconds) for name, seconds in found.items()}
    return {}


def replace_file(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file whole or not at all, so that a full disk leaves the earlier one as it was."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as out:
            out.writelines(parts)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _check_same(folder: Path, identity: Row, models: list[str]) -> None:
    """The folder is new, or holds this very run; then its models may grow in number."""
    if not (folder / RUN).exists():
        if (folder / "tasks").exists():
            raise DataError(f"{folder} holds results without {RUN}: choose another --out")
        known: dict[str, Any] = {"schema": SCHEMA, **identity, "models": models}
    else:
        known = read_run(folder)
        for name, value in identity.items():
            if known.get(name) != value:
                what = _SAID.get(name, name)
                raise DataError(
                    f"{folder} holds a run with other {what} ({_short(known.get(name))}, not {_short(value)}); "
                    "choose another --out, or delete that folder"
                )
        if strange := sorted(set(known.get("models", [])) - set(models)):
            raise DataError(
                f"{folder} holds a run on {', '.join(strange)}; name every model it is to hold with --model, or "
                "choose another --out"
            )
        known["models"] = models
    with _stored(folder):
        replace_file(folder / RUN, [orjson.dumps(known, option=orjson.OPT_INDENT_2)])


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _hold(lock: IO[bytes], folder: Path) -> None:
    """Keep other processes out for as long as the file is open; the system lets go of it when we die."""
    try:
        import fcntl
    except ImportError:  # Windows has none: there nobody is kept out
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise DataError(f"another run is writing to {folder}: wait for it, or choose another --out") from None


def _own(path: Path, entry: Entry) -> Iterator[dict[str, Any]]:
    """The rows of a file, which must all be the entry's."""
    for line, row in enumerate(_rows(path), 1):
        if (row.get("method"), row.get("model")) != (entry.method, entry.model):
            raise DataError(
                f"{path}, line {line}: expected rows of {entry.method} on {entry.model}, found one of "
                f"{row.get('method')} on {row.get('model')}: the folder mixes runs"
            )
        yield row


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a file, which may be absent; a half line at its end is left out."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise DataError(f"{path}, line {number}: damaged ({error}); delete the file to ask again") from None
            if not isinstance(row, dict) or not isinstance(row.get("task"), int):
                raise DataError(f"{path}, line {number}: expected a row of a run with its task number")
            yield row


@contextlib.contextmanager
def _stored(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
