"""Which response a winner column names, in every spelling that is known.

    winner = Winner(labels=("a", "b"), columns=("Answer A", "Answer B"))
    winner.of("Answer A is better"), winner.of("left"), winner.of("tie (bothbad)")      # {0}, {0}, {0, 1}: a tie

Numbers are read by `coding`, which has to see all of a file's: 1 is the second response where another row says 0, and
the first where another says 2. Where that cannot be told the rows are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from personalrm.data.columns import plain
from personalrm.data.fields import NOBODY, describe, missing
from personalrm.data.sides import FAMILIES
from personalrm.errors import RowError

TIES = (
    "tie",
    "tied",
    "draw",
    "both",
    "equal",
    "equally",
    "same",
    "neither",
    "bothbad",
    "bothgood",
    "all_bad",
    "all_good",
    "no_preference",
    "no_pref",
    "indifferent",
)
_TIE_PHRASES = ("about_the_same", "just_as_good", "no_winner", "none_of_them", "similar", "even", "a_b_tie", "50_50")
_TIE_BEGINNINGS = (*(one for one in TIES if "_" in one), "indifferent", *_TIE_PHRASES)
_UNSURE = ("unsure", "not_sure", "skip", "skipped", "cannot_tell", "can_t_tell", "don_t_know", "unclear")
_FILLERS = {
    *("is", "better", "best", "the", "one", "wins", "win", "won", "winner", "preferred", "prefer", "prefers", "chosen"),
    *("response", "answer", "model", "assistant", "option", "completion", "output", "text", "side", "candidate"),
    *("summary", "bot", "chatbot", "reply", "choice", "version", "conversation", "message", "generation", "ai", "llm"),
    *("clearly", "much", "slightly", "significantly", "strongly", "somewhat", "far", "marginally", "definitely"),
    *(
        "i",
        "my",
        "of",
        "was",
        "it",
        "system",
        "s",
        "number",
        "than",
        "others",
        "other",
        "column",
        "argument",
        "passage",
    ),
}
_A_BIT = ("_a_bit", "_a_little", "_a_lot")
_EVEN = frozenset("=≈~")
_ORDINALS = ("1st", "2nd", "3rd", "4th")
_COMPARED = re.compile(r"([a-z0-9_ ]{1,40}?)\s{0,9}(>+|<+|»|«|≻|≺|=+|≈|~)\s{0,9}([a-z0-9_ ]{1,40})")
_MOST = 64


class Coding(NamedTuple):
    """What the numbers in a winner column mean: the first side's number, and how the next ones go on.

    ``step`` is 0 for a share: 1 means the first response, 0 the second and 0.5 a tie.
    """

    first: int
    step: int = 1


class Winner:
    """Reads a winner column.

    Args:
        labels: of the sides, as in their columns' names.
        columns: the names themselves.
        values: what the user said that values mean.
    """

    def __init__(self, labels: Sequence[str], columns: Sequence[str], values: Mapping[str, str] | None = None) -> None:
        self._count = len(columns)
        self._values = values or {}
        self._names = {plain(column): at for at, column in enumerate(columns)}
        self._names.update((label, at) for at, label in enumerate(labels))
        self._numbered = any(label.isdecimal() for label in labels)
        for family in (*FAMILIES[:1], *FAMILIES[3:6], _ORDINALS):
            if not set(labels) & set(family):
                for at, label in enumerate(family[: self._count]):
                    self._names.setdefault(label, at)

    def said(self, value: object) -> frozenset[int] | None:
        """What the user said that the value means; None if nothing. All sides: a tie."""
        if not self._values:
            return None
        word = str(value).strip().lower()[:100]
        meant = self._values.get(word) or self._values.get(word.removesuffix(".0"))
        if meant is None:
            number = as_number(value)
            if number is not None:
                meant = next((side for rule, side in self._values.items() if _holds(rule, number)), None)
        if meant is None:
            return None
        at = self._count if meant == "tie" else ord(meant) - ord("a")
        return frozenset({at} if at < self._count else range(self._count))

    def of(self, value: str) -> frozenset[int] | None:
        """The sides that a text names; None if it names none, or more than one way. All sides: a tie."""
        word = plain(value[:200])
        everybody = frozenset(range(self._count))
        if word in self._names:
            return frozenset({self._names[word]})
        if word.startswith(_UNSURE):
            return None
        if value.strip() in _EVEN:
            return everybody
        compared = _COMPARED.fullmatch(value.strip().strip("[]() ").lower()) if len(value) <= 100 else None
        if compared:
            return self._compared(*compared.groups())
        for phrase in _A_BIT:
            word = word.replace(phrase, "")
        words = word.split("_")
        if words[0] in TIES or word.startswith(_TIE_BEGINNINGS) or set(words) & {"tie", "tied"}:
            return everybody
        return self._named(words)

    def _named(self, words: Sequence[str]) -> frozenset[int] | None:
        rest = [one for one in words if one not in _FILLERS or (one in self._names and one not in ("one", "i", "s"))]
        if "than" in words and len(rest) == 2 and set(words) & {"better", "preferred"}:
            rest = rest[:1]  # "A is better than B"
        at = self._names.get("_".join(rest)) if rest else None
        if at is None and len(rest) == 1 and len(words) > 1 and rest[0].isdecimal() and not self._numbered:
            at = int(rest[0][:3]) - 1  # "Response 2" of those called a and b
            at = at if 0 <= at < self._count else None
        return None if at is None else frozenset({at})

    def _compared(self, one: str, sign: str, other: str) -> frozenset[int] | None:
        first, second = (self.of(name) for name in (one, other))
        if first is None or second is None or first == second:
            return None
        if sign[0] in "=≈~":
            return frozenset(range(self._count)) if self._count == 2 else None
        return first if sign[0] in ">»≻" else second


def as_number(value: object) -> float | None:
    """The number that a cell holds, also as text; None if it holds none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value) if not isinstance(value, str) or len(value) < 20 else float("nan")
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < 1e9 else None


