"""API keys: ``prm_ID_SECRET``. The database stores a hash of the secret; the key is shown only when it is created.

A secret has 256 random bits, so an unsalted SHA-256 cannot be inverted by guessing; slow password hashes are only
needed for passwords.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import select

from personalrm.errors import DataError, UnknownRecord
from personalrm.store.database import Database
from personalrm.store.schema import api_keys, spaces
from personalrm.store.scope import AnyRow, SpaceTables

Scope = Literal["write", "predict", "manage"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""``write`` stores feedback, ``predict`` reads and predicts, ``manage`` exports, erases and corrects."""
PREFIX = "prm"


@dataclass(frozen=True, slots=True)
class Access:
    """An authenticated key: the space, the key's id, and its scopes."""

    space_id: int
    space: str
    key_id: str
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key in a list."""

    id: str
    scopes: tuple[Scope, ...]
    label: str
    created: float
    revoked: float | None


class Keys(SpaceTables):
    """The keys of one space."""

    def create(self, scopes: Iterable[Scope] = SCOPES, label: str = "") -> str:
        """Create a key and return it; it cannot be read again."""
        given = tuple(dict.fromkeys(scopes))
        unknown = [one for one in given if one not in SCOPES]
        if unknown or not given:
            raise DataError(f"scopes: expected some of {', '.join(SCOPES)}, found '{', '.join(unknown)}'")
        number, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        row = {"id": number, "secret_hash": _hashed(secret), "scopes": ",".join(given), "label": label[:200]}
        with self._write() as scope:
            scope.insert(api_keys, [{**row, "created": time.time()}])
        return f"{PREFIX}_{number}_{secret}"

    def revoke(self, key_id: str) -> None:
        """Revoke a key. UnknownRecord if the space has no such key."""
        with self._write() as scope:
            mine = api_keys.c.id == key_id, api_keys.c.revoked.is_(None)
            if not scope.run(scope.update(api_keys).where(*mine).values(revoked=time.time())):
                raise UnknownRecord(f"this space has no active key '{key_id}'", "key_id")

    def list(self) -> list[KeyRow]:
        """All keys, without their secrets."""
        with self._read() as scope:
            rows = scope.all(scope.select(api_keys).order_by(api_keys.c.created))
        return [KeyRow(row.id, _scopes(row.scopes), row.label, row.created, row.revoked) for row in rows]


def access(database: Database, key: str) -> Access | None:
    """Look up a key; None if it is unknown or revoked."""
    prefix, _, rest = key.partition("_")
    number, _, secret = rest.partition("_")
    if prefix != PREFIX or not number or not secret or not key.isascii():
        return None
    with database.read() as connection:
        row: AnyRow | None = connection.execute(
            select(api_keys.c.space_id, spaces.c.name, api_keys.c.secret_hash, api_keys.c.scopes)
            .join(spaces, spaces.c.id == api_keys.c.space_id)
            .where(api_keys.c.id == number[:24], api_keys.c.revoked.is_(None))
        ).first()
    if row is None or not hmac.compare_digest(bytes(row.secret_hash), _hashed(secret)):
        return None
    return Access(row.space_id, row.name, number, frozenset(_scopes(row.scopes)))


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _scopes(text: str) -> tuple[Scope, ...]:
    named: Sequence[str] = text.split(",")
    return tuple(one for one in SCOPES if one in named)
