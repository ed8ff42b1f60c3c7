"""Merging new choices into a person's history: which are new, and which correct an earlier choice.

    known = KnownChoices(profile.history)
    known.find(choice)                                  # the same choice in the history, or None
    merged(profile.history, choices)                    # the history with the new choices

An id is unique within its source only: two files may both number their choices 1–6. Two choices of one person are the
same if their ids and conversations are equal and

- both responses are equal, in any source; or
- the source is the same and one of the responses is equal (the other was corrected).

Any other choice with an id of the history is a different choice, also from a file of the same name. It is stored under
the id ``id@source``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from personalrm.errors import DataError
from personalrm.preferences import History, Preference, Thumb, pair_id


class KnownChoices:
    """Index of the choices of a history, to find them again in other files."""

    def __init__(self, choices: Iterable[Preference]) -> None:
        self._by_id = {one.id: one for one in choices}

    def find(self, choice: Preference) -> Preference | None:
        """The same choice in the history, possibly with another label or wording; None if the choice is new."""
        for name in (choice.id, *_other_names(choice)):
            known = self._by_id.get(name)
            if known is not None and _same(known, choice):
                return known
        return None

    def add(self, choice: Preference) -> Preference:
        """Add a new choice; it gets another id if a different choice has its id."""
        names = (choice.id, *_other_names(choice))
        free = next((name for name in names if name not in self._by_id), None)
        number = 2
        while free is None:
            candidate = f"{names[-1]}-{number}"
            free, number = (candidate if candidate not in self._by_id else None), number + 1
        kept = choice if free == choice.id else replace(choice, id=free)
        self._by_id[free] = kept
        return kept


def merged(history: History, choices: Iterable[Preference]) -> History:
    """The history with these choices of the same person.

    A known choice replaces the earlier one and keeps its id and time; new ones are inserted in order of time if the
    history is ordered by time, else appended. The thumbs of ``choices`` are merged if it is a `History`.
    """
    known = KnownChoices(history)
    corrected: dict[str, Preference] = {}
    new: dict[str, Preference] = {}
    for one in choices:
        mine = one if one.user == history.user else replace(one, user=history.user)
        old = known.find(mine)
        if old is None:
            kept = known.add(mine)
            new[kept.id] = kept
        else:
            now = replace(mine, id=old.id, time=old.time or mine.time, source=old.source or mine.source)
            (new if old.id in new else corrected)[old.id] = now
    earlier = [corrected.get(one.id, one) for one in history]
    together = [*earlier, *new.values()]
    in_order = in_time(history.user, earlier).choices == tuple(earlier)
    ordered = in_time(history.user, together).choices if in_order else together
    return history.only(ordered, _thumbs(history, choices))


def _thumbs(history: History, more: Iterable[Preference]) -> tuple[Thumb, ...]:
    """The thumbs of both; a later one on the same response replaces the earlier one."""
    fresh = more.thumbs if isinstance(more, History) else ()
    mine = (one if one.user == history.user else replace(one, user=history.user) for one in fresh)
    return tuple({(one.context, one.response): one for one in (*history.thumbs, *mine)}.values())


def distinct(choices: Iterable[Preference]) -> tuple[Preference, ...]:
    """The choices without duplicates, with unique ids: two files may give one id to different choices.

    Raises:
        DataError: the same choice occurs with two labels.
    """
    known = KnownChoices(())
    kept: list[Preference] = []
    for one in choices:
        old = known.find(one)
        if old is None:
            kept.append(known.add(one))
        elif replace(one, id=old.id) != old:
            raise DataError(f"two different choices have the id '{one.id}': give each choice a unique id")
    return tuple(kept)


def in_time(user: str, choices: Iterable[Preference]) -> History:
    """The history, oldest first; a choice without a time takes the time of the previous one in the file.

    The sort is stable.
    """
    keyed, last = [], ""
    for choice in choices:
        last = choice.time or last
        keyed.append((last, choice))
    keyed.sort(key=lambda pair: pair[0])
    return History(user, tuple(choice for _, choice in keyed))


def _same(known: Preference, choice: Preference) -> bool:
    if known.context != choice.context:
        return False
    before, now = {known.chosen, known.rejected}, {choice.chosen, choice.rejected}
    return before == now or (known.source == choice.source and not before.isdisjoint(now))


def _other_names(choice: Preference) -> Sequence[str]:
    """Ids to try where the choice's own id is taken."""
    content = pair_id("", choice.context, choice.chosen, choice.rejected)[:8]
    read_together = (f"{choice.id}@{choice.user}", f"{choice.id}@{choice.user}@{choice.source}")
    if choice.source:
        return f"{choice.id}@{choice.source}", *read_together, f"{choice.id}@{choice.source}-{content}"
    return *read_together[:1], f"{choice.id}-{content}"
