"""Deletes old profile versions; `profiles` describes the rule."""

from __future__ import annotations

import orjson

from personalrm.store.schema import corrections, profiles
from personalrm.store.scope import Scope

BY_HAND = "put_in_use"
"""Key in ``checked``: when a person put the version in use, in seconds since 1970."""
KEPT = 50
"""Number of superseded versions per person that are always kept; a version takes 3 kB or more."""
_DAY_S = 86400.0


def drop_old(scope: Scope, person_id: int, last: int) -> None:
    """Delete superseded versions up to ``last``, except the last one of each day and those that a person touched."""
    if last < 1:
        return
    mine = profiles.c.person_id == person_id
    old = scope.select(profiles, profiles.c.version, profiles.c.created, profiles.c.checked).where(
        mine, profiles.c.state == "superseded", profiles.c.version <= last
    )
    rows = scope.all(old.order_by(profiles.c.version))
    last_of_day = {row.created // _DAY_S: row.version for row in rows}
    touched = scope.all(scope.select(corrections, corrections.c.version).where(corrections.c.person_id == person_id))
    stay = {*last_of_day.values(), *(row.version for row in touched)}
    gone = [row.version for row in rows if row.version not in stay and BY_HAND not in orjson.loads(row.checked)]
    if gone:
        scope.run(scope.delete(profiles).where(mine, profiles.c.version.in_(gone)))
