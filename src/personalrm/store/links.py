"""Links that open pages without a key: one person's pages for a limited time, and a study's pages for participants.

    prp_SPACE_PERSON_UNTIL_MAC        one person's pages
    prs_SPACE_STUDY_0_MAC             an invitation to a study
    prs_SPACE_STUDY_CODE_MAC          one participant's pages

A token names its target and is signed with a secret of the space (HMAC-SHA256, 128 bits), so tokens need not be stored.
Numbers of erased people and deleted studies are never reused, so their links stay invalid.
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
from personalrm.store.schema_studies import studies
from personalrm.store.scope import SpaceTables

PREFIX, STUDY_PREFIX = "prp", "prs"
_INVITATION = "0"
_MAC = 32


@dataclass(frozen=True, slots=True)
class PageLink:
    """Target of a link: the pages of one person of a space."""

    space_id: int
    space: str
    person: str


@dataclass(frozen=True, slots=True)
class StudyLink:
    """Target of a study link: the consent page, or with a ``code`` one participant's next step."""

    space_id: int
    space: str
    study: int
    code: str | None


class Links(SpaceTables):
    """The links of one space."""

    def create(self, name: str, seconds: float) -> tuple[str, float]:
        """A token for the pages of this person, and its expiry time. UnknownPerson for an unknown name."""
        with self._write(durable=False) as scope:
            person = people_of.lock(scope, name)
            until = int(time.time() + seconds)
            mac = _signed(bytes(scope.settings(spaces.c.salt)), "page", self.space_id, person.id, until)
        return f"{PREFIX}_{self.space_id}_{person.id}_{until}_{mac}", float(until)

    def to_study(self, study: int, code: str | None = None) -> str:
        """A token that invites to a study, or with a ``code`` one participant's personal token."""
        shown = code or _INVITATION
        with self._read() as scope:
            mac = _signed(bytes(scope.settings(spaces.c.salt)), "study", self.space_id, study, shown)
        return f"{STUDY_PREFIX}_{self.space_id}_{study}_{shown}_{mac}"


def opens(database: Database, token: str) -> PageLink | None:
    """The target of a token; None if it is forged, expired, or of an erased person."""
    parts = _parts(token, PREFIX, 3)
    if parts is None:
        return None
    space_id, person_id, until = (int(one) for one in parts[:3])
    if until < time.time():
        return None
    joined = and_(people.c.space_id == spaces.c.id, people.c.id == person_id, people.c.erasing.is_(None))
    with database.read() as connection:
        row = connection.execute(
            select(spaces.c.salt, spaces.c.name, people.c.name).join(people, joined).where(spaces.c.id == space_id)
        ).first()
    if row is None or not hmac.compare_digest(parts[3], _signed(bytes(row[0]), "page", space_id, person_id, until)):
        return None
    return PageLink(space_id, row[1], row[2])


def invites(database: Database, token: str) -> StudyLink | None:
    """The target of a study token; None if it is forged or of a deleted study."""
    parts = _parts(token, STUDY_PREFIX, 2)
    if parts is None:
        return None
    space_id, study_id, code = int(parts[0]), int(parts[1]), parts[2]
    joined = and_(studies.c.space_id == spaces.c.id, studies.c.id == study_id)
    with database.read() as connection:
        row = connection.execute(
            select(spaces.c.salt, spaces.c.name).join(studies, joined).where(spaces.c.id == space_id)
        ).first()
    if row is None or not hmac.compare_digest(parts[3], _signed(bytes(row[0]), "study", space_id, study_id, code)):
        return None
    return StudyLink(space_id, row[1], study_id, None if code == _INVITATION else code)


def _parts(token: str, prefix: str, numbers: int) -> list[str] | None:
    """The parts of a token after its prefix; None if it is malformed. The first ``numbers`` parts are numbers."""
    parts = token.split("_")
    if len(parts) != 5 or parts[0] != prefix or not token.isascii():
        return None
    are_numbers = all(one.isdecimal() and len(one) < 19 for one in parts[1 : 1 + numbers])
    return parts[1:] if are_numbers else None


def _signed(salt: bytes, kind: str, space_id: int, number: int, last: object) -> str:
    told = f"{kind}:{space_id}:{number}:{last}".encode()
    return hmac.new(salt, told, hashlib.sha256).hexdigest()[:_MAC]
