"""Ratings become pairs: several scored responses to one prompt, in one row or in consecutive rows.

    {"prompt": "Hi", "responses": [{"content": "Hello!", "score": 90}, {"content": "?", "score": 20}]}
    {"prompt": "Hi", "responses": ["Hello!", "?"], "scores": [90, 20]}

    user,prompt,response,score        (one row a response; the rows of a prompt stand together)
    ada,Hi,Hello!,90
    ada,Hi,?,20

Every two responses make a pair. Equal scores are a tie, kept and marked; other pairs nearer than ``min_gap`` are left
out, since their order is mostly noise (the benchmark leaves out PRISM pairs nearer than 10 of 100 points).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

from personalrm.data.columns import LISTS, ONE, PEOPLE, PROMPTS, SCORE, SCORES, TEXTS
from personalrm.data.fields import Fields, describe, first_of, missing, name_text, number, text
from personalrm.data.files import Row
from personalrm.data.seen import Seen
from personalrm.errors import RowError


class Rated(NamedTuple):
    """One response and the person's score of it."""

    response: str
    score: float


class Pair(NamedTuple):
    """Two responses; ``chosen`` scored higher by ``gap``, or as high (a tie)."""

    chosen: str
    rejected: str
    tie: bool
    gap: float


def is_one_response(row: Fields) -> bool:
    """Whether the row is one rated response of several (the layout of one row a response)."""
    return (
        "chosen" not in row
        and any(name in row for name in ONE)
        and any(name in row for name in SCORE)
        and any(name in row for name in PROMPTS)
    )


def rated(row: Fields) -> list[Rated]:
    """The scored responses of one row; those without a score are left out.

    Raises:
        RowError: a response or score is not as expected, or fewer than two different responses are scored.
    """
    field, listed = first_of(row, LISTS)
    if not isinstance(listed, list):
        raise RowError("a list of responses", field=field or LISTS[0], found=describe(listed))
    name, scores = first_of(row, SCORES)
    if isinstance(scores, list):
        if len(scores) != len(listed):
            raise RowError(f"{len(listed)} scores, one a response", field=name, found=f"{len(scores)}")
        pairs = zip(listed, scores, strict=True)
        found = [
            Rated(_text(one, f"{field}.{at}"), number(score, f"{name}.{at}"))
            for at, (one, score) in enumerate(pairs)
            if not missing(score)
        ]
    else:
        found = [_rated(one, f"{field}.{at}") for at, one in enumerate(listed) if not _unscored(one)]
    if len({one.response for one in found}) < 2:
        raise RowError("at least two different scored responses", field=field, found=f"{len(found)} scored")
    return found


def unrated(row: Fields) -> list[Rated]:
    """The responses of one row, all scored alike: their scores, if they have any, are not looked at.

    Raises:
        RowError: a response is not as expected, or fewer than two are different.
    """
    field, listed = first_of(row, LISTS)
    if not isinstance(listed, list):
        raise RowError("a list of responses", field=field or LISTS[0], found=describe(listed))
    found = dict.fromkeys(_text(one, f"{field}.{at}") for at, one in enumerate(listed))
    if len(found) < 2:
        raise RowError("at least two different responses", field=field, found=f"{len(found)}")
    return [Rated(one, 0.0) for one in found]


def pairs(responses: list[Rated], min_gap: float) -> tuple[list[Pair], int]:
    """All pairs of different responses at least ``min_gap`` apart or tied, and how many were too close."""
    made, too_close = [], 0
    for one, other in combinations(responses, 2):
        if one.response == other.response:
            continue
        high, low = (one, other) if one.score >= other.score else (other, one)
        gap = high.score - low.score
        if gap == 0 or gap >= min_gap:
            made.append(Pair(high.response, low.response, gap == 0, gap))
        else:
            too_close += 1
    return made, too_close


def gathered(rows: Iterable[Row]) -> Iterator[Row]:
    """Consecutive rows of one rated response each become one row with all of them; other rows pass as they are."""
    open_row: dict[str, object] | None = None
    open_line, open_key = 0, None
    closed = Seen()
    for line, row in rows:
        if isinstance(row, RowError) or not is_one_response(row):
            yield line, row
            continue
        try:
            key, one = _key(row), _one(row)
        except RowError as error:
            yield line, error
            continue
        if open_row is not None and key == open_key:
            open_row["responses"].append(one)  # type: ignore[attr-defined]
            continue
        if open_row is not None:
            yield open_line, open_row
        if closed.add(key):
            open_line, open_key, open_row = line, key, _opened(row, one)
        else:
            open_row = None
            yield (
                line,
                RowError(
                    "the rows of one prompt together",
                    found="a prompt that was left before; sort the file by user and prompt",
                ),
            )
    if open_row is not None:
        yield open_line, open_row


def _opened(row: Fields, one: Mapping[str, object]) -> dict[str, object]:
    kept = {name: value for name, value in row.items() if name not in ONE and name not in SCORE}
    return {**kept, "responses": [one]}


def _key(row: Fields) -> tuple[str, str]:
    name, prompt = first_of(row, PROMPTS)
    field, user = first_of(row, PEOPLE)
    return name_text(user, field) if user is not None else "", repr(prompt) if name else ""


def _one(row: Fields) -> dict[str, object]:
    """Checked here, so that a bad score is reported with its own line."""
    field, response = next((name, row[name]) for name in ONE if name in row)
    name, score = next((name, row[name]) for name in SCORE if name in row)
    return {"content": text(response, field), "score": None if missing(score) else number(score, name)}


def _unscored(one: object) -> bool:
    return isinstance(one, Mapping) and first_of(one, SCORE)[1] is None


def _rated(one: object, field: str) -> Rated:
    if not isinstance(one, Mapping):
        raise RowError("an object with content and score", field=field, found=describe(one))
    name, score = first_of(one, SCORE)
    return Rated(_text(one, field), number(score, f"{field}.{name}"))


def _text(one: object, field: str) -> str:
    if isinstance(one, Mapping):
        name, value = first_of(one, TEXTS)
        return text(value, f"{field}.{name or 'content'}")
    return text(one, field)
