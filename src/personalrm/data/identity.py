"""Keeps the ids of one reading unique."""

from __future__ import annotations

from personalrm.data.seen import Seen
from personalrm.errors import RowError


class Register:
    """Keeps ids unique: a person's repeated choice is a fault, an id that two people or two files share is told apart.

    A given id is unique for one person in one source (a file). It often names the pair that several people judged; the
    second person's choice becomes ``id@user``, the same person's in a second file ``id@source``.
    A made id met again with the opposite label is a person who changed their mind: kept, as ``id-2``.
    """

    def __init__(self) -> None:
        self._seen = Seen()

    def given(self, user: str, choice_id: str, field: str, source: str = "") -> str:
        """The id under which this choice is kept.

        Raises:
            RowError: this person has a choice of that id in this source already.
        """
        owner = (user, source)
        found = self._seen.add(choice_id, owner)
        if found is None:  # nearly always
            return choice_id
        for kept in (f"{choice_id}@{user}", f"{choice_id}@{user}@{source}") if found else ():
            found = self._seen.add(kept, owner)
            if found is None:
                return kept
            if not found:
                break
        raise RowError("an id not used before", field=field, found=f"'{choice_id}' again")

    def made(self, choice_id: str, label: int) -> str:
        """The id under which a choice with a made id is kept; ``label`` tells apart which response won, or a tie.

        Raises:
            RowError: the very same choice was read before.
        """
        found = self._seen.add(choice_id, ("", label))
        if found is None:  # nearly always
            return choice_id
        for kept in (f"{choice_id}-2", f"{choice_id}-3") if found else ():
            found = self._seen.add(kept, ("", label))
            if found is None:
                return kept
            if not found:
                break
        raise RowError("a choice not read before", found="the same person, context, responses and answer again")

    def passed(self, user: str, choice_id: str, source: str = "") -> None:
        """Note an id in a row that is not kept, so that ids are the same whether or not one person is asked for."""
        self._seen.add(choice_id, (user, source))
