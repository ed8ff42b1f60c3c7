"""Read candidate pairs for `next-question`: unlabelled pairs, or choices whose labels are ignored.

    {"prompt": "Hi", "a": "Hello!", "b": "?"}                     also response_a and response_b, context, id, group
    {"prompt": "Hi", "responses": ["Hello!", "?", "Yes?"]}        all pairs of these

    candidates = list(read_candidates("pairs.jsonl"))

The two texts are sorted where their order would reveal the label (``chosen`` and ``rejected``).
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
    """An unlabelled pair; ``id`` and ``group`` as in `Preference`."""

    id: str
    group: str
    context: tuple[Message, ...]
    a: str
    b: str

    @classmethod
    def of(cls, choice: Preference) -> Candidate:
        """The pair of a choice, in an order that does not depend on the label."""
        return cls(choice.id, choice.group, choice.context, *sorted((choice.chosen, choice.rejected)))


def read_candidates(
    path: Given,
    *,
    strict: bool = False,
    problems: Problems | None = None,
    columns: ColumnsGiven = None,
    limits: Limits = DEFAULT,
) -> Iterator[Candidate]:
    """Yield the pairs of all users in file order.

    Args:
        path, strict, problems, columns, limits: as in `read_choices`.

    Raises:
        DataError, RowError: as `read_choices`.
    """
    for one in read_choices(path, strict=strict, problems=problems, labels=False, columns=columns, limits=limits):
        yield Candidate(one.id, one.group, one.context, one.chosen, one.rejected)
