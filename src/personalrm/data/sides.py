"""Find the columns with the responses of each side, and their scores, ranks and model names.

    found = find_sides({"Answer 1", "Answer 2"})
    found.responses                            # Sides(columns=("Answer 1", "Answer 2"), labels=("1", "2"))

Examples of sides: ``response_a`` and ``response_b``, ``Answer 1`` … ``Answer 4``, ``left`` and ``right``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from personalrm.data.columns import plain

FAMILIES: tuple[tuple[str, ...], ...] = (
    tuple("abcdefghijklmnopqrstuvwxyz"),
    tuple(map(str, range(1, 33))),
    tuple(map(str, range(32))),
    ("left", "right"),
    ("first", "second", "third", "fourth"),
    ("one", "two", "three", "four", "five", "six"),
    ("x", "y"),
)
"""Side labels by family, in order; a group of columns has the first labels of a family."""
_LABELS = frozenset(label for family in FAMILIES for label in family)
_RESPONSE = (
    *("response", "answer", "completion", "output", "reply", "generation", "text", "summary", "candidate", "option"),
    *("ref", "message", "content", "continuation", "argument", "passage", "story", "essay", "draft", "version"),
    *("variant", "translation", "solution", "hypothesis", "prediction", "sample", "statement", "side", "result"),
    *("assistant", "bot", "chatbot", "agent", "choice", "conversation"),
)
"""Words for a response, most specific first."""
_FILLERS = {"of", "from", "by", "the", "model", "llm", "ai", "system", "human", "generated", "full", "final", "chat"}
_SCORE = {"score", "rating", "points", "stars", "grade", "reward", "quality", "helpfulness", "upvotes", "votes"}
_RANK = {"rank", "ranking", "place"}
_MODEL = {"model", "system", "policy", "llm", "bot", "name", "id"}
MOST = 26


class Sides(NamedTuple):
    """Columns of one kind, one for each side; ``labels`` are the words by which their names differ."""

    columns: tuple[str, ...]
    labels: tuple[str, ...]


class FoundSides(NamedTuple):
    """Columns of each kind (empty if there are none). ``doubtful``: the responses may be model names only."""

    responses: Sides
    scores: Sides
    ranks: Sides
    models: Sides
    doubtful: bool = False


NONE = Sides((), ())


def find_sides(names: Iterable[str]) -> FoundSides:
    """Find the columns with sides among ``names``."""
    groups: dict[tuple[str, ...], dict[str, str]] = {}
    for name in names:
        parted = _parted(plain(name))
        if parted is not None:
            stem, label = parted
            groups.setdefault(stem, {}).setdefault(label, name)
    found = {stem: sides for stem, labels in groups.items() for sides in _in_families(labels)}
    models = _first(found, lambda words: bool(words) and words <= _MODEL)
    responses = min(
        (stem for stem in found if _place(stem) is not None), key=lambda stem: _place(stem) or 0, default=None
    )
    sides = NONE if responses is None else found[responses]
    doubtful = sides is NONE and models is not NONE
    if doubtful:
        sides, models = models, NONE
    scores = _first(found, lambda words: bool(words & _SCORE), sides.labels)
    ranks = _first(found, lambda words: bool(words & _RANK), sides.labels)
    return FoundSides(sides, scores, ranks, models if models.labels == sides.labels else NONE, doubtful)


def _parted(name: str) -> tuple[tuple[str, ...], str] | None:
    """Split a name into its other words (sorted) and its side label; None without a unique label."""
    words = name.split("_")
    labels = [word for word in words if word in _LABELS]
    if len(labels) != 1 or len(words) > 5:
        return None
    return tuple(sorted(word for word in words if word != labels[0])), labels[0]


def _in_families(labels: dict[str, str]) -> Iterable[Sides]:
    """The columns in the order of their labels, if these are the first labels of a family and at least two."""
    for family in FAMILIES:
        count = next((at for at, label in enumerate(family) if label not in labels), len(family))
        if 2 <= count <= MOST and count == len(labels):
            return [Sides(tuple(labels[label] for label in family[:count]), family[:count])]
    return []


def _place(stem: tuple[str, ...]) -> int | None:
    """Priority of the words as a name for a response, 0 for the highest; None if they mean something else."""
    words = {_singular(word) for word in stem} - _FILLERS
    if not words:
        return len(_RESPONSE) if set(stem) <= {"of", "from", "by", "the"} else None
    if words & (_SCORE | _RANK) or not words <= set(_RESPONSE):
        return None
    return min(_RESPONSE.index(word) for word in words)


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and word[:-1] in _RESPONSE else word


def _first(
    found: dict[tuple[str, ...], Sides], means: Callable[[set[str]], bool], labels: Sequence[str] | None = None
) -> Sides:
    """The first group whose words satisfy ``means`` and whose labels equal ``labels`` (if given)."""
    for stem, sides in found.items():
        if means(set(stem)) and (labels is None or sides.labels == tuple(labels)):
            return sides
    return NONE