def numbers_in(values: Iterable[tuple[object, int]]) -> tuple[frozenset[float], bool]:
    """The numbers in a winner column, and whether one of them is the number of responses in its row."""
    seen: set[float] = set()
    reaches = False
    for value, count in values:
        number = as_number(value)
        if number is not None and len(seen) < _MOST:
            seen.add(number)
            reaches = reaches or number == count
    return frozenset(seen), reaches


def coding(name: str, labels: Sequence[str], count: int, seen: frozenset[float], reaches: bool) -> Coding | None:
    """How a winner column counts; None if its numbers leave that open.

    Args:
        name: of the column.
        labels: of the sides; empty for a list.
        count: of the sides; of a list, the most there are in a row.
        seen, reaches: as from `numbers_in`.
    """
    words = set(plain(name).split("_"))
    numbers = [int(label) for label in labels if label.isdecimal()]
    if words & {"label", "labels"} and count == 2 and all(0 <= one <= 1 for one in seen):
        return None if numbers else Coding(0, 0)
    if not seen or not all(number.is_integer() and 0 <= number <= count for number in seen):
        return None
    if numbers and seen <= set(map(float, numbers)):
        return Coding(numbers[0])
    if 0.0 in seen:
        return None if reaches or count in seen else Coding(0)
    if reaches:
        return Coding(1)
    return Coding(0) if words & {"index", "idx"} else None


def number_means(code: Coding, number: float, count: int, field: str) -> frozenset[int]:
    """The side that a number stands for. RowError if there is none."""
    if code.step == 0:
        return frozenset({0, 1} if number == 0.5 else {0} if number > 0.5 else {1})
    at = int(number) - code.first
    if not number.is_integer() or not 0 <= at < count:
        raise RowError(f"a number from {code.first} to {code.first + count - 1}", field=field, found=describe(number))
    return frozenset({at})


def decode(
    value: object,
    winner: Winner,
    field: str,
    code: Callable[[], Coding | None],
    texts: Sequence[str],
    names: Sequence[object],
) -> frozenset[int]:
    """The preferred sides; all of them: a tie.

    Args:
        value: of the winner column.
        code: how the column counts, asked for only if the value is a number.
        texts: the responses, one of which the value may repeat.
        names: the models' names, likewise.

    Raises:
        RowError: nobody can tell which side is meant.
    """
    count = len(texts)
    said = winner.said(value)
    if said is not None:
        return said
    if missing(value) or (isinstance(value, str) and (not value.strip() or value.strip() in NOBODY)):
        raise RowError(_EXPECTED, field=field, found=describe(value))
    number = as_number(value)
    if number is not None:
        found = code()
        if found is None:
            raise RowError(
                f"{_EXPECTED}; which response a number means has to be said, as in --columns winner.1=a,winner.2=b",
                field=field,
                found=describe(value),
            )
        return number_means(found, number, count, field)
    meant = _meant(value, winner, texts, names) if isinstance(value, str) else set()
    if len(meant) == 1:
        return meant.pop()
    more = "" if not meant else "; it fits two of them"
    raise RowError(_EXPECTED + more, field=field, found=describe(value))


def _meant(value: str, winner: Winner, texts: Sequence[str], names: Sequence[object]) -> set[frozenset[int]]:
    """Every way to understand a text: as a model's name, as one of the responses, as the name of a side."""
    found = set()
    word = value.strip().lower()
    for known in (names, texts):
        same = [at for at, one in enumerate(known) if isinstance(one, str) and one.strip().lower() == word]
        if len(same) == 1:
            found.add(frozenset(same))
    named = winner.of(value)
    if named is not None and all(at < len(texts) for at in named):
        found.add(named)
    return found


_EXPECTED = "a, b or tie (in label: 1, 0 or 0.5)"


def _holds(rule: str, number: float) -> bool:
    limit = as_number(rule[1:])
    return limit is not None and ((rule[0] == "<" and number < limit) or (rule[0] == ">" and number > limit))
