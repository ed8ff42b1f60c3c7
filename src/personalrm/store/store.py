"""The store: spaces and their people. Data of a space is only accessible through its `SpaceStore`.

store = Store("sqlite:///people.sqlite")            # or postgresql://…; creates or upgrades the tables
space = store.make_space("shop")
key = space.keys.create(["write", "predict"])
space.feedback.choices("ada", [Choice(context=…, chosen="Yes.", rejected="It depends.")], Work.update())
space.history.learnable(space.people.require("ada")).history
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson
from sqlalchemy import Connection, insert, select, update

from personalrm.errors import DataError, StoreConflict
from personalrm.store import keys, links
from personalrm.store.audit import Audit
from personalrm.store.completions import Completions
from personalrm.store.corrections import Corrections
from personalrm.store.database import Database, default_url
from personalrm.store.erasures import Erasures
from personalrm.store.exporting import Exports
from personalrm.store.history import Histories
from personalrm.store.incoming import Feedback
from personalrm.store.jobs import JobQueue, Jobs
from personalrm.store.keys import Access, Keys
from personalrm.store.links import Links, PageLink, StudyLink
from personalrm.store.migrating import require_current, require_ready, upgrade
from personalrm.store.once import Idempotency
from personalrm.store.people import People
from personalrm.store.pool import Pool
from personalrm.store.predictions import Predictions
from personalrm.store.profiles import Profiles
from personalrm.store.returning import Returns
from personalrm.store.schema import people, spaces
from personalrm.store.spending import Spending
from personalrm.store.studies import Studies
from personalrm.store.summaries import Summary

_NAME = 100
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class SpaceSettings:
    """Settings of one space.

    Attributes:
        max_calls, max_cost: budget for learning and predicting per calendar month, in calls and US dollars; None is
            unlimited.
        max_chats, max_chat_tokens: budget of chats per calendar month, in answers and tokens.
        fits_at_once: maximum concurrent refits of the space.
    """

    max_calls: int | None = None
    max_cost: float | None = None
    max_chats: int | None = None
    max_chat_tokens: int | None = None
    fits_at_once: int = 2


class SpaceStore:
    """The data of one space."""

    def __init__(self, database: Database, space_id: int, name: str) -> None:
        self.id, self.name = space_id, name
        self.keys = Keys(database, space_id)
        self.links = Links(database, space_id)
        self.people = People(database, space_id)
        self.feedback = Feedback(database, space_id)
        self.history = Histories(database, space_id)
        self.profiles = Profiles(database, space_id)
        self.returns = Returns(database, space_id)
        self.predictions = Predictions(database, space_id)
        self.corrections = Corrections(database, space_id)
        self.jobs = Jobs(database, space_id)
        self.spending = Spending(database, space_id)
        self.pool = Pool(database, space_id)
        self.idempotency = Idempotency(database, space_id)
        self.exports = Exports(database, space_id)
        self.completions = Completions(database, space_id)
        self.erasures = Erasures(database, space_id)
        self.audit = Audit(database, space_id)
        self.summary = Summary(database, space_id)
        self.studies = Studies(database, space_id)


class Store:
    """See the module's docstring. Thread-safe; several processes can share a database.

    Args:
        url: as in `database.parse_url`; None is PERSONALRM_DATABASE, else a SQLite file in the user's data folder.
        migrate: upgrade the tables to this version; if false, a database of another version is refused.
        pool: maximum idle connections, for PostgreSQL.

    Raises:
        DataError, StorageError, MissingExtra: the database cannot be used.
    """

    def __init__(self, url: str | None = None, *, migrate: bool = True, pool: int = 8) -> None:
        self.database = Database(url or default_url(), pool)
        try:
            upgrade(self.database) if migrate else require_current(self.database)
        except BaseException:
            self.database.close()
            raise
        self.queue = JobQueue(self.database)
        self._spaces: dict[int, SpaceStore] = {}

    def make_space(self, name: str) -> SpaceStore:
        """The space of that name, created if needed. DataError if the name is invalid."""
        if not name or name != name.strip() or len(name) > _NAME or not name.isprintable():
            raise DataError(f"space: expected a name of 1 to {_NAME} printable characters, found '{name[:_NAME]}'")
        found = self.space(name)
        if found is not None:
            return found
        row = {"name": name, "created": time.time(), "salt": secrets.token_bytes(32), "settings": "{}"}
        try:
            with self.database.write() as connection:
                number = connection.execute(insert(spaces).values(row).returning(spaces.c.id)).scalar_one()
        except StoreConflict:  # another process has made it since
            found = self.space(name)
            if found is None:
                raise
            return found
        return self.bound(number, name)

    def space(self, name: str) -> SpaceStore | None:
        """The space of that name, or None."""
        with self.database.read() as connection:
            number = connection.execute(select(spaces.c.id).where(spaces.c.name == name)).scalar()
        return None if number is None else self.bound(number, name)

    def spaces(self) -> list[SpaceStore]:
        """All spaces, by name."""
        with self.database.read() as connection:
            rows = connection.execute(select(spaces.c.id, spaces.c.name).order_by(spaces.c.name)).all()
        return [self.bound(row.id, row.name) for row in rows]

    def bound(self, space_id: int, name: str) -> SpaceStore:
        """The store of one space."""
        found = self._spaces.get(space_id)
        if found is None:
            found = self._spaces[space_id] = SpaceStore(self.database, space_id, name)
        return found

    def by_id(self, space_id: int) -> SpaceStore:
        """The store of the space of that number. DataError if it does not exist."""
        found = self._spaces.get(space_id)
        if found is not None:
            return found
        with self.database.read() as connection:
            name = connection.execute(select(spaces.c.name).where(spaces.c.id == space_id)).scalar()
        if name is None:
            raise DataError(f"there is no space {space_id}")
        return self.bound(space_id, name)

    def erased(self, numbers: Collection[int]) -> set[int]:
        """Those of these numbers of people, of any space, who were erased or are being erased."""
        wanted, found = sorted(numbers), set[int]()
        with self.database.read() as connection:
            for at in range(0, len(wanted), _AT_ONCE):
                known = people.c.id.in_(wanted[at : at + _AT_ONCE]), people.c.erasing.is_(None)
                found.update(connection.execute(select(people.c.id).where(*known)).scalars())
        return set(wanted) - found

    def access(self, key: str) -> Access | None:
        """Look up a key; None if it is unknown or revoked."""
        return keys.access(self.database, key)

    def opens(self, token: str) -> PageLink | None:
        """The person whose pages a link opens; None if the link is invalid."""
        return links.opens(self.database, token)

    def invites(self, token: str) -> StudyLink | None:
        """The study that a link belongs to; None if the link is invalid."""
        return links.invites(self.database, token)

    def settings(self, space: SpaceStore) -> SpaceSettings:
        """The settings of a space."""
        with self.database.read() as connection:
            return _settings(connection, space.id)

    def fits_at_once(self) -> dict[int, int]:
        """Spaces, by number, whose maximum of concurrent refits is not the default."""
        with self.database.read() as connection:
            rows = connection.execute(select(spaces.c.id, spaces.c.settings)).all()
        usual = SpaceSettings().fits_at_once
        found = {row.id: orjson.loads(row.settings).get("fits_at_once", usual) for row in rows}
        return {space: most for space, most in found.items() if most != usual}

    def change_settings(self, space: SpaceStore, changes: Mapping[str, Any]) -> SpaceSettings:
        """Change settings of a space."""
        with self.database.write() as connection:
            changed = replace(_settings(connection, space.id, lock=True), **changes)
            values = {"settings": orjson.dumps(asdict(changed)).decode()}
            connection.execute(update(spaces).where(spaces.c.id == space.id).values(values))
        return changed

    def require_ready(self) -> None:
        """StorageError, with the reason, unless the database is reachable, not being migrated and of this version."""
        require_ready(self.database)

    def close(self) -> None:
        """Close all connections; they are reopened when needed."""
        self.database.close()


def _settings(connection: Connection, number: int, *, lock: bool = False) -> SpaceSettings:
    asked = select(spaces.c.settings).where(spaces.c.id == number)
    text = connection.execute(asked.with_for_update() if lock else asked).scalar_one()
    return replace(SpaceSettings(), **orjson.loads(text))
