"""Every answer once: a content-addressed SQLite file that several processes may share.

The key is a hash of host, model, messages and parameters; the value is the answer as JSON with a checksum. Prompts,
URLs and keys are never stored. Each answer is committed before anybody sees it, so a killed run repeats no finished
call (a commit in WAL mode costs 30 µs; it survives kill -9, and a power cut may lose the last seconds, never the file).

A damaged row counts as absent and is asked again. A file that is deleted while it is open is begun anew. When the disk
is full, a reserve file beside the cache is given up to make room for the answers that are already paid for, and the run
stops with StorageError.

    cache = AnswerCache("answers.sqlite")
    cache.put(key := row_key(host, cache_key(model, messages, params)), model, completion)
    cache.get(key).from_cache                                                       # True
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import orjson

from personalrm.errors import StorageError
from personalrm.files import MEMORY, is_full, open_database, replace_file
from personalrm.llm import cache_claims
from personalrm.llm.cache_rows import answer_of, checksum, moved, row_of
from personalrm.llm.endpoint import Completion

_log = logging.getLogger("personalrm.llm")
RESERVE_BYTES = 4 << 20
"""Room for the answers in flight of a full endpoint: 64 answers of 60 kB."""
CHECKPOINT_PAGES = 1000
VERSION = 2
"""Of a file that no version before 0.2 has begun."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, model TEXT NOT NULL, answer BLOB NOT NULL, written REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""
_INSERT = "INSERT INTO answers VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
_REPLACE = (
    "INSERT INTO answers VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE "
    "SET model = excluded.model, answer = excluded.answer, written = excluded.written"
)
_KEEP_FACT = "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


class Found(Enum):
    """What looking for an answer found when there is none."""

    NOTHING = "nobody has asked: the key is claimed for this process"
    ASKED_ELSEWHERE = "another process is asking"


