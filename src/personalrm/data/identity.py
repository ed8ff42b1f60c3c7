"""Unique ids for the choices of a reader."""

from __future__ import annotations

from personalrm.data.seen import Seen
from personalrm.errors import RowError


class Register:
    """Assigns unique ids. A user's repeated choice is an error; ids shared by users or files are made distinct.

    A given id is unique for one user in one source (a file). If it names a pair that several users judged, the second
    user's choice becomes ``id@user``, and a choice of the same user in a second file ``id@user@source``. A generated
    id that occurs again with the opposite label (the user changed the choice) becomes ``id-2``.
    """

    def __init__(self) -> None:
        self._seen = Seen()

    def given(self, user: str, choice_id: str, field: str, source: str = "") -> str:
        """The unique id of a choice with a given id.

        Raises:
            RowError: this user already has a choice with that id in this source.
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
        expected = "an id not used before"
        if field.lower() == "uid":  # an id of the row in some exports, of the person in others
            expected += " (if it is the person's: --columns id=-,user=uid)"
        raise RowError(expected, field=field, found=f"'{choice_id}' again")

    def made(self, choice_id: str, label: int) -> str:
        """The unique id of a choice with a generated id; ``label`` encodes which response won, or a tie.

        Raises:
            RowError: the same choice with the same label was read before.
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
        """Register the id of a skipped row, so that ids do not depend on whether one user is selected."""
        self._seen.add(choice_id, (user, source))
