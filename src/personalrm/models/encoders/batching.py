"""Which texts a model reads together: alike lengths, so that little is padded, and a bounded number of tokens.

    for batch in batches([5, 200, 6], Shape(tokens=1024)):
        batch.rows, batch.length, batch.height          # ([0, 2, 1], 200, 3)

On a GPU in half precision a vector's last bits hang on the shape of its batch (1e-3). There every text is padded to a
length that depends on its own length only, and all batches of one length have the same number of rows, filled up with
nothing: a text then meets the same arithmetic whatever company it is in. In single precision on a processor the shape
moves the seventh digit, and nothing is filled up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """How batches are made.

    Attributes:
        tokens: the most tokens in a batch, padding counted; a longer text is a batch of its own.
        step: lengths are padded to multiples of this.
        full: every batch of a length has the same number of rows.
    """

    tokens: int
    step: int = 1
    full: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts by number, the length they are padded to, and the rows of the batch (at least as many as texts)."""

    rows: list[int]
    length: int
    height: int


def batches(counts: Sequence[int], shape: Shape) -> Iterator[Batch]:
    """Deal out texts of so many tokens each, shortest first; those of one length stay in the order given."""
    rows: list[int] = []
    length = 0
    for at in sorted(range(len(counts)), key=counts.__getitem__):
        padded = -(-counts[at] // shape.step) * shape.step
        if rows and ((len(rows) + 1) * padded > shape.tokens or (shape.full and padded != length)):
            yield _batch(rows, length, shape)
            rows = []
        rows.append(at)
        length = padded
    if rows:
        yield _batch(rows, length, shape)


def _batch(rows: list[int], length: int, shape: Shape) -> Batch:
    return Batch(rows, length, max(1, shape.tokens // length) if shape.full else len(rows))
