"""Make pairs from several responses to one prompt, by scores, ranks, the best response, or thumbs.

    pairs_of([Judged("a", score=90), Judged("b", score=20)], min_gap=10)
    best_of(["a", "b", "c"], {1})                       # b against a, b against c; a and c were not compared

Equal scores are ties; other pairs that differ by less than ``min_gap`` are left out, since their order is mostly noise
(the benchmark leaves out PRISM pairs that differ by less than 10 of 100 points). Equal thumbs make no pair, because
they do not compare the two responses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from personalrm.data.columns import PICKED, RANKS, SCORES, TEXTS
from personalrm.data.contents import parts_text
from personalrm.data.fields import describe, first_of, missing, number, text
from personalrm.data.thinking import without_thinking
from personalrm.errors import RowError

THUMBS: Mapping[str, bool] = {
    **dict.fromkeys(
        ("true", "yes", "up", "good", "like", "liked", "positive", "thumbs_up", "thumbs up", "thumbup", "thumbsup"),
        True,
    ),
    **dict.fromkeys(("upvote", "upvoted", "helpful", "desirable", "👍", "+1", "chosen", "accepted", "correct"), True),
    **dict.fromkeys(("false", "no", "down", "bad", "dislike", "disliked", "negative", "thumbs_down"), False),
    **dict.fromkeys(
        ("thumbs down", "thumbdown", "thumbsdown", "downvote", "downvoted", "unhelpful", "undesirable"), False
    ),
    **dict.fromkeys(("👎", "-1", "rejected", "incorrect", "not helpful", "neutral_false"), False),
}
_JUDGED = ("value", "rating", "score", "type", "thumb")
_NUMBERS = {1.0: True, 0.0: False, -1.0: False}


class Judged(NamedTuple):
    """One response with the user's judgement of it; ``rank`` is 1 (or 0) for the best."""

    response: str
    score: float | None = None
    rank: float | None = None
    liked: bool | None = None


class Pair(NamedTuple):
    """Two responses; ``chosen`` was preferred unless ``tie``. ``gap``: difference of their scores, or None."""

    chosen: str
    rejected: str
    tie: bool
    gap: float | None


def thumb(value: object, field: str) -> bool | None:
    """Convert a thumb: True for up, False for down, None for a missing value. Raises RowError for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        name, value = first_of(value, _JUDGED)
        return thumb(value, f"{field}.{name or _JUDGED[0]}") if name else None
    if missing(value):
        return None
    if isinstance(value, int | float) and float(value) in _NUMBERS:
        return _NUMBERS[float(value)]
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in THUMBS:
        return THUMBS[word]
    if word in ("1", "0", "1.0", "0.0", "-1.0"):
        return word.startswith("1")
    raise RowError("a thumb: true or false, 1 or 0, up or down", field=field, found=describe(value))


def response_text(one: object, field: str) -> str:
    """The text of an item in a list of responses (text, or an object with text). Raises RowError if there is none."""
    if isinstance(one, Mapping):
        name, value = first_of(one, TEXTS)
        if isinstance(value, Mapping):  # a message within an object
            return response_text(value, f"{field}.{name}")
        if isinstance(value, list):
            if value and all(isinstance(turn, Mapping) and "role" in turn for turn in value):
                return response_text(value[-1], f"{field}.{name}.{len(value) - 1}")
            value = parts_text(value, f"{field}.{name}")
        if not name and isinstance(one.get("parts"), list):
            value = parts_text(one["parts"], f"{field}.parts")
        return without_thinking(text(value, f"{field}.{name or 'content'}"))
    if isinstance(one, list) and one and all(isinstance(turn, Mapping) for turn in one):
        return response_text(one[-1], f"{field}.{len(one) - 1}")
    return without_thinking(text(one, field))


def judged(one: object, field: str) -> Judged:
    """An item in a list of responses with its score, rank and thumb."""
    said = response_text(one, field)
    if not isinstance(one, Mapping):
        return Judged(said)
    score_name, score = first_of(one, SCORES)
    rank_name, rank = first_of(one, RANKS)
    liked_name, liked = first_of(one, ("liked", "label", "thumb"))
    if not liked_name:
        liked_name = next((name for name in PICKED if isinstance(one.get(name), bool)), "")
        liked = one.get(liked_name)
    return Judged(
        said,
        None if score is None or isinstance(score, Mapping | list) else number(score, f"{field}.{score_name}"),
        None if rank is None else number(rank, f"{field}.{rank_name}"),
        thumb(liked, f"{field}.{liked_name}"),
    )


def pairs_of(responses: Sequence[Judged], min_gap: float = 0.0, slope: float = 1.0) -> tuple[list[Pair], int]:
    """All pairs of different responses that are at least ``min_gap`` apart or tied, and how many were too close.

    A point of this person's scale counts ``slope`` points of the common one (see `rating_scales`).

    Responses are compared by their scores; without these by their ranks, without these by their thumbs. Those
    without any judgement are left out.
    """
    if any(one.score is not None for one in responses):
        return _by_value([(one.response, one.score) for one in responses if one.score is not None], min_gap / slope)
    if any(one.rank is not None for one in responses):
        ranked, _ = _by_value([(one.response, -one.rank) for one in responses if one.rank is not None], 0.0)
        return [pair._replace(gap=None) for pair in ranked], 0
    up = dict.fromkeys(one.response for one in responses if one.liked is True)
    down = dict.fromkeys(one.response for one in responses if one.liked is False)
    return [Pair(better, worse, False, None) for better in up for worse in down if better != worse], 0


def best_of(responses: Sequence[str], best: Collection[int]) -> list[Pair]:
    """Pairs of each preferred response with each other one, and ties among several preferred ones.

    The other responses are not compared with each other. If all are preferred, all pairs are ties.
    """
    good = dict.fromkeys(responses[at] for at in sorted(best))
    rest = [one for one in dict.fromkeys(responses) if one not in good]
    ties = [Pair(one, other, True, None) for one, other in combinations(good, 2)]
    return [Pair(one, other, False, None) for one in good for other in rest] + ties


def _by_value(responses: list[tuple[str, float]], min_gap: float) -> tuple[list[Pair], int]:
    made, too_close = [], 0
    for one, other in combinations(responses, 2):
        if one[0] == other[0]:
            continue
        (chosen, most), (rejected, least) = (one, other) if one[1] >= other[1] else (other, one)
        gap = most - least
        if gap == 0 or gap >= min_gap:
            made.append(Pair(chosen, rejected, gap == 0, gap))
        else:
            too_close += 1
    return made, too_close
