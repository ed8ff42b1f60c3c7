"""Cache of embeddings by content, in a SQLite file that several processes may share.

    encoder = Cached(HiddenEncoder(minilm(), "mean"), "embeddings.sqlite")       # itself an Encoder
    encoder.embed(texts)                # computed, and committed 2,048 texts at a time
    encoder.embed(texts)                # from memory; in the next run from the file

The key is a hash of the encoder's name and the text; no text is stored. The last vectors used stay in memory (32 MB,
21,000 of MiniLM). A killed run loses the texts since the last commit, never the file. On a full disk the cache
continues in memory only, with one warning.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from personalrm.databases import MEMORY, open_database
from personalrm.errors import StorageError
from personalrm.files import is_full, reason
from personalrm.llm.cache_location import default_path as path_of_answers
from personalrm.llm.forgetting import forget_rows
from personalrm.models.encoders.base import Encoder, Flags, Marking, Vectors, are_unit
from personalrm.preferences import Message

REMEMBER_BYTES = 32 << 20
CHUNK = 2048
_KEYS_PER_QUERY = 500
_SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL, cut INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS encoders (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class Row(NamedTuple):
    """A vector as little-endian float32, and whether its text was truncated."""

    vector: bytes
    cut: bool


class VectorSource(Protocol):
    """Vectors that were computed elsewhere."""

    def get(self, keys: Iterable[bytes]) -> dict[bytes, Row]:
        """Those of these keys that it has."""
        ...


def default_path() -> Path:
    """``embeddings.sqlite`` in the folder of the cache of answers."""
    answers = path_of_answers()
    return answers if str(answers) == MEMORY else answers.with_name("embeddings.sqlite")


class Cached:
    """An Encoder that caches another one. Thread-safe.

    Args:
        encoder: computes the vectors that are not cached.
        path: the file; None takes `default_path`, ``:memory:`` caches in memory only.

    Raises:
        StorageError: the file is not a database, or cannot be read or written.
    """

    def __init__(self, encoder: Encoder, path: str | Path | None = None) -> None:
        self._encoder = encoder
        path = default_path() if path is None else path
        self._file = None if str(path) == MEMORY else VectorFile(path)
        if self._file is not None:
            self._file.keep_name(encoder.name)
        self._memory: OrderedDict[bytes, Row] = OrderedDict()
        self._cut: set[bytes] = set()
        self._sources: list[VectorSource] = []
        self._width = 0
        self._lock = threading.RLock()

    @property
    def name(self) -> str:
        """The encoder's name: the vectors are the same."""
        return self._encoder.name

    @property
    def inner(self) -> Encoder:
        """What computes the vectors that are not cached."""
        return self._encoder

    @property
    def width(self) -> int:
        """Dimension of a vector."""
        return self._width or self._encoder.width

    @property
    def truncated(self) -> int:
        """Number of distinct truncated texts so far, including those of earlier runs."""
        return len(self._cut) if isinstance(self._encoder, Marking) else self._encoder.truncated

    def text(self, context: Sequence[Message], response: str) -> str:
        """As the encoder's."""
        return self._encoder.text(context, response)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (n, width). Raises the encoder's errors, and StorageError."""
        return self.mark(texts)[0]

    def mark(self, texts: Sequence[str]) -> tuple[Vectors, Flags]:
        """Unit vectors (n, width), and which texts were truncated (n,)."""
        if not texts:
            return np.zeros((0, self.width), np.float32), np.zeros(0, bool)
        keys = keys_of(self.name, texts)
        distinct = dict(zip(keys, texts, strict=True))
        with self._lock:
            order = list(distinct)
            parts = [self._rows(order[at : at + CHUNK], distinct) for at in range(0, len(order), CHUNK)]
        rows = [row for part in parts for row in part]
        if len({len(row.vector) for row in rows}) > 1:
            raise StorageError("the cache of embeddings is damaged: vectors of different widths; delete the file")
        place = {key: at for at, key in enumerate(order)}
        chosen = [place[key] for key in keys]
        vectors = np.frombuffer(b"".join(row.vector for row in rows), "<f4").reshape(len(rows), -1)
        self._width = vectors.shape[1]
        return vectors[chosen].astype(np.float32, copy=False), np.array([row.cut for row in rows])[chosen]

    @contextlib.contextmanager
    def reading_from(self, source: VectorSource) -> Iterator[None]:
        """Take vectors from a source first: the last bits of one that was computed elsewhere may differ from ours."""
        self._sources.append(source)
        try:
            yield
        finally:
            self._sources.remove(source)

    def close(self) -> None:
        """Close the file; it is reopened on use."""
        if self._file is not None:
            self._file.close()

    def _rows(self, keys: Sequence[bytes], texts: Mapping[bytes, str]) -> list[Row]:
        found: dict[bytes, Row] = {}
        for source in self._sources:
            found |= source.get(key for key in keys if key not in found)
        found |= {key: self._memory[key] for key in keys if key not in found and key in self._memory}
        if self._file is not None:
            found |= self._file.get(key for key in keys if key not in found)
        new = [key for key in keys if key not in found]
        if new:
            fresh = embedded_rows(self._encoder, new, [texts[key] for key in new])
            if self._file is not None:
                self._file.put(fresh)
            found |= fresh
        rows = [found[key] for key in keys]
        self._remember(keys, rows)
        return rows

    def _remember(self, keys: Sequence[bytes], rows: Sequence[Row]) -> None:
        for key, row in zip(keys, rows, strict=True):
            self._memory[key] = row
            self._memory.move_to_end(key)
            if row.cut:
                self._cut.add(key)
        while len(self._memory) * len(rows[0].vector) > REMEMBER_BYTES:
            self._memory.popitem(last=False)


