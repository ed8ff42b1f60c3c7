"""Claims: two processes with one cache do not send the same request twice.

A process that is about to send a request adds a claim to the cache; another one that needs the same answer waits. A
claim is valid while its owner lives: an owner on the same machine is looked up by process id and start time; owners on
other machines must increment a counter every `BEAT_S` seconds, otherwise their claims are taken over after `LEASE_S`
seconds by the waiting process's clock.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

RELEASED_AT_ONCE = 64
"""Claims of stored answers released in one statement. Until then they do no harm: the answer is looked up first."""
BEAT_S = 4.0
LEASE_S = 20.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS claims (key BLOB PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS owners (owner TEXT PRIMARY KEY, beat INTEGER NOT NULL) WITHOUT ROWID;
"""


class CacheConnection(Protocol):
    """A `sqlite3` connection, or one that accepts the same statements."""

    def execute(self, statement: str, values: Any = ..., /) -> Any:
        """Execute a statement with question-mark parameters and return a cursor with ``rowcount`` and ``fetchone``."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


@dataclass
class Claims:
    """The claims of this process in one cache. Each statement is a transaction."""

    owner: str = field(default_factory=lambda: f"{_process(os.getpid())}:{secrets.token_hex(8)}")
    _held: set[bytes] = field(default_factory=set)
    _answered: set[bytes] = field(default_factory=set)
    _registered: bool = False
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)

    @property
    def held(self) -> int:
        """Number of claims of this process."""
        return len(self._held)

    @property
    def unreleased(self) -> int:
        """Number of claims whose answers are stored."""
        return len(self._answered)

    def take(self, db: CacheConnection, key: bytes) -> bool:
        """Claim the key and return True; False if a living process holds it, or has just stored the answer."""
        return self.take_all(db, (key,)) or self._taken_over(db, key)

    def take_all(self, db: CacheConnection, keys: Sequence[bytes]) -> bool:
        """Claim the keys that have neither a claim nor an answer; whether these are all."""
        if not self._registered:
            db.execute("INSERT INTO owners VALUES (?, 0) ON CONFLICT DO NOTHING", (self.owner,))
            self._registered = True
        taken = db.execute(_claiming(len(keys)), (self.owner, *keys)).rowcount
        if taken < len(keys):
            return False
        self._held.update(keys)
        return True

    def _taken_over(self, db: CacheConnection, key: bytes) -> bool:
        """Whether the claim is ours, or was taken over from a dead owner."""
        row = db.execute("SELECT owner FROM claims WHERE key = ?", (key,)).fetchone()
        if row is None:  # just released: the next lookup finds the answer, or a free key
            return False
        other = str(row[0])
        if other != self.owner:
            if self._lives(db, other):
                return False
            mine = (key, self.owner, other)
            taken = "INSERT INTO claims VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET owner = excluded.owner "
            if not db.execute(f"{taken}WHERE claims.owner = ?", mine).rowcount:
                return False
        self._held.add(key)
        self._answered.discard(key)
        return True

    def release_claim(self, db: CacheConnection, key: bytes) -> None:
        """Release the claim of a key."""
        if key in self._held:
            self._held.discard(key)
            self._answered.discard(key)
            db.execute("DELETE FROM claims WHERE key = ? AND owner = ?", (key, self.owner))

    def answered(self, db: CacheConnection, keys: Iterable[bytes]) -> None:
        """The answers of these keys are stored: their claims are released with the next ones."""
        self._answered.update(self._held.intersection(keys))
        if len(self._answered) >= RELEASED_AT_ONCE:
            self.release(db)

    def release(self, db: CacheConnection) -> None:
        """Release the claims whose answers are stored."""
        keys = tuple(self._answered)
        if keys:
            marks = ", ".join("?" * len(keys))
            db.execute(f"DELETE FROM claims WHERE owner = ? AND key IN ({marks})", (self.owner, *keys))
        self._held.difference_update(keys)
        self._answered.clear()

    def beat(self, db: CacheConnection) -> None:
        """Increment this process's counter."""
        db.execute("UPDATE owners SET beat = beat + 1 WHERE owner = ?", (self.owner,))

    def leave(self, db: CacheConnection) -> None:
        """Release all claims of this process."""
        if self._registered:
            db.execute("DELETE FROM claims WHERE owner = ?", (self.owner,))
            db.execute("DELETE FROM owners WHERE owner = ?", (self.owner,))
        self.forget()

    def forget(self) -> None:
        """Reset for a new file, which holds no claims."""
        self._held.clear()
        self._answered.clear()
        self._registered = False

    def _lives(self, db: CacheConnection, other: str) -> bool:
        row = db.execute("SELECT beat FROM owners WHERE owner = ?", (other,)).fetchone()
        here = _lives_here(other)
        if row is None or here is False:
            db.execute("DELETE FROM claims WHERE owner = ?", (other,))
            db.execute("DELETE FROM owners WHERE owner = ?", (other,))
            return False
        now = time.monotonic()
        beat, since = self._seen.get(other, (None, now))
        if beat != row[0]:
            self._seen[other] = (row[0], now)
            return True
        return now - since < LEASE_S


@lru_cache(maxsize=128)
def _claiming(keys: int) -> str:
    wanted = f"SELECT column1, ? FROM (VALUES {', '.join(['(?)'] * keys)}) AS wanted"
    free = "WHERE NOT EXISTS (SELECT 1 FROM answers WHERE key = column1)"
    return f"INSERT INTO claims {wanted} {free} ON CONFLICT DO NOTHING"


@cache
def _machine() -> str:
    """Identifier of this machine's current boot and process namespace; empty if unknown."""
    parts = []
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with contextlib.suppress(OSError):
            parts.append(str(Path(path).readlink()) if path.endswith("pid") else Path(path).read_text().strip())
    return blake2b("/".join(parts).encode(), digest_size=8).hexdigest() if len(parts) == 2 else ""


def _started(process: int) -> str:
    """Start time of a process in clock ticks; empty if there is none or it is a zombie."""
    try:
        fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def _process(process: int) -> str:
    return f"{_machine()}:{process}:{_started(process)}"


def _lives_here(owner: str) -> bool | None:
    """Whether the owner lives, if it is a process of this machine; else None."""
    parts = owner.split(":")
    if len(parts) != 4 or not parts[0] or parts[0] != _machine() or not parts[1].isdecimal() or not parts[2]:
        return None
    return _started(int(parts[1])) == parts[2]
