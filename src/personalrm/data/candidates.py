"""Pairs that somebody could be asked about: any file of choices, whose labels are not looked at, or pairs without any.

    {"prompt": "Hi", "a": "Hello!", "b": "?"}                     also response_a and response_b, context, id, group
    {"prompt": "Hi", "responses": ["Hello!", "?", "Yes?"]}        every two of them

    candidates = list(read_candidates("pairs.jsonl"))

Where the order of a row would give its label away (``chosen`` and ``rejected``) the two texts are sorted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from personalrm.data.inputs import Given
from personalrm.data.limits import DEFAULT, Limits
from personalrm.data.problems import Problems
from personalrm.data.reading import ColumnsGiven, read_choices
from personalrm.preferences import Message, Preference


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair without an answer; ``id`` and ``group`` as in `Preference`."""

    id: str
    group: str
    context: tuple[Message, ...]
    a: str
    b: str

    @classmethod
    def of(cls, choice: Preference) -> Candidate:
        """The pair that was chosen from, in an order that does not depend on the choice."""
        return cls(choice.id, choice.group, choice.context, *sorted((choice.chosen, choice.rejected)))


def read_candidates(
    path: Given,
    *,
    strict: bool = False,
    problems: Problems | None = None,
    columns: ColumnsGiven = None,
    limits: Limits = DEFAULT,
) -> Iterator[Candidate]:
    """Pairs in file order, read as they are asked for; of all people, where the file names any.

    Raises:
        DataError, RowError: as `read_choices`.
    """
    for one in read_choices(path, strict=strict, problems=problems, labels=False, columns=columns, limits=limits):
        yield Candidate(one.id, one.group, one.context, one.chosen, one.rejected)
