"""Every answer once: a content-addressed SQLite file that several processes may share.

The key is a hash of model, messages and parameters; the value is the answer as JSON. Prompts, URLs and keys are never
stored. Each answer is committed before anybody sees it, so a killed run repeats no finished call (a commit in WAL mode
costs 30 µs; it survives kill -9, and a power cut may lose the last seconds, never the file).

When the disk is full, a reserve file beside the cache is given up to make room for the answers that are already paid
for, and the run stops with StorageError.

    cache = AnswerCache("answers.sqlite")
    cache.put(key := cache_key(model, messages, want), model, completion)
    cache.get(key).from_cache                                                       # True
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from personalrm.errors import StorageError
from personalrm.files import MEMORY, is_full, open_database
from personalrm.llm.endpoint import Completion, SamplingParams, TokenLogprob
from personalrm.preferences import Message

RESERVE_BYTES = 4 << 20
"""Room for the answers in flight of a full endpoint: 64 answers of 60 kB."""
CHECKPOINT_PAGES = 1000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, model TEXT NOT NULL, answer BLOB NOT NULL, written REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""


def default_path() -> Path:
    """Where answers are kept unless a path is given: PERSONALRM_CACHE, else the user's cache folder."""
    named = os.environ.get("PERSONALRM_CACHE")
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "personalrm" / "answers.sqlite"


def cache_key(model: str, messages: Sequence[Message], want: SamplingParams) -> bytes:
    """32 bytes that stand for the question: whatever could change the answer goes in, nothing else."""
    question = (
        model,
        [(one.role, one.content) for one in messages],
        want.max_tokens,
        want.temperature,
        want.schema,
        want.logprobs,
        want.sample,
    )
    try:
        written = orjson.dumps(question, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # half of a surrogate pair, which UTF-8 cannot say
        written = repr(question).encode("utf-8", "backslashreplace")
    return blake2b(written, digest_size=32).digest()


class AnswerCache:
    """Answers by key. Use from one thread at a time. After `close` it opens again when it is used.

    Args:
        path: the SQLite file; made with its folder if absent. ``:memory:`` keeps answers until it is closed.

    Raises:
        StorageError: the file cannot be opened, is no cache, or cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._in_memory = str(path) == MEMORY
        self._db: sqlite3.Connection | None = None
        self._connection()

    @property
    def reserve(self) -> Path:
        """The file that is given up when the disk is full."""
        return self.path.parent / (self.path.name + ".reserve")

    def get(self, key: bytes) -> Completion | None:
        """The answer, or None."""
        db = self._db or self._connection()
        try:
            row = db.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
            return None if row is None else _decode(row[0])
        except sqlite3.Error as error:
            raise self._unusable(error) from None

    def put(self, key: bytes, model: str, completion: Completion) -> None:
        """Keep an answer; the first one stays if another process was quicker."""
        row = (key, model, _encode(completion), time.time())
        statement = "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)"
        db = self._db or self._connection()
        try:
            db.execute(statement, row)
        except sqlite3.Error as error:
            if not is_full(error):
                raise StorageError(f"the cache {self.path} cannot be written: {error}") from None
            self._store_in_reserve(db, statement, row)

    def has_room(self) -> bool:
        """Whether there is room on the disk (again) for the reserve, and so for new answers."""
        try:
            self._fill_reserve()
            self._connection().execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        except (OSError, sqlite3.Error):
            return False
        return True

    def fact(self, name: str) -> Any | None:
        """A JSON value kept beside the answers (what a host can do), or None."""
        with self._storage():
            row = self._connection().execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else orjson.loads(row[0])

    def keep_fact(self, name: str, value: Any) -> None:
        """Keep a JSON value under a name."""
        with self._storage():
            self._connection().execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, orjson.dumps(value)))

    def __len__(self) -> int:
        with self._storage():
            return int(self._connection().execute("SELECT count(*) FROM answers").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            with self._storage():
                self._db = open_database(self.path, _SCHEMA)
                self._fill_reserve()
        return self._db

    def _store_in_reserve(self, db: sqlite3.Connection, statement: str, row: tuple[Any, ...]) -> None:
        """Make room for an answer that is paid for, then stop the run."""
        full = f"the disk that holds the cache {self.path} is full"
        try:
            self.reserve.unlink(missing_ok=True)
            db.execute("PRAGMA wal_autocheckpoint = 0")  # it would write everything twice, and take the room for itself
            db.execute(statement, row)
        except (sqlite3.Error, OSError):
            raise StorageError(f"{full}, and the answer just received could not be kept; make room") from None
        raise StorageError(f"{full}; all answers so far are kept: make room and run the same command again")

    def _fill_reserve(self) -> None:
        """Real bytes: a sparse file would reserve nothing."""
        if self._in_memory or (self.reserve.exists() and self.reserve.stat().st_size == RESERVE_BYTES):
            return
        try:
            self.reserve.write_bytes(b"\0" * RESERVE_BYTES)
        except OSError:
            self.reserve.unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def _storage(self) -> Iterator[None]:
        """Errors of SQLite and the file system become ours."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from None

    def _unusable(self, error: Exception) -> StorageError:
        if isinstance(error, sqlite3.OperationalError) and is_full(error):
            return StorageError(f"the disk that holds the cache {self.path} is full or failing: make room and go on")
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return StorageError(f"the cache {self.path} cannot be used: {reason}; name another file with --cache")


def _encode(completion: Completion) -> bytes:
    tokens = completion.tokens and [(one.token, one.logprob, one.top) for one in completion.tokens]
    return orjson.dumps(
        {
            "text": completion.text,
            "tokens": tokens,
            "usage": [completion.prompt_tokens, completion.completion_tokens, completion.cached_tokens],
            "finish": completion.finish_reason,
            "cost": completion.cost,
        }
    )


def _decode(answer: bytes) -> Completion:
    record = orjson.loads(answer)
    tokens = record["tokens"] and tuple(
        TokenLogprob(token, logprob, tuple((other, value) for other, value in top))
        for token, logprob, top in record["tokens"]
    )
    prompt, completion, cached = record["usage"]
    return Completion(
        record["text"], tokens, prompt, completion, cached, record["finish"], record["cost"], from_cache=True
    )
