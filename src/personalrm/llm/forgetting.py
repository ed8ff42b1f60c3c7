"""Deletes answers and vectors from caches, for users who request erasure.

    forget_rows(Path("answers.sqlite"), "answers", keys)         # number of rows deleted

Deleted rows are overwritten in the file (SQLite's ``secure_delete``), and the write-ahead log is truncated.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from personalrm.errors import StorageError
from personalrm.files import reason
from personalrm.llm.cache_location import is_url

WAIT_FOR_OTHERS_S = 60.0


def forget_answers(cache: str, keys: Sequence[bytes]) -> int:
    """Delete the answers of these keys from a file or a PostgreSQL database and return their number.

    Raises:
        StorageError: the cache cannot be written.
    """
    if not is_url(cache):
        return forget_rows(Path(cache), "answers", keys)
    from personalrm.llm.cache_postgresql import PostgresAnswerCache

    with closing(PostgresAnswerCache(cache)) as answers:
        return answers.forget(keys)


def forget_rows(path: Path, table: str, keys: Sequence[bytes]) -> int:
    """Delete the rows of these keys and return their number; 0 if there is no such cache.

    Raises:
        StorageError: the file cannot be written.
    """
    if not path.is_file() or not keys:
        return 0
    try:
        with closing(sqlite3.connect(path, timeout=WAIT_FOR_OTHERS_S, isolation_level=None)) as cache:
            if not cache.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
                return 0
            cache.execute("PRAGMA secure_delete = ON")
            cache.execute("BEGIN IMMEDIATE")
            gone = sum(cache.execute(f"DELETE FROM {table} WHERE key = ?", (key,)).rowcount for key in keys)
            cache.execute("COMMIT")
            cache.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return gone
    except sqlite3.Error as error:
        raise StorageError(f"the cache {path} cannot be written: {reason(error)}") from None
