"""Simultaneous test of a reliability table: is its largest distance more than chance would give?

    found = simultaneous([Cell(stated, true, person, text), ...], allowed=0.07)
    found.within          # chance that all cells of a table of exactly true statements are within 7 points
    found.p               # chance that its largest distance, in standard errors, is at least the observed one

A table of many cells with few people misses a bar by chance, and cells that contain the same people miss it together.
Gaussian multiplier bootstrap (Chernozhukov, Chetverikov & Kato 2013): each person's deviations from the mean of a cell
get one random multiplier that all cells share, so the dependence between cells is kept. With texts, each text has a
multiplier as well, and every cell is scaled to its two-way clustered standard error (Cameron, Gelbach & Miller 2011).
In simulations with 40 people, p is below .05 in 7 to 9 of 100 exactly true tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
DRAWS = 4_000


class Cell(NamedTuple):
    """One cell: stated probability and outcome (n,), person of each row (n,), and text (n,) where rows share texts.

    Codes are those of the whole table: equal codes in two cells are one person or text. ``repeats``: how often each
    outcome occurs, for example once for each seed of the folds.
    """

    stated: Array
    true: Array
    person: Codes
    text: Codes | None = None
    repeats: int = 1

    @property
    def apart(self) -> Array:
        """Stated minus outcome (n,)."""
        return self.stated - self.true


class Simultaneous(NamedTuple):
    """Number of cells; chance that exactly true statements keep all within the bar; p of the largest distance."""

    cells: int
    within: float
    p: float

    def __str__(self) -> str:
        return (
            f"{self.cells} cells: exactly true statements would keep all within the bar in {self.within:.0%} of such "
            f"tables; p of the largest distance, over all cells: {self.p:.3f}"
        )


def simultaneous(cells: Sequence[Cell], allowed: float, draws: int = DRAWS) -> Simultaneous:
    """Test all cells at once; see the module's docstring."""
    rng = np.random.default_rng(0)
    mean = np.array([one.apart.mean() for one in cells])
    error = np.array([standard_error(one) for one in cells])
    found = _draws(cells, [one.person for one in cells], rng, draws)
    if all(one.text is not None for one in cells):
        found = found + _draws(cells, [one.text for one in cells if one.text is not None], rng, draws)
    spread = found.std(axis=0)
    scaled = found / np.where(spread > 0.0, spread, 1.0)  # standard normal in each cell
    freedom = min(len(np.unique(one.person)) for one in cells) - 1
    largest = np.abs(scaled).max(axis=1) / np.sqrt(rng.chisquare(freedom, draws) / freedom)  # errors are estimated
    observed = np.abs(mean / np.maximum(error, 1e-12)).max()
    return Simultaneous(
        len(cells),
        float((np.abs(scaled * error).max(axis=1) <= allowed).mean()),
        float((1 + (largest >= observed).sum()) / (draws + 1)),
    )


def standard_error(cell: Cell) -> float:
    """Standard error of a cell's mean distance, by person or, with texts, by person and text.

    With texts it is at least that of independent pairs with the stated probabilities: where all 26 of 26 come true, the
    clustered one is nearly zero.
    """
    apart = cell.apart - cell.apart.mean()
    people = _squares(apart, cell.person)
    if cell.text is None:
        return math.sqrt(people) / len(apart)
    texts = _squares(apart, cell.text)
    both = _squares(apart, cell.person * (int(cell.text.max()) + 1) + cell.text)
    least = cell.repeats * float((cell.stated * (1.0 - cell.stated)).sum())
    return math.sqrt(max(people + texts - both, people, texts, least)) / len(apart)


def _squares(apart: Array, code: Codes) -> float:
    sums = np.bincount(np.unique(code, return_inverse=True)[1].reshape(-1), weights=apart)
    return float(sums @ sums) * len(sums) / max(1, len(sums) - 1)


def _draws(cells: Sequence[Cell], codes: Sequence[Codes], rng: np.random.Generator, draws: int) -> Array:
    """Mean of each cell with normal multipliers of its clusters (draws, cells)."""
    multipliers = rng.normal(size=(draws, max(int(one.max()) for one in codes) + 1))
    sums = [
        np.bincount(code, weights=one.apart - one.apart.mean(), minlength=multipliers.shape[1]) / len(one.apart)
        for one, code in zip(cells, codes, strict=True)
    ]
    found: Array = multipliers @ np.stack(sums, axis=1)
    return found
