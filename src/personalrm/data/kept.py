"""Histories that are read several times but parsed once: later passes read a temporary file, ten times as fast.

    with KeptPeople(lambda: read_people("prism.jsonl.gz")) as people:
        for history in people(): ...        # parsed, and written to the temporary file
        for history in people(): ...        # read from the temporary file

The file has no name and is readable by this process only. If the disk is full, or the file would be larger than
`MOST_BYTES`, the source is parsed again at each pass.
"""

from __future__ import annotations

import contextlib
import pickle
import tempfile
import threading
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import IO, Any

from personalrm.preferences import History, Message, Preference

MOST_BYTES = 1 << 30
_MORE = (
    "domain", "time", "demographics", "reason", "judges", "split", "stated", "source", "ranking", "weight",
)  # fmt: skip
_USUAL: dict[str, Any] = {"judges": {}, "stated": {}, "weight": 1.0}


class KeptPeople:
    """Returns all histories at each call, in the same order. Thread-safe.

    Args:
        source: parses and returns all histories at each call.
        most_bytes: maximum size of the temporary file.
    """

    def __init__(self, source: Callable[[], Iterable[History]], most_bytes: int = MOST_BYTES) -> None:
        self._source, self._most = source, most_bytes
        self._file: _People | None = None
        self._writing = threading.Lock()

    def __enter__(self) -> KeptPeople:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __call__(self) -> Iterator[History]:
        return self._parsed() if self._file is None else self._file.people()

    def _parsed(self) -> Iterator[History]:
        """Histories from the source; the first complete pass creates the file."""
        if not self._writing.acquire(blocking=False):  # another pass is writing, or none can be written
            yield from self._source()
            return
        file, room = _People(), True
        try:
            for history in self._source():
                if room and not (room := file.add(history, self._most)):
                    file.close()
                yield history
            if room and (room := file.complete()):
                self._file = file
        finally:
            if room and self._file is None:  # not read to the end: the next pass may write it
                file.close()
                self._writing.release()


class _People:
    """Consecutive pickled histories in an unnamed temporary file."""

    def __init__(self) -> None:
        self._places = array("q", [0])
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._closing: Callable[[], Any] = lambda: None

    def add(self, history: History, most: int) -> bool:
        """Append a history; returns whether there was room for it."""
        state = pickle.dumps(_state_of(history), protocol=5)
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="personalrm-")  # noqa: SIM115
                self._closing = weakref.finalize(self, _closed, self._file)
            self._file.write(state)
        except OSError:
            return False
        self._places.append(self._places[-1] + len(state))
        return self._places[-1] <= most

    def complete(self) -> bool:
        """Write what is buffered; returns whether there was room for it."""
        try:
            if self._file is not None:
                self._file.flush()
        except OSError:
            self.close()
            return False
        return True

    def people(self) -> Iterator[History]:
        for at in range(len(self._places) - 1):
            yield _history_of(pickle.loads(self._read(at)))

    def _read(self, at: int) -> bytes:
        assert self._file is not None
        with self._lock:
            self._file.seek(self._places[at])
            return self._file.read(self._places[at + 1] - self._places[at])

    def close(self) -> None:
        self._closing()


def _closed(file: IO[bytes]) -> None:
    """Close a file; what is still buffered may have no room on the disk."""
    with contextlib.suppress(OSError):
        file.close()


def _state_of(history: History) -> tuple[Any, ...]:
    """The history as plain tuples, which unpickle three times as fast as frozen dataclasses."""
    return history.user, [_choice(one) for one in history.choices], history.thumbs


def _choice(one: Preference) -> tuple[Any, ...]:
    turns = [(turn.role, turn.content) for turn in one.context]
    more = {name: value for name in _MORE if (value := getattr(one, name)) != _USUAL.get(name)}
    return one.id, one.user, one.group, turns, one.chosen, one.rejected, one.tie, one.margin, more


def _history_of(state: tuple[Any, ...]) -> History:
    user, choices, thumbs = state
    return History(user, tuple(map(_preference, choices)), thumbs)


def _preference(state: tuple[Any, ...]) -> Preference:
    name, user, group, turns, chosen, rejected, tie, margin, more = state
    context = tuple(Message.unchecked(role, content) for role, content in turns)
    return Preference.unchecked(name, user, group, context, chosen, rejected, tie, margin, more)
