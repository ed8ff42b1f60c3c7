"""Table of judges' labelled verdicts, beside the answer cache; judges' weights are learned from it.

    table = VerdictTable(table_path(cache))
    key = JudgeKey("gpt-4o-mini", "persona", prompt_version("persona", "token"), "token")
    table.add(key, [LabelledVerdict("ada", choice, logit=0.4, verdict=1.2)])
    table.weight(key, without="ada").weight

`rows` returns one row per judge, arm, prompt version and verdict mode. Stored are two numbers per labelled verdict: the
log-odds by traits and the judge's log-odds. No text and no name is stored: people and choices are hashes with a key
that only this file contains, so that a verdict counts once and a person can be excluded or deleted. Several processes
can write. A row without two finite numbers is ignored and counted.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from personalrm import prompts
from personalrm.databases import MEMORY, open_database
from personalrm.errors import StorageError
from personalrm.files import reason
from personalrm.llm.cache_location import default_path, is_url
from personalrm.models.fusion.weights import Array, Form, JudgeWeight, as_form, earned_weight
from personalrm.preferences import Preference
from personalrm.profile.options import VerdictMode
from personalrm.profile.records import Arm

LARGEST = 50.0
"""Magnitude above which log-odds are considered damaged."""
MOST_LABELS = 5_000
"""Maximum labels for a weight: with more it changes by less than 0.03, and each fit reads those of every arm."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS verdicts (
    model TEXT NOT NULL, arm TEXT NOT NULL, prompt TEXT NOT NULL, mode TEXT NOT NULL,
    label BLOB NOT NULL, person BLOB NOT NULL, logit REAL NOT NULL, verdict REAL NOT NULL, longer REAL,
    PRIMARY KEY (model, arm, prompt, mode, label)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS secret (one INTEGER PRIMARY KEY CHECK (one = 1), value BLOB NOT NULL);
"""
_SECRET = "SELECT value FROM secret"
_KEY = "model = ? AND arm = ? AND prompt = ? AND mode = ?"
_SOME = f"SELECT logit, verdict, longer FROM verdicts WHERE {_KEY}"
_FIRST = "ORDER BY label LIMIT ?"
"""Labels are keyed hashes, so the first ones are a fixed random sample."""
_ADD = "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


class JudgeKey(NamedTuple):
    """Identifies a judge: the model, its input about the person, the version of its prompts, its verdict mode."""

    model: str
    arm: str
    prompt: str
    mode: str


class LabelledVerdict(NamedTuple):
    """A verdict on a pair with a known choice.

    Attributes:
        user: the person.
        choice: the choice; stored as a hash only.
        logit: log-odds of the chosen response by traits fitted without this choice.
        verdict: the judge's log-odds of the chosen response.
    """

    user: str
    choice: Preference
    logit: float
    verdict: float

    @property
    def longer(self) -> float:
        """1 if the longer response was chosen, −1 if the shorter one, 0 if they are equally long."""
        gap = len(self.choice.chosen) - len(self.choice.rejected)
        return float((gap > 0) - (gap < 0))


@dataclass(frozen=True, slots=True)
class JudgeRow:
    """A judge's weight, for display.

    Attributes:
        key: the judge.
        people: number of people with labels.
        damaged: number of unreadable rows, which are ignored.
        form: how its verdicts count.
        weight: the weight; ``weight.labels`` is the number of labels.
    """

    key: JudgeKey
    people: int
    damaged: int
    form: Form
    weight: JudgeWeight

    def as_json(self) -> dict[str, Any]:
        """A flat JSON object."""
        own = self.weight
        return {
            **self.key._asdict(),
            "labels": own.labels,
            "people": self.people,
            "damaged": self.damaged,
            "form": self.form,
            "weight": own.weight,
            "posterior": own.posterior,
            "gain": own.gain,
            "why_unused": own.why_unused,
        }


class VerdictWeight(NamedTuple):
    """The form in which a judge's verdicts are used, and their weight."""

    form: Form
    weight: JudgeWeight


def table_path(cache: str | Path | None) -> Path | str:
    """File of the table: beside the answer cache, or beside the default one if the cache is not a file."""
    if str(cache) == MEMORY or (cache is None and str(default_path()) == MEMORY):
        return MEMORY
    path = default_path() if cache is None or is_url(str(cache)) else Path(cache)
    return path.with_name(f"{path.stem}.verdicts.sqlite")


def prompt_version(arm: Arm, mode: VerdictMode) -> str:
    """Sixteen hex digits that change when a prompt of this judge changes."""
    names = ["system", f"verdict_{mode}"]
    if "demonstrations" in arm:
        names += ["past_choices", "reasoning"]
    if "persona" in arm:
        names += ["persona", "persona_format"]
    known = prompts.hashes()
    return blake2b("\n".join(known[one] for one in names).encode(), digest_size=8).hexdigest()


