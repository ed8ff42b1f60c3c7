"""The most frequent row of several responses: two texts and a word that says which won, read without detours.

found = two_texts(row, layout)      # ("Yes.", "No.", frozenset({0})), or None: `outcomes` reads the row

What a word means is kept by its spelling. Anything that may have to be unpacked, cut, compared with a model's name or
counted takes the whole path, which this one equals.
"""

from __future__ import annotations

from personalrm.data.fields import NOBODY, Fields, text
from personalrm.data.layout import Layout
from personalrm.data.ratings import Pair
from personalrm.data.winners import as_number

_OPEN = ("[", "{")
_LONGEST = 40
"""Characters of a winner's spelling that is kept."""

Known = dict[str, frozenset[int] | None]
TwoTexts = tuple[str, str, frozenset[int]]


def two_texts(row: Fields, layout: Layout) -> TwoTexts | None:
    """Both responses and which of them won, both for a tie; None where the row has to be looked at closely."""
    if not layout.is_simple:
        return None
    (first, second), winner = layout.sides.columns, row.get(layout.roles["winner"][0])
    a, b = row.get(first), row.get(second)
    if type(a) is not str or type(b) is not str or type(winner) is not str:
        return None
    if a[:1] in _OPEN or b[:1] in _OPEN or "<" in a or "<" in b or len(a) <= len(winner) or len(b) <= len(winner):
        return None
    best = _meaning(winner, layout)
    models = layout.models.columns
    if best is None or (models and any(_is(row.get(one), winner) for one in models)):
        return None
    return text(a, first), text(b, second), best


def pair_of(a: str, b: str, best: frozenset[int]) -> Pair:
    """The two as a pair."""
    return Pair(b, a, False, None) if best == {1} else Pair(a, b, len(best) == 2, None)


def _meaning(winner: str, layout: Layout) -> frozenset[int] | None:
    known = layout.meanings
    if winner not in known:
        if len(winner) > _LONGEST or len(known) >= _LONGEST:
            return None
        word = winner.strip()
        said = layout.winner.said(winner)
        plain = said is None and word and word not in NOBODY and winner not in NOBODY and as_number(winner) is None
        known[winner] = layout.winner.of(winner) if plain else said
    return known[winner]


def _is(name: object, winner: str) -> bool:
    return isinstance(name, str) and name.strip().lower() == winner.strip().lower()
