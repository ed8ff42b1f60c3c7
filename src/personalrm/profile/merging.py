"""New choices of a person joined with those that are known."""

from __future__ import annotations

from dataclasses import replace

from personalrm.preferences import History


def merged(known: History, new: History) -> History:
    """All choices; a new one whose id is known takes the place of the earlier one, if it differs from it."""
    told = {one.id: replace(one, user=known.user) for one in new}
    changed = {one.id for one in known if told.get(one.id, one) != one}
    kept = [one for one in known if one.id not in changed]
    ids = {one.id for one in kept}
    return known.only([*kept, *(one for key, one in told.items() if key in changed or key not in ids)])
