"""Interpret the values of a winner column.

    winner = Winner(labels=("a", "b"), columns=("Answer A", "Answer B"))
    winner.of("Answer A is better"), winner.of("left"), winner.of("tie (bothbad)")      # {0}, {0}, {0, 1}: a tie

Numbers are interpreted by `coding`, which needs all numbers of a file: 1 is the second response if another row has 0,
and the first response if another row has 2. Rows with numbers of unknown meaning are rejected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from personalrm.data.columns import plain
from personalrm.data.fields import NOBODY, describe, missing
from personalrm.data.sides import FAMILIES
from personalrm.data.winner_words import (
    A_BIT,
    AGAINST,
    EVEN,
    FILLERS,
    OPENINGS,
    ORDINALS,
    PREFERRED,
    TIE_BEGINNINGS,
    TIES,
    UNSURE,
    WORSE,
)
from personalrm.errors import RowError

_COMPARED = re.compile(r"([a-z0-9_ ]{1,40}?)\s{0,9}(>+|<+|»|«|≻|≺|=+|≈|~)\s{0,9}([a-z0-9_ ]{1,40})")
_MOST = 64


class Coding(NamedTuple):
    """Meaning of the numbers in a winner column: the number of the first side, and the step to the next.

    ``step`` 0 means a share: 1 is the first response, 0 the second and 0.5 a tie.
    """

    first: int
    step: int = 1


class Winner:
    """Interprets the values of a winner column.

    Args:
        labels: side labels in the column names.
        columns: names of the response columns.
        values: side by value, as given by the user.
    """

    def __init__(self, labels: Sequence[str], columns: Sequence[str], values: Mapping[str, str] | None = None) -> None:
        self._count = len(columns)
        self._values = values or {}
        self._names = {plain(column): at for at, column in enumerate(columns)}
        self._names.update((label, at) for at, label in enumerate(labels))
        self._numbered = any(label.isdecimal() for label in labels)
        for family in (*FAMILIES[:1], *FAMILIES[3:6], ORDINALS):
            if not set(labels) & set(family):
                for at, label in enumerate(family[: self._count]):
                    self._names.setdefault(label, at)

    def said(self, value: object) -> frozenset[int] | None:
        """The sides that the user's mapping gives for the value (all sides: a tie); None if it has no entry."""
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
        """The sides that a text names (all sides: a tie); None if it names none or is ambiguous."""
        word = plain(value[:200])
        all_sides = frozenset(range(self._count))
        if word in self._names:
            return frozenset({self._names[word]})
        if word.startswith(UNSURE):
            return None
        if value.strip() in EVEN:
            return all_sides
        compared = _COMPARED.fullmatch(value.strip().strip("[]() ").lower()) if len(value) <= 100 else None
        if compared:
            return self._compared(*compared.groups())
        for phrase in A_BIT:
            word = word.replace(phrase, "")
        words = word.partition("_because_")[0].split("_")
        opened = next((at for at, one in enumerate(words) if one not in OPENINGS), 0)
        word = "_".join(words[opened:])
        if words[opened] in TIES or word.startswith(TIE_BEGINNINGS) or set(words) & {"tie", "tied"}:
            return all_sides
        if set(words) & {"equal", "equally"} and not self._named_in(words[opened:]) and "not" not in words:
            return all_sides  # "They are equally good"
        return self._named(words)

    def _named(self, words: Sequence[str]) -> frozenset[int] | None:
        rest = [one for one in words if one not in FILLERS or (one in self._names and one not in ("one", "i", "s"))]
        named = [self._names[one] for one in rest if one in self._names]
        if self._count == 2 and len({*named}) == 2 and len(rest) == 3 and rest[1] in ("and", "over"):
            return frozenset(named if rest[1] == "and" else named[:1])  # "A and B", "A over B"
        if self._count == 2 and named and WORSE & {*rest} and len(rest) == len(named) + 1:
            return frozenset({1 - named[0]})  # "B is worse", "B is worse than A"
        if len(rest) == 3 and rest[1] in AGAINST and (rest[1] != "over" or set(words) & PREFERRED):
            rest = rest[:1]  # "A beats B"
        if "than" in words and len(rest) == 2 and set(words) & {"better", "preferred"}:
            rest = rest[:1]  # "A is better than B"
        at = self._names.get("_".join(rest)) if rest else None
        if at is None and len(rest) == 1 and len(words) > 1 and rest[0].isdecimal() and not self._numbered:
            at = int(rest[0][:3]) - 1  # "Response 2" for sides labelled a and b
            at = at if 0 <= at < self._count else None
        return None if at is None else frozenset({at})

    def _named_in(self, words: Sequence[str]) -> bool:
        """Whether one side alone is named."""
        return len({self._names[word] for word in words if word in self._names and word not in FILLERS}) == 1

    def _compared(self, one: str, sign: str, other: str) -> frozenset[int] | None:
        first, second = (self.of(name) for name in (one, other))
        if first is None or second is None or first == second:
            return None
        if sign[0] in "=≈~":
            return frozenset(range(self._count)) if self._count == 2 else None
        return first if sign[0] in ">»≻" else second


def as_number(value: object) -> float | None:
    """The number in a cell, also as text; None if it is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value) if not isinstance(value, str) or len(value) < 20 else float("nan")
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < 1e9 else None


def numbers_in(values: Iterable[tuple[object, int]]) -> tuple[frozenset[float], bool]:
    """The distinct numbers in a winner column, and whether one equals the number of responses in its row."""
    seen: set[float] = set()
    reaches = False
    for value, count in values:
        number = as_number(value)
        if number is not None and len(seen) < _MOST:
            seen.add(number)
            reaches = reaches or number == count
    return frozenset(seen), reaches


def coding(name: str, labels: Sequence[str], count: int, seen: frozenset[float], reaches: bool) -> Coding | None:
    """The coding of a winner column's numbers; None if it is ambiguous.

    Args:
        name: name of the column.
        labels: side labels; empty for a list.
        count: number of sides; for a list, the maximum in a row.
        seen, reaches: results of `numbers_in`.
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
    """The sides that a number means. Raises RowError if it is out of range."""
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
    """Indices of the preferred responses; all of them for a tie.

    Args:
        value: value of the winner column.
        winner: interprets texts.
        field: name of the column, for errors.
        code: returns the coding of the column's numbers; called only for numbers.
        texts: the responses; the value may equal one of them.
        names: the model names; the value may equal one of them.

    Raises:
        RowError: the value is missing, unknown or ambiguous.
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
                f"{_EXPECTED}; say which response a number means, as in --columns winner.1=a,winner.2=b",
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
    """All interpretations of a text: as a model name, as one of the responses, as the name of a side."""
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