class VectorFile:
    """Vectors by key. Use from one thread at a time; a forked child reopens it.

    Raises:
        StorageError: the file is not a database, or cannot be read or written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._db: tuple[int, sqlite3.Connection] | None = None
        self._is_full = False
        self._damaged: set[bytes] = set()
        self._connection()

    def get(self, keys: Iterable[bytes]) -> dict[bytes, Row]:
        """Those that are cached; a damaged row counts as absent, and `put` replaces it."""
        db, missing = self._connection(), list(keys)
        found: dict[bytes, Row] = {}
        if db is None:
            return found
        with self._storage():
            for at in range(0, len(missing), _KEYS_PER_QUERY):
                part = missing[at : at + _KEYS_PER_QUERY]
                marks = ",".join("?" * len(part))
                rows = db.execute(f"SELECT key, vector, cut FROM vectors WHERE key IN ({marks})", part).fetchall()
                sound = are_unit([vector for _, vector, _ in rows])
                found.update((row[0], Row(row[1], bool(row[2]))) for row, good in zip(rows, sound, strict=True) if good)
                self._damaged.update(row[0] for row, good in zip(rows, sound, strict=True) if not good)
        return found

    def keep_name(self, encoder: str) -> None:
        """Store the encoder's name: `forget_texts` computes keys from it and the text."""
        db = self._connection()
        if db is not None and not self._is_full:
            with self._storage():
                db.execute("INSERT OR IGNORE INTO encoders VALUES (?)", (encoder,))

    def put(self, rows: Mapping[bytes, Row]) -> None:
        """Store them in one commit; existing rows of another process stay."""
        db = self._connection()
        if db is None or self._is_full:
            return
        with self._storage():
            try:
                db.execute("BEGIN IMMEDIATE")
                db.executemany("DELETE FROM vectors WHERE key = ?", [(key,) for key in rows if key in self._damaged])
                db.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", [(key, *rows[key]) for key in rows])
                db.execute("COMMIT")
            except sqlite3.Error:
                with contextlib.suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file."""
        opened, self._db = self._db, None
        if opened is not None and opened[0] == os.getpid():
            opened[1].close()

    def _connection(self) -> sqlite3.Connection | None:
        """None where the disk was too full to open the file."""
        if self._db is not None and self._db[0] == os.getpid():
            return self._db[1]
        if not self._is_full:
            with self._storage():
                self._db = os.getpid(), open_database(self.path, _SCHEMA)
                return self._db[1]
        return None

    @contextlib.contextmanager
    def _storage(self) -> Iterator[None]:
        """Turns errors of SQLite and the file system into StorageError; a full disk only stops writing."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if not is_full(error):
                raise StorageError(f"the cache of embeddings {self.path} cannot be used: {reason(error)}") from None
            self._is_full = True
            warning = f"the disk that holds the cache of embeddings {self.path} is full: new embeddings are not stored"
            warnings.warn(warning, RuntimeWarning, stacklevel=2)


def forget_texts(path: Path, texts: Sequence[str]) -> int:
    """Delete the vectors of these texts, of all encoders, and return their number.

    Raises:
        StorageError: the file cannot be read or written.
    """
    if not path.is_file() or not texts:
        return 0
    try:
        with closing(open_database(path, _SCHEMA)) as db:
            names = [name for (name,) in db.execute("SELECT name FROM encoders")]
    except (sqlite3.Error, OSError) as error:
        raise StorageError(f"the cache of embeddings {path} cannot be used: {reason(error)}") from None
    return forget_rows(path, "vectors", [key for name in names for key in keys_of(name, texts)])


def marked(encoder: Encoder, texts: Sequence[str]) -> tuple[Vectors, Flags]:
    """Unit vectors (n, width), and which texts were truncated (n,), where the encoder tells."""
    return encoder.mark(texts) if isinstance(encoder, Marking) else (encoder.embed(texts), np.zeros(len(texts), bool))


def embedded_rows(encoder: Encoder, keys: Sequence[bytes], texts: Sequence[str]) -> dict[bytes, Row]:
    """Rows of texts under their keys, computed by the encoder."""
    vectors, cut = marked(encoder, texts)
    written = np.ascontiguousarray(vectors, "<f4")
    return {key: Row(row.tobytes(), bool(one)) for key, row, one in zip(keys, written, cut, strict=True)}


def keys_of(name: str, texts: Sequence[str]) -> list[bytes]:
    """Keys of texts (16 bytes each) for the encoder of this name."""
    head = blake2b(name.encode() + b"\0", digest_size=16)
    keys = []
    for text in texts:
        one = head.copy()
        one.update(text.encode("utf-8", "surrogatepass"))
        keys.append(one.digest())
    return keys
