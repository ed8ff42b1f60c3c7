"""Ids and groups for choices that come without: hashes of the content, never of the label.

    pair_id("ada", context, "Hello!", "?") == pair_id("ada", context, "?", "Hello!")

The id decides which response is shown first, so one made from the label would give the answer away.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import orjson

from personalrm.data.seen import Seen
from personalrm.errors import RowError
from personalrm.preferences import Message


def pair_id(user: str, context: Sequence[Message], one: str, other: str) -> str:
    """16 hexadecimal digits for this person, conversation and pair of responses, whichever was chosen."""
    turns = [[turn.role, turn.content] for turn in context]
    return _hash([user, turns, min(one, other), max(one, other)], 8)


def group_of(context: Sequence[Message], one: str, other: str) -> str:
    """12 hexadecimal digits for the conversation's first message (not system); for the pair itself if there is none.

    Choices in later turns of a conversation carry the earlier choice in their context, so all turns are one group.
    """
    for turn in context:
        if turn.role != "system":
            return _hash([turn.content], 6)
    return _hash([min(one, other), max(one, other)], 6)


def _hash(parts: list[object], size: int) -> str:
    return blake2b(orjson.dumps(parts), digest_size=size).hexdigest()


class Register:
    """Keeps ids unique: a person's repeated choice is a fault, an id that two people share is told apart.

    Given ids often name the pair that several people judged; the second person's choice becomes ``id@user``.
    A made id met again with the opposite label is a person who changed their mind: kept, as ``id-2``.
    """

    def __init__(self) -> None:
        self._seen = Seen()

    def given(self, user: str, choice_id: str, field: str) -> str:
        """The id under which this choice is kept.

        Raises:
            RowError: this person has a choice of that id already.
        """
        if not self._seen.add((user, choice_id)):
            raise RowError("an id not used before", field=field, found=f"'{choice_id}' again")
        return choice_id if self._seen.add(choice_id) else f"{choice_id}@{user}"

    def made(self, choice_id: str, label: int) -> str:
        """The id under which a choice with a made id is kept; ``label`` tells apart which response won, or a tie.

        Raises:
            RowError: the very same choice was read before.
        """
        if not self._seen.add((choice_id, label)):
            raise RowError("a choice not read before", found="the same person, context, responses and answer again")
        for count in range(1, 4):
            kept = choice_id if count == 1 else f"{choice_id}-{count}"
            if self._seen.add(kept):
                return kept
        return kept

    def passed(self, choice_id: str) -> None:
        """Note an id in a row that is not kept, so that ids are the same whether or not one person is asked for."""
        self._seen.add(choice_id)
