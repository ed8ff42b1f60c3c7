"""The two published data sets of PersonalRewardBench, with the verdicts of their consensus judges.

    with_judges(row)["judges"]        # {"gemini/gemini-1.5-pro": True, …}: whether the judge agrees with the user

`MichaelR207/prism_personalized_0125` and `…chatbot_arena_personalized_0125` use the reference package's columns:
`split` marks context (train, val) and target (test), `type` is the domain, the scores give the margin. They also
have the answer of each consensus judge in both orders (`prediction_JUDGE` and `prediction_flip_JUDGE`), the order
(`flip`), and the `agreement` of all judges with the user.

The meaning of the predictions is not documented. An interpretation is used only if the share of correct verdicts that
it gives equals the row's own `agreement` (a share or per cent). Two are tried: the prediction refers to the order given
by `flip`, or the chosen response is first in every row; `prediction_flip_` has the opposite order. A judge is correct
if it is in both orders and wrong if in neither; otherwise it has no verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from personalrm.data.fields import Fields, flag, missing, number
from personalrm.data.formats.base import Format
from personalrm.errors import RowError

FORWARD, SWAPPED = "prediction_", "prediction_flip_"
_FIRST = {"first", "1", "a", "completion_one", "one", "1.0"}
_SECOND = {"second", "2", "b", "completion_two", "two", "-1", "2.0", "-1.0"}
_CLOSE = 0.006
"""Tolerance for comparing agreements as shares; published ones may be rounded to whole per cent."""

Orders = tuple[str, bool | None]
"""A judge, and whether it preferred the first response shown; None if that cannot be read."""


def with_judges(row: Fields) -> Fields:
    """The row with ``judges`` added, if its ``agreement`` confirms one interpretation of the predictions."""
    if not missing(row.get("judges")):
        return row
    forward, swapped = _verdict_columns(row, FORWARD), _verdict_columns(row, SWAPPED)
    share = _share(row.get("agreement"))
    if share is None or not (forward or swapped):
        return row
    readings = [_right(forward, swapped, first) for first in _orders(row.get("flip"))]
    confirmed = [one for one in readings if abs(_mean(one) - share) < _CLOSE]
    if not confirmed or any(one != confirmed[0] for one in confirmed):
        return row
    return {**row, "judges": _verdicts(confirmed[0])}


def _orders(flip: object) -> Sequence[bool]:
    """Whether the chosen response is first in the order that is not flipped, for each interpretation."""
    try:
        return (not flag(flip, "flip"), True)
    except RowError:
        return (True,)


def _verdict_columns(row: Fields, prefix: str) -> list[Orders]:
    found = []
    for name, value in row.items():
        if name.startswith(prefix) and (prefix == SWAPPED or not name.startswith(SWAPPED)):
            found.append((name.removeprefix(prefix), _named_first(value)))
    return sorted(found)


def _named_first(value: object) -> bool | None:
    word = str(value).strip().lower()
    return True if word in _FIRST else False if word in _SECOND else None


def _right(forward: list[Orders], swapped: list[Orders], chosen_first: bool) -> list[tuple[str, bool]]:
    """All readable verdicts: the judge, and whether it agrees with the user's choice."""
    right = [(judge, first == chosen_first) for judge, first in forward if first is not None]
    return right + [(judge, first != chosen_first) for judge, first in swapped if first is not None]


def _verdicts(right: list[tuple[str, bool]]) -> Mapping[str, bool]:
    by_judge: dict[str, set[bool]] = {}
    for judge, correct in right:
        by_judge.setdefault(judge, set()).add(correct)
    return {judge: correct.pop() for judge, correct in by_judge.items() if len(correct) == 1}


def _mean(right: list[tuple[str, bool]]) -> float:
    return sum(correct for _, correct in right) / len(right) if right else -1.0


def _share(value: object) -> float | None:
    """The agreement in [0, 1]; values above 1 are per cent. None if it is not a number in that range."""
    try:
        found = number(value, "agreement")
    except RowError:
        return None
    found = found / 100 if found > 1 else found
    return found if 0 <= found <= 1 else None


def rows(row: Fields) -> Iterator[Fields]:
    """Yield the row in generic columns, without the judges' raw predictions and reasonings."""
    told = with_judges(row)
    yield {name: value for name, value in told.items() if not name.startswith(_KEPT_APART)}


def _has_judges(columns: Collection[str]) -> bool:
    return any(name.startswith(FORWARD) for name in columns)


_KEPT_APART = (FORWARD, "reasoning_")
_READS = ("context", "conversation_id", "user_id", "type", "split", "flip", "chosen_score", "rejected_score", "judges")
FORMATS = (Format("PersonalRewardBench", ("chosen", "rejected", "agreement"), rows, _READS, also=_has_judges),)
