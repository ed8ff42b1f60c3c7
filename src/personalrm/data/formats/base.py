"""What a format has to say of itself. The next format is one module here with a tuple ``FORMATS``.

def rows(row: Fields) -> Iterator[Fields]:
    yield {"prompt": row["text"], "response_a": row["left"], "response_b": row["right"], "winner": row["won"]}

FORMATS = (Format("My tool's export", needs=("text", "left", "right", "won"), rows=rows),)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from personalrm.data.columns import ROLES, plain
from personalrm.data.fields import Fields
from personalrm.data.sides import find_sides
from personalrm.data.unread import holds_text
from personalrm.data.winners import Winner

CONVERSATION_NAMES = frozenset(name for role in ("history", "context", "prompt", "input") for name in ROLES[role])
"""Names of the columns that the responses answer."""


def names_a_side(value: object, columns: Iterable[str]) -> bool:
    """Whether a text says which of the responses in these columns won, or that none did."""
    sides = find_sides(columns).responses
    short = isinstance(value, str) and len(value) < 60
    return short and bool(sides.columns) and Winner(sides.labels, sides.columns).of(str(value)) is not None


def with_prompt(shown: Mapping[str, Any]) -> dict[str, Any]:
    """What was shown beside the responses, with the only text as the prompt if no column is called like one."""
    if any(plain(name) in CONVERSATION_NAMES for name in shown):
        return dict(shown)
    texts = [name for name, value in shown.items() if holds_text(value)]
    return {"prompt" if [name] == texts else name: value for name, value in shown.items()}


def _always(_: Fields) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Format:
    """A format of rows.

    Attributes:
        name: what people call it.
        needs: the columns by which it is recognised.
        rows: a row as rows in generic columns (`layout`); none if it holds no choice. May raise RowError.
        reads: other columns that are read. Whatever text a file holds besides is named to the user.
        accepts: whether the values are of this format, where the columns alone do not tell.
        together: a key; consecutive rows of the same key are handed to ``rows`` at once, as ``{"rows": […]}``.
        also: what the columns must be besides, where ``needs`` does not say it all.
        hands_on: whether the other columns come out in ``rows``, so that whatever reads these tells what it left out.
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
        """Whether rows of these columns may be of this format."""
        return all(name in columns for name in self.needs) and (self.also is None or self.also(columns))