class AnswerCache:
    """Answers by key. Use from one thread at a time. After `close` it opens again when it is used.

    Args:
        path: the SQLite file; made with its folder if absent. ``:memory:`` keeps answers until it is closed.

    Attributes:
        damaged: rows met that were no answer.
        begun_anew: how often the file was found deleted.

    Raises:
        StorageError: the file cannot be opened, is no cache, or cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.damaged = self.begun_anew = 0
        self._in_memory = str(path) == MEMORY
        self._db: cache_claims.CacheConnection | None = None
        self._file: tuple[int, int] | None = None
        self._holds_older = False
        self._claims = cache_claims.Claims()

    @property
    def reserve(self) -> Path:
        """The file that is given up when the disk is full."""
        return self.path.parent / (self.path.name + ".reserve")

    @property
    def claimed(self) -> int:
        """Questions that this process says it is asking."""
        return self._claims.held

    def open(self) -> AnswerCache:
        """Open the file now instead of at the first use."""
        self._connection()
        return self

    def get(self, key: bytes) -> Completion | None:
        """The answer, or None."""
        with self._storage():
            return self._select(self._connection(), key)

    def look_up(self, key: bytes, older: Callable[[], Iterable[bytes]] = tuple) -> Completion | Found:
        """The answer under ``key``, or under one of the ``older`` keys, from which it is moved; else claim the key."""
        with self._storage():
            db = self._connection()
            known = self._select(db, key)
            if known is None and self._holds_older:
                known = self._adopted(db, key, older())
            if known is None and not self._in_memory and not self._claims.take(db, key):
                return Found.ASKED_ELSEWHERE
            return Found.NOTHING if known is None else known

    def put(self, key: bytes, model: str, completion: Completion, *, replace: bool = False) -> None:
        """Keep an answer and give its claim back. An earlier one stays unless it is damaged or was cut off, or
        ``replace`` says so."""
        row = (key, model, row_of(key, completion), time.time())
        db = self._connection()
        try:
            if replace or (not db.execute(_INSERT, row).rowcount and self._is_poor(db, key)):
                db.execute(_REPLACE, row)
            self._claims.give_back(db, key)
        except (ValueError, TypeError) as error:
            raise self._unusable(error) from None
        except sqlite3.Error as error:
            if not is_full(error) or db.in_transaction:
                raise StorageError(f"the cache {self.path} cannot be written: {error}") from None
            self._store_in_reserve(db, row)

    def give_back(self, key: bytes) -> None:
        """The key is not asked any more, and has no answer."""
        with self._storage():
            self._claims.give_back(self._connection(), key)

    def beat(self) -> None:
        """Show other processes that the claims of this one still hold."""
        with self._storage():
            self._claims.beat(self._connection())

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside in one commit, in the file that lies at the path when it is made."""
        db = self._connection()
        with self._storage():
            db.execute("BEGIN IMMEDIATE")
        try:
            yield
            with self._storage():
                db.execute("COMMIT")
        except BaseException:
            self._claims.undone()
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise

    def is_there(self) -> bool:
        """Whether the open file still lies at its path; if not, the next use begins it anew."""
        if self._in_memory or self._db is None:
            return True
        try:
            found = self.path.stat()
        except OSError:
            found = None
        if found is not None and (found.st_dev, found.st_ino) == self._file:
            return True
        self.begun_anew += 1
        _log.warning("the cache %s was deleted while it was in use: it is begun anew", self.path)
        self._claims.forget()
        self.close()
        return False

    def has_room(self) -> bool:
        """Whether there is room on the disk (again) for the reserve, and so for new answers."""
        try:
            self._fill_reserve()
            self._connection().execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        except (OSError, sqlite3.Error):
            return False
        return True

    def fact(self, name: str) -> Any | None:
        """A JSON value kept beside the answers (what a host can do); None if there is none, or it is damaged."""
        with self._storage():
            row = self._connection().execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        try:
            kept = orjson.loads(row[0]) if row is not None and isinstance(row[0], bytes) else None
        except orjson.JSONDecodeError:
            kept = None
        if isinstance(kept, dict) and kept.get("check") == checksum(name.encode(), kept.get("fact")):
            return kept["fact"]
        return None

    def keep_fact(self, name: str, value: Any) -> None:
        """Keep a JSON value under a name."""
        row = orjson.dumps({"fact": value, "check": checksum(name.encode(), value)})
        with self._storage():
            self._connection().execute(_KEEP_FACT, (name, row))

    def __len__(self) -> int:
        with self._storage():
            return int(self._connection().execute("SELECT count(*) FROM answers").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._claims.leave(db)
            self._claims.forget()
            db.close()

    def _connection(self) -> cache_claims.CacheConnection:
        if self._db is None:
            with self._storage():
                is_new = self._in_memory or not self.path.exists() or not self.path.stat().st_size
                db = self._db = open_database(self.path, _SCHEMA + cache_claims.SCHEMA)
                if is_new:
                    db.execute(f"PRAGMA user_version = {VERSION}")
                self._holds_older = db.execute("PRAGMA user_version").fetchone()[0] < VERSION
                if not self._in_memory:
                    found = self.path.stat()
                    self._file = found.st_dev, found.st_ino
                self._fill_reserve()
            _log.debug("opened the cache %s", self.path)
        return self._db

    def _select(self, db: cache_claims.CacheConnection, key: bytes) -> Completion | None:
        row = db.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        known = answer_of(key, row[0])
        if known is None:
            self.damaged += 1
            _log.info("the cache %s holds a damaged answer: it is asked again", self.path)
            db.execute("DELETE FROM answers WHERE key = ?", (key,))
        return known

    def _adopted(self, db: cache_claims.CacheConnection, key: bytes, older: Iterable[bytes]) -> Completion | None:
        """An answer of version 0.1, which knew no hosts: it becomes the answer of the first host that is asked."""
        for old in older:
            known = self._select(db, old)
            if known is not None:
                row = (key, moved(key, known), old)
                db.execute("UPDATE answers SET key = ?, answer = ? WHERE key = ?", row)
                return known
        return None

    def _is_poor(self, db: cache_claims.CacheConnection, key: bytes) -> bool:
        """Whether the row that is there is damaged or cut off."""
        known = self._select(db, key)
        return known is None or known.finish_reason == "length"

    def _store_in_reserve(self, db: cache_claims.CacheConnection, row: Sequence[Any]) -> None:
        """Make room for an answer that is paid for, then stop the run."""
        full = f"the disk that holds the cache {self.path} is full"
        try:
            self.reserve.unlink(missing_ok=True)
            db.execute("PRAGMA wal_autocheckpoint = 0")  # it would write everything twice, and take the room for itself
            db.execute(_INSERT, row)
        except (sqlite3.Error, OSError):
            raise StorageError(f"{full}, and the answer just received could not be kept; make room") from None
        raise StorageError(f"{full}; all answers so far are kept: make room and run the same command again")

    def _fill_reserve(self) -> None:
        """Real bytes: a sparse file would reserve nothing."""
        if self._in_memory or (self.reserve.exists() and self.reserve.stat().st_size == RESERVE_BYTES):
            return
        replace_file(self.reserve, b"\0" * RESERVE_BYTES, private=True)  # whole at once: several processes may do this

    @contextlib.contextmanager
    def _storage(self) -> Iterator[None]:
        """Errors of SQLite and the file system become ours."""
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, TypeError) as error:  # the latter two from damaged files
            raise self._unusable(error) from None

    def _unusable(self, error: Exception) -> StorageError:
        if isinstance(error, sqlite3.OperationalError) and is_full(error):
            return StorageError(f"the disk that holds the cache {self.path} is full or failing: make room and go on")
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        reason = "the file is damaged" if isinstance(error, ValueError | TypeError) else reason
        return StorageError(f"the cache {self.path} cannot be used: {reason}; name another file with --cache")
