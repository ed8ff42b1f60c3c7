"""The answer cache: a content-addressed SQLite file that several processes may share.

The key is a hash of host, model, messages and parameters; the value is the answer as JSON with a checksum. Prompts,
URLs and keys are never stored. Each answer is committed before it is returned, so that a killed run repeats no finished
call (a commit in WAL mode takes 30 µs; it survives kill -9, and a power failure may lose the last seconds but not the
file). A damaged row counts as missing and is requested again. A file deleted while open is created again. When the disk
is full, a reserve file beside the cache is removed to make room for the answers already paid for, and the run stops
with StorageError.

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

from personalrm.databases import MEMORY, is_busy, open_database
from personalrm.errors import StorageError, StoreBusy
from personalrm.files import is_full, replace_file
from personalrm.llm import cache_claims, cache_rows
from personalrm.llm.cache_rows import answer_of, moved, row_of
from personalrm.llm.endpoint import Completion

_log = logging.getLogger("personalrm.llm")
RESERVE_BYTES = 4 << 20
"""Size of the reserve: 64 answers in flight of 60 kB."""
CHECKPOINT_PAGES = 1000
LEAVE_MS = 500
"""Maximum wait for other processes when the cache is closed: claims end by themselves."""
VERSION = 2
"""Schema version of files created by 0.2 or later."""


class Found(Enum):
    """Results of a lookup without an answer."""

    NOTHING = "no answer is stored: the key is now claimed by this process"
    ASKED_ELSEWHERE = "another process has sent the request"


class AnswerCache:
    """Answers by key. Use from one thread at a time. After `close`, the next use opens it again.

    Args:
        path: the SQLite file; created with its folder if missing. ``:memory:`` keeps answers until it is closed.

    Attributes:
        damaged: number of damaged rows found.

    Raises:
        StorageError: the file cannot be opened, is not a cache, or cannot be written.
    """

    _short_wait = f"PRAGMA busy_timeout = {LEAVE_MS}"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.damaged = 0
        self._in_memory = str(path) == MEMORY
        self._db: cache_claims.CacheConnection | None = None
        self._file: tuple[int, int] | None = None
        self._holds_older = False
        self._claims = cache_claims.Claims()

    @property
    def reserve(self) -> Path:
        """Path of the reserve file, which is removed when the disk is full."""
        return self.path.parent / (self.path.name + ".reserve")

    @property
    def claimed(self) -> int:
        """Number of keys claimed by this process."""
        return self._claims.held

    @property
    def unreleased(self) -> int:
        """Number of claims that `release` would release."""
        return self._claims.unreleased

    def open(self) -> AnswerCache:
        """Open the file now instead of at the first use, and return the cache."""
        self._connection()
        return self

    def get(self, key: bytes) -> Completion | None:
        """Return the answer, or None."""
        with self._storage():
            return self._select(self._connection(), key)

    def look_up(self, key: bytes, older: Callable[[], Iterable[bytes]] = tuple) -> Completion | Found:
        """Return the answer under ``key``, or moved from one of the ``older`` keys; else claim the key."""
        with self._storage():
            db = self._connection()
            known = self._select(db, key)
            if known is None and self._holds_older:
                known = self._adopted(db, key, older())
            if known is None and not self._in_memory and not self._claims.take(db, key):
                return Found.ASKED_ELSEWHERE
            return Found.NOTHING if known is None else known

    def look_up_all(self, wanted: Sequence[tuple[bytes, Callable[[], Iterable[bytes]]]]) -> list[Completion | Found]:
        """Return `look_up` of several keys, usually in two statements."""
        with self._storage():
            db, keys = self._connection(), [key for key, _ in wanted]
            rows = db.execute(cache_rows.select(len(keys)), keys).fetchall()
            known = {key: answer_of(key, row) for key, row in rows}
            free = not rows and not self._holds_older and not self._in_memory and self._claims.take_all(db, keys)
        if free:
            return [Found.NOTHING] * len(keys)
        return [known.get(key) or self.look_up(key, older) for key, older in wanted]

    def put(self, key: bytes, model: str, completion: Completion, *, replace: bool = False) -> None:
        """Store an answer and release the claim.

        An existing answer is replaced only if it is damaged or was cut off, or if ``replace`` is set.
        """
        row = (key, model, row_of(key, completion), time.time())
        db = self._connection()
        try:
            if replace or (not db.execute(cache_rows.INSERT, row).rowcount and self._is_poor(db, key)):
                db.execute(cache_rows.REPLACE, row)
            self._claims.release_claim(db, key)
        except (ValueError, TypeError) as error:
            raise self._unusable(error) from None
        except sqlite3.Error as error:
            if not is_full(error):
                raise self._unusable(error) from None
            self._store_in_reserve(db, row)

    def put_all(self, answers: Sequence[tuple[bytes, str, Completion]]) -> None:
        """Store several answers, usually in one statement; `release` releases their claims.

        Raises:
            StorageError: some of them may not be stored; call `put` for each.
        """
        with self._storage():
            db, now = self._connection(), time.time()
            rows = [(key, model, row_of(key, completion), now) for key, model, completion in answers]
            values = [value for row in rows for value in row]
            stored = db.execute(cache_rows.insert(len(rows)), values).rowcount == len(rows)
            if stored:
                self._claims.answered(db, [row[0] for row in rows])
        if not stored:
            for key, model, completion in answers:
                self.put(key, model, completion)

    def release(self) -> None:
        """Release the claims of the answers stored by `put_all`."""
        with self._storage():
            self._claims.release(self._connection())

    def release_claim(self, key: bytes) -> None:
        """Release the claim of a key without storing an answer."""
        with self._storage():
            self._claims.release_claim(self._connection(), key)

    def beat(self) -> None:
        """Renew the claims of this process for other processes."""
        with self._storage():
            self._claims.beat(self._connection())

    def is_there(self) -> bool:
        """Return whether the open file is still at its path; if not, the next use creates it again."""
        if self._in_memory or self._db is None:
            return True
        try:
            found = self.path.stat()
        except OSError:
            found = None
        if found is not None and (found.st_dev, found.st_ino) == self._file:
            return True
        _log.warning("the cache %s was deleted while in use; a new file is created", self.path)
        self._claims.forget()
        self.close()
        return False

    def has_room(self) -> bool:
        """Return whether the disk has room for the reserve, and so for new answers."""
        try:
            self._fill_reserve()
            self._connection().execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        except (OSError, sqlite3.Error):
            return False
        return True

    def fact(self, name: str) -> Any | None:
        """Return the JSON value stored under a name (a host's capabilities); None if it is missing or damaged."""
        with self._storage():
            row = self._connection().execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else cache_rows.fact_of(name, row[0])

    def keep_fact(self, name: str, value: Any) -> None:
        """Store a JSON value under a name."""
        row = cache_rows.row_of_fact(name, value)
        with self._storage():
            self._connection().execute(cache_rows.KEEP_FACT, (name, row))

    def __len__(self) -> int:
        with self._storage():
            return int(self._connection().execute("SELECT count(*) FROM answers").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(sqlite3.Error, StorageError):
                db.execute(self._short_wait)
                self._claims.leave(db)
            self._claims.forget()
            db.close()

    def _connection(self) -> cache_claims.CacheConnection:
        if self._db is None:
            with self._storage():
                is_new = self._in_memory or not self.path.exists() or not self.path.stat().st_size
                db = self._db = open_database(self.path, cache_rows.SCHEMA + cache_claims.SCHEMA)
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
            _log.info("the cache %s holds a damaged answer, which is requested again", self.path)
            db.execute("DELETE FROM answers WHERE key = ?", (key,))
        return known

    def _adopted(self, db: cache_claims.CacheConnection, key: bytes, older: Iterable[bytes]) -> Completion | None:
        """An answer of version 0.1, whose keys have no host: it is assigned to the first host that asks."""
        for old in older:
            known = self._select(db, old)
            if known is not None:
                row = (key, moved(key, known), old)
                db.execute("UPDATE answers SET key = ?, answer = ? WHERE key = ?", row)
                return known
        return None

    def _is_poor(self, db: cache_claims.CacheConnection, key: bytes) -> bool:
        """Whether the stored row is damaged or cut off."""
        known = self._select(db, key)
        return known is None or known.finish_reason == "length"

    def _store_in_reserve(self, db: cache_claims.CacheConnection, row: Sequence[Any]) -> None:
        """Store an answer already paid for in the space of the reserve, then stop the run."""
        full = f"the disk that holds the cache {self.path} is full"
        try:
            self.reserve.unlink(missing_ok=True)
            db.execute("PRAGMA wal_autocheckpoint = 0")  # a checkpoint writes twice and would use up the freed space
            db.execute(cache_rows.INSERT, row)
        except (sqlite3.Error, OSError):
            raise StorageError(f"{full}, and the answer just received could not be kept; free some space") from None
        raise StorageError(f"{full}; all answers so far are kept: free some space and run the same command again")

    def _fill_reserve(self) -> None:
        """Write real bytes; a sparse file would reserve nothing."""
        if self._in_memory or (self.reserve.exists() and self.reserve.stat().st_size == RESERVE_BYTES):
            return
        replace_file(self.reserve, b"\0" * RESERVE_BYTES, private=True)  # atomic: several processes may do this

    @contextlib.contextmanager
    def _storage(self) -> Iterator[None]:
        """Convert errors of SQLite and the file system to StorageError."""
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, TypeError) as error:  # the latter two from damaged files
            raise self._unusable(error) from None

    def _unusable(self, error: Exception) -> StorageError:
        if is_full(error):
            return StorageError(
                f"the disk that holds the cache {self.path} is full or failing: free some space and run again"
            )
        if is_busy(error):
            return StoreBusy(
                f"the cache {self.path} is locked by another process: wait until it ends, or name another file with "
                "--cache"
            )
        said = "the file is damaged" if isinstance(error, ValueError | TypeError) else error
        said = said.strerror if isinstance(said, OSError) and said.strerror else said
        return StorageError(f"the cache {self.path} cannot be used: {said}; name another file with --cache")
