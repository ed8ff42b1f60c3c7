"""The answer cache in PostgreSQL, shared by all machines of a cluster (extra ``serve`` installs the driver).

    cache = PostgresAnswerCache("postgresql://user@host/answers")

Keys, rows, checksums and claims are those of the SQLite file (`cache`). Differences: each statement is committed
separately, so that machines never wait for each other's batch, and commits do not wait for the disk
(``synchronous_commit`` off), so that a killed program loses nothing and a power failure of the server at most the last
second. A lookup on a broken connection raises StorageError, and the next use opens a new one; operations that were
waiting together are repeated one by one on the new connection.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from personalrm.errors import MissingExtra, StorageError
from personalrm.llm.cache import LEAVE_MS, AnswerCache, Found
from personalrm.llm.credentials import of_database, without_user
from personalrm.llm.endpoint import Completion

_WAIT_S = 10
_LOCK = 0x7072_6D61  # advisory lock: creating the tables on two machines at once would fail
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS answers (key bytea PRIMARY KEY, model text NOT NULL, answer bytea NOT NULL, "
    "written double precision NOT NULL)",
    "CREATE TABLE IF NOT EXISTS facts (name text PRIMARY KEY, value bytea NOT NULL)",
    "CREATE TABLE IF NOT EXISTS claims (key bytea PRIMARY KEY, owner text NOT NULL)",
    "CREATE TABLE IF NOT EXISTS owners (owner text PRIMARY KEY, beat integer NOT NULL)",
)


class PostgresAnswerCache(AnswerCache):
    """Answers by key; see `AnswerCache`. Use from one thread at a time.

    Args:
        url: ``postgresql://USER@HOST/NAME``; the password is in the URL, in PGPASSWORD, or in ``~/.pgpass``.

    Raises:
        MissingExtra: the driver is not installed. StorageError: the database cannot be reached or used.
    """

    _short_wait = f"SET lock_timeout = {LEAVE_MS}"

    def __init__(self, url: str) -> None:
        super().__init__(_shown(url))
        self._url, self.driver = url, _driver()

    def look_up(self, key: bytes, older: Callable[[], Iterable[bytes]] = tuple) -> Completion | Found:
        """See `AnswerCache.look_up`. Version 0.1 had no PostgreSQL cache, so ``older`` is ignored."""
        found = super().look_up(key)
        if found is not Found.NOTHING:
            return found
        answered = self.get(key)  # stored between the lookup and the claim
        if answered is not None:
            self.release_claim(key)
        return found if answered is None else answered

    def look_up_all(self, wanted: Sequence[tuple[bytes, Callable[[], Iterable[bytes]]]]) -> list[Completion | Found]:
        """Return `look_up` of each key."""
        return [self.look_up(key) for key, _ in wanted]

    def put_all(self, answers: Sequence[tuple[bytes, str, Completion]]) -> None:
        """`put` each answer: statements with several rows of two machines could wait for each other."""
        for key, model, completion in answers:
            self.put(key, model, completion)

    def is_there(self) -> bool:
        """Return True: a database is not deleted during a run."""
        return True

    def has_room(self) -> bool:
        """Return whether the database can be written."""
        try:
            self._connection().execute("UPDATE owners SET beat = beat + 1 WHERE owner = ?", ("",))
        except StorageError:
            return False
        return True

    def _connection(self) -> Any:
        if self._db is None:
            with self._storage():
                db: Any = _Connection(self.driver.connect(self._url, autocommit=True, connect_timeout=_WAIT_S), self)
                self._db = db
                for statement in (
                    "SET synchronous_commit = off",
                    f"SELECT pg_advisory_lock({_LOCK})",
                    *_SCHEMA,
                    f"SELECT pg_advisory_unlock({_LOCK})",
                ):
                    db.execute(statement)
        return self._db

    def forget(self, keys: Sequence[bytes]) -> int:
        """Delete the answers of these keys and return their number."""
        db = self._connection()
        return sum(int(db.execute("DELETE FROM answers WHERE key = ?", (key,)).rowcount) for key in keys)

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(StorageError):
            super().close()

    def broken(self, error: Exception) -> StorageError:
        """Return the StorageError for an error of the driver; the next use opens a new connection and claims again."""
        db, self._db = self._db, None
        self._claims.forget()
        if db is not None:
            db.close()
        return self._unusable(error)

    @contextlib.contextmanager
    def _storage(self) -> Iterator[None]:
        try:
            yield
        except self.driver.Error as error:
            raise self._unusable(error) from None

    def _unusable(self, error: Exception) -> StorageError:
        said = str(error).strip().splitlines()
        reason = of_database(self._url).scrub(said[0] if said else type(error).__name__)
        return StorageError(f"the answers at {self.path} cannot be used: {reason}")


class _Connection:
    """Statements with question marks; errors are converted to StorageError."""

    def __init__(self, connection: Any, cache: PostgresAnswerCache) -> None:
        self._connection, self._cache = connection, cache

    def execute(self, statement: str, values: Any = ()) -> Any:
        try:
            return self._connection.execute(statement.replace("?", "%s"), values or None)
        except self._cache.driver.Error as error:
            raise self._cache.broken(error) from None

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._connection.close()


def _shown(url: str) -> str:
    """Host and database of the URL, without user, password and query."""
    shown = without_user(url).partition("://")[2]
    return f"this machine{shown}" if shown.startswith("/") else shown


def _driver() -> Any:
    try:
        import psycopg
    except ImportError:
        raise MissingExtra("answers in PostgreSQL need psycopg: pip install 'personalrm[serve]'") from None
    return psycopg
