"""Fast path for the most frequent kind of row: two response texts and a winner word.

found = two_texts(row, layout)      # ("Yes.", "No.", frozenset({0})), or None: `outcomes` reads the row

The meaning of a word is cached by its spelling. Rows that may need parsing, splitting, model names or numbers return
None and take the general path in `outcomes`, which gives the same result.
"""

from __future__ import annotations

from personalrm.data.fields import NOBODY, Fields, text
from personalrm.data.layout import Layout
from personalrm.data.ratings import Pair
from personalrm.data.winners import as_number

_OPEN = ("[", "{")
_LONGEST = 40
"""Maximum length of a cached winner word, and maximum number of them."""

TwoTexts = tuple[str, str, frozenset[int]]


def two_texts(row: Fields, layout: Layout) -> TwoTexts | None:
    """Both responses and the indices of the winners (both for a tie); None if the row needs the general path."""
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
    """The pair of two responses with the given winners."""
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
