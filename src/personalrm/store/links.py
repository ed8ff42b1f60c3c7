"""Links that open one person's pages for a while, without a key: ``prp_SPACE_PERSON_UNTIL_MAC``.

The token says which space and person it opens and until when, and is signed with a secret of the space (HMAC-SHA256,
128 bits), so that nothing has to be stored. An erased person's number is never given again: their links open nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass

from sqlalchemy import and_, select

from personalrm.store import people as people_of
from personalrm.store.database import Database
from personalrm.store.schema import people, spaces
from personalrm.store.scope import SpaceTables

PREFIX = "prp"
_MAC = 32


@dataclass(frozen=True, slots=True)
class Opens:
    """What a link opens: the pages of one person of a space."""

    space_id: int
    space: str
    person: str


class Links(SpaceTables):
    """Of one space."""

    def create(self, name: str, seconds: float) -> tuple[str, float]:
        """A token for the pages of this person, and when it ends. UnknownPerson if the space has none."""
        with self._write(durable=False) as scope:
            person = people_of.lock(scope, name)
            until = int(time.time() + seconds)
            mac = _signed(bytes(scope.settings(spaces.c.salt)), self.space_id, person.id, until)
        return f"{PREFIX}_{self.space_id}_{person.id}_{until}_{mac}", float(until)


def opens(database: Database, token: str) -> Opens | None:
    """What a token opens; None if nothing: it is made up, of an erased person, or over."""
    parts = token.split("_")
    if len(parts) != 5 or parts[0] != PREFIX or not all(one.isdecimal() and len(one) < 19 for one in parts[1:4]):
        return None
    space_id, person_id, until = (int(one) for one in parts[1:4])
    if until < time.time() or not token.isascii():
        return None
    joined = and_(people.c.space_id == spaces.c.id, people.c.id == person_id, people.c.erasing.is_(None))
    with database.read() as connection:
        row = connection.execute(
            select(spaces.c.salt, spaces.c.name, people.c.name).join(people, joined).where(spaces.c.id == space_id)
        ).first()
    if row is None or not hmac.compare_digest(parts[4], _signed(bytes(row[0]), space_id, person_id, until)):
        return None
    return Opens(space_id, row[1], row[2])


def _signed(salt: bytes, space_id: int, person_id: int, until: int) -> str:
    told = f"page:{space_id}:{person_id}:{until}".encode()
    return hmac.new(salt, told, hashlib.sha256).hexdigest()[:_MAC]