def best_form(logit: Array, verdict: Array, longer: Array) -> VerdictWeight:
    """Verdicts by side or by log-odds, whichever gives the larger gain on the labels; side if equal. See
    `earned_weight`."""
    forms: tuple[Form, ...] = ("sign", "log-odds")
    found = [VerdictWeight(form, earned_weight(logit, as_form(verdict, form), longer)) for form in forms]
    return max(found, key=lambda one: one.weight.gain)


class VerdictTable:
    """The table in a file. Thread-safe.

    Args:
        path: created at the first verdict; ``:memory:`` keeps verdicts for the lifetime of this object.

    All methods raise StorageError if the file is not such a table or cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self._held: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def add(self, key: JudgeKey, verdicts: Iterable[LabelledVerdict]) -> int:
        """Add verdicts; a verdict on a known choice is replaced. Returns their number."""
        given = list(verdicts)
        if not given:
            return 0
        with self._opened() as db:
            secret = _secret(db)
            rows = [(*key, *_names(secret, one), one.logit, one.verdict, one.longer) for one in given]
            db.execute("BEGIN IMMEDIATE")
            try:
                db.executemany(_ADD, rows)
                db.execute("COMMIT")
            except BaseException:
                db.execute("ROLLBACK")
                raise
        return len(rows)

    def weight(self, key: JudgeKey, without: str | None = None) -> VerdictWeight:
        """This judge's weight from the labels of all users except ``without``."""
        if not self._exists:
            return best_form(*_readable(()))
        with self._opened() as db:
            left_out = b"" if without is None else _hash(_secret(db), without)
            rows = db.execute(f"{_SOME} AND person != ? {_FIRST}", (*key, left_out, MOST_LABELS))
            return best_form(*_readable(rows))

    def rows(self) -> list[JudgeRow]:
        """All judges, those with most labels first."""
        if not self._exists:
            return []
        with self._opened() as db:
            keys = [
                JudgeKey(*one)
                for one in db.execute("SELECT DISTINCT model, arm, prompt, mode FROM verdicts").fetchall()
            ]
            return sorted((_row(db, key) for key in keys), key=lambda one: (-one.weight.labels, one.key))

    def forget(self, user: str) -> int:
        """Delete a person's verdicts. Returns their number."""
        if not self._exists:
            return 0
        with self._opened() as db:
            return db.execute("DELETE FROM verdicts WHERE person = ?", (_hash(_secret(db), user),)).rowcount

    @property
    def _exists(self) -> bool:
        return self._held is not None if str(self.path) == MEMORY else Path(self.path).exists()

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            if str(self.path) == MEMORY:
                with self._lock:
                    yield self._in_memory()
            else:
                with contextlib.closing(open_database(self.path, _SCHEMA)) as db:
                    _add_lengths(db)
                    yield db
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"the table of judges' verdicts {self.path} cannot be used: {reason(error)}") from error

    def _in_memory(self) -> sqlite3.Connection:
        if self._held is None:
            self._held = open_database(MEMORY, _SCHEMA)
            weakref.finalize(self, self._held.close)
        return self._held


def _add_lengths(db: sqlite3.Connection) -> None:
    """Add the column ``longer``, which tables of the first version lack."""
    if all(column[1] != "longer" for column in db.execute("PRAGMA table_info(verdicts)")):
        with contextlib.suppress(sqlite3.OperationalError):  # another process has just added it
            db.execute("ALTER TABLE verdicts ADD COLUMN longer REAL")


def _row(db: sqlite3.Connection, key: JudgeKey) -> JudgeRow:
    form, weight = best_form(*_readable(db.execute(f"{_SOME} {_FIRST}", (*key, MOST_LABELS))))
    found = db.execute(f"SELECT logit, verdict, longer, person FROM verdicts WHERE {_KEY}", key).fetchall()
    labels = len(_readable(one[:3] for one in found)[0])
    people = len({one[3] for one in found})
    return JudgeRow(key, people, len(found) - labels, form, replace(weight, labels=labels))


def _readable(rows: Iterable[tuple[Any, ...]]) -> tuple[Array, Array, Array]:
    """Log-odds, verdicts and `LabelledVerdict.longer` (n,) of the rows that hold finite numbers; 0 for no length."""
    known = ((logit, verdict, 0.0 if longer is None else longer) for logit, verdict, longer in rows)
    kept = [one for one in known if all(isinstance(value, float) and abs(value) <= LARGEST for value in one)]
    logit, verdict, longer = np.array(kept, dtype=float).reshape(-1, 3).T
    return logit, verdict, longer


def _secret(db: sqlite3.Connection) -> bytes:
    db.execute("INSERT OR IGNORE INTO secret VALUES (1, ?)", (secrets.token_bytes(32),))
    found = db.execute(_SECRET).fetchone()[0]
    return found if isinstance(found, bytes) else str(found).encode()[:64]


def _names(secret: bytes, one: LabelledVerdict) -> tuple[bytes, bytes]:
    """Hashes of the choice and of the person."""
    choice = one.choice
    texts = (one.user, *(f"{each.role}:{each.content}" for each in choice.context), choice.chosen, choice.rejected)
    return _hash(secret, "\0".join(texts)), _hash(secret, one.user)


def _hash(secret: bytes, text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=secret[:64]).digest()
