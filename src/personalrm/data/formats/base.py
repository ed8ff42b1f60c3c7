"""The definition of a format. To add one, add a module to this package with a tuple ``FORMATS``.

def rows(row: Fields) -> Iterator[Fields]:
    yield {"prompt": row["text"], "response_a": row["left"], "response_b": row["right"], "winner": row["won"]}

FORMATS = (Format("My tool's export", needs=("text", "left", "right", "won"), rows=rows),)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from personalrm.data.columns import PREFERS, ROLES, plain
from personalrm.data.fields import Fields, without
from personalrm.data.sides import find_sides
from personalrm.data.unread import holds_text
from personalrm.data.winners import Winner
from personalrm.errors import RowError

CONVERSATION_NAMES = frozenset(name for role in ("history", "context", "prompt", "input") for name in ROLES[role])
"""Names of the columns with the conversation that the responses answer."""


def names_a_side(value: object, columns: Iterable[str]) -> bool:
    """Whether a value names one of the responses in these columns as the winner, or a tie."""
    sides = find_sides(columns).responses
    short = isinstance(value, str) and len(value) < 60
    return short and bool(sides.columns) and Winner(sides.labels, sides.columns).of(str(value)) is not None


def with_prompt(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The columns without the responses; the only text becomes ``prompt`` if no column has a conversation's name."""
    if any(plain(name) in CONVERSATION_NAMES for name in shown):
        return dict(shown)
    texts = [name for name, value in shown.items() if holds_text(value)]
    return {"prompt" if [name] == texts else name: value for name, value in shown.items()}


_OVERALL = PREFERS | {"overall", "final", "general", "ranking"}


def one_judged(texts: Fields, scores: Sequence[Any], thumbs: Sequence[str]) -> dict[str, Any] | None:
    """Generic columns of the only response with its only rating or thumb; None if there are several or none."""
    names = [name for name in texts if plain(name) in ROLES["response"]]
    if len(names) != 1 or len(scores) + len(thumbs) != 1:
        return None
    judged = {"score": scores[0]} if scores else {"liked": thumbs[0]}
    return {**with_prompt(without(texts, names[0])), "response": texts[names[0]], **judged}


def one_verdict(said: Mapping[str, str], field: str) -> str | None:
    """The verdict of one person among those on several questions: the overall one; None if there is none.

    Raises:
        RowError: they differ, and no question is the overall one by its name.
    """
    overall = [value for question, value in said.items() if _OVERALL & {*plain(question).split("_")}]
    if len({*said.values()}) <= 1:
        return next(iter(said.values()), None)
    if len({*overall}) != 1:
        raise RowError("one verdict, or one on a question named 'overall'", field=field, found=", ".join(said)[:80])
    return overall[0]


def _always(_: Fields) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Format:
    """A format of rows.

    Attributes:
        name: the name shown to users.
        needs: the required columns.
        rows: converts a row to rows in generic columns (`layout`), none if it has no choice. May raise RowError.
        reads: optional columns that are read. Other columns with text are reported to the user as not read.
        accepts: whether a row's values have this format, for columns that are not specific enough.
        together: grouping key; consecutive rows with the same key are passed to ``rows`` at once, as ``{"rows": […]}``.
        also: additional condition on the columns.
        hands_on: whether ``rows`` passes on the other columns, so that the reader of these reports unread ones.
    """

    name: str
    needs: tuple[str, ...]
    rows: Callable[[Fields], Iterable[Fields]]
    reads: tuple[str, ...] = ()
    accepts: Callable[[Fields], bool] = _always
    together: Callable[[Fields], object] | None = None
    also: Callable[[Collection[str]], bool] | None = None
    hands_on: bool = False

    def fits(self, columns: Collection[str]) -> bool:
        """Whether rows with these columns may have this format."""
        return all(name in columns for name in self.needs) and (self.also is None or self.also(columns))
