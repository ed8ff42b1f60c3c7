"""Batches of texts of similar length, so that there is little padding, with a bounded number of tokens.

    for batch in batches([5, 200, 6], Shape(tokens=1024)):
        batch.rows, batch.length, batch.height          # ([0, 2, 1], 200, 3)

On a GPU in half precision the last bits of a vector depend on the shape of its batch (1e-3). There each text is padded
to a length that depends only on its own, and all batches of one length have the same number of rows, padded with dummy
rows, so that a text's vector does not depend on the other texts. In single precision on a CPU the shape changes the
seventh digit, and there are no dummy rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """Batch shape.

    Attributes:
        tokens: maximum tokens in a batch, with padding; a longer text is a batch of its own.
        step: lengths are padded to multiples of this.
        full: whether all batches of a length have the same number of rows.
    """

    tokens: int
    step: int = 1
    full: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Indices of texts, the padded length, and the number of rows (at least that of texts)."""

    rows: list[int]
    length: int
    height: int


def batches(counts: Sequence[int], shape: Shape) -> Iterator[Batch]:
    """Batch texts of these token counts, shortest first; texts of one length stay in the order given."""
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
