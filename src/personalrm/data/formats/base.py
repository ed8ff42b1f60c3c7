"""What a format has to say of itself. The next format is one module here with a tuple ``FORMATS``.

def rows(row: Fields) -> Iterator[Fields]:
    yield {"prompt": row["text"], "response_a": row["left"], "response_b": row["right"], "winner": row["won"]}

FORMATS = (Format("My tool's export", needs=("text", "left", "right", "won"), rows=rows),)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from personalrm.data.fields import Fields


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
    """

    name: str
    needs: tuple[str, ...]
    rows: Callable[[Fields], Iterable[Fields]]
    reads: tuple[str, ...] = ()
    accepts: Callable[[Fields], bool] = _always
    together: Callable[[Fields], object] | None = None
    also: Callable[[Collection[str]], bool] | None = None

    def fits(self, columns: Collection[str]) -> bool:
        """Whether rows of these columns may be of this format."""
        return all(name in columns for name in self.needs) and (self.also is None or self.also(columns))
