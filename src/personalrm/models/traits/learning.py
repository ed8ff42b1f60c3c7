"""Learning a prior from other people's choices (empirical Bayes), each step judged on people it has not seen.

1. everybody's weights: penalised maximum likelihood, the amount of shrinkage by cross-validation over people;
2. how far people differ and how sharp predictions may be: each person's groups of choices are predicted from
   their other groups, on top of step 1's out-of-fold predictions;
3. the difference by trait: expectation-maximisation, drawn towards the common variance.

prior = learn(read_people("prism.jsonl.gz"), sources=["prism.jsonl.gz"])
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from personalrm.errors import NotEnoughChoices
from personalrm.models.traits import fit as maths
from personalrm.models.traits.covariance import between_people
from personalrm.models.traits.design import design_of, read, together
from personalrm.models.traits.features import Array
from personalrm.models.traits.gain import PUBLIC, Case, GainPrior, cases_of
from personalrm.models.traits.posterior import Person, leave_out_all
from personalrm.models.traits.prior import USUAL_BETWEEN, Prior
from personalrm.models.traits.reader import TraitReader
from personalrm.preferences import History

if TYPE_CHECKING:
    from personalrm.models.encoders import Encoder

_BETWEEN = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08)
_TRUST = 40.0
_FOLDS = 5
_MOST_CHOICES = 12_000  # of the population, 1,062 columns of float32: 51 MB
_MOST_OWN, _MOST_PEOPLE = 40, 200  # choices of a person and people looked at in steps 2 and 3


def learn(
    people: Iterable[History],
    *,
    encoder: Encoder | None = None,
    seed: int = 0,
    sources: Sequence[str] = (),
    reader: TraitReader | None = None,
) -> Prior:
    """Learn a prior; ties are left out, people are read one at a time.

    Args:
        people: the population; of more than 12,000 choices a random part of the people is kept.
        encoder: also learn weights of sentence embeddings.
        seed: of the folds over people and of that draw.
        sources: names of the data sets, for the lineage.
        reader: what reads the texts; one that is shared reads no text twice.

    Raises:
        NotEnoughChoices: nobody made a decided choice.
    """
    rng = np.random.default_rng(seed)
    reader = reader or TraitReader()
    blocks = [read(one.decided, reader, encoder) for one in _some_people(people, rng)]
    person = np.repeat(np.arange(len(blocks)), [len(one.words) for one in blocks])
    known = together(blocks)
    design = design_of(known, with_sense=encoder is not None)
    pairs = design.differences(known)
    x = design.columns(pairs)
    crossed = maths.cross_fitted(x, rng.permutation(len(blocks))[person] % min(_FOLDS, len(blocks)))
    weights = maths.shared_weights(x, shrink=crossed.shrink)
    few = _some(person, known.group, rng)
    between, sharpness, losses = _people_differ(crossed.outside, pairs.personal, few)
    lineage = {
        "sources": list(sources), "people": len(blocks), "choices": len(x), "seed": seed,
        "shrink": crossed.shrink, "sharpness": sharpness, "log_loss_of_unseen_people": losses,
    }  # fmt: skip
    gain = _gains(sharpness * crossed.outside, pairs.personal, known.group, few, between, rng)
    return replace(design.filled(weights * sharpness, between), lineage=lineage, gain=gain)


def _some_people(people: Iterable[History], rng: np.random.Generator) -> list[History]:
    """People with decided choices; a random part of them where there are more than ``_MOST_CHOICES`` choices."""
    kept: list[History] = []
    total = 0
    for one in people:
        if not one.decided:
            continue
        kept.append(one)
        total += len(one.decided)
        while total > _MOST_CHOICES and len(kept) > 1:
            total -= len(kept.pop(int(rng.integers(len(kept)))).decided)
    if not kept:
        raise NotEnoughChoices("The population holds no decided choice: give a file of other people's choices.")
    return kept


@dataclass(frozen=True, slots=True)
class _Own:
    """One person: rows of their choices, and the positions among them that are predicted together."""

    rows: NDArray[np.intp]
    parts: list[NDArray[np.intp]]


def _some(person: NDArray[np.intp], group: NDArray[np.intp], rng: np.random.Generator) -> list[_Own]:
    """Some people with choices in several groups: rows of each, and the groups dealt into up to five parts."""
    chosen = []
    for one in rng.permutation(person.max() + 1):
        rows = np.flatnonzero(person == one)[:_MOST_OWN]
        part = group[rows] % _FOLDS
        if len(np.unique(part)) > 1:
            chosen.append(_Own(rows, [np.flatnonzero(part == each) for each in np.unique(part)]))
        if len(chosen) == _MOST_PEOPLE:
            break
    return chosen


def _gains(
    outside: Array, t: Array, group: NDArray[np.intp], people: list[_Own], between: Array, rng: np.random.Generator
) -> GainPrior:
    """What own weights gain for these people, on top of predictions by the other folds' shared weights."""
    cases: list[Case] = []
    for one in people:
        own = group[one.rows]
        groups = [np.flatnonzero(own == each) for each in np.unique(own)]
        cases += cases_of(Person(outside[one.rows], t[one.rows], groups), between, rng)
    return GainPrior.learned(cases) or PUBLIC


def _people_differ(outside: Array, t: Array, people: list[_Own]) -> tuple[Array, float, dict[str, float]]:
    """Variance between people by trait (p,), sharpness of everybody's weights, and log losses with them and without."""
    width = t.shape[1]

    def loss(between: Array, sharpness: float) -> float:
        held = [Person(sharpness * outside[one.rows], t[one.rows], one.parts) for one in people]
        predicted = leave_out_all(held, between)
        return float(np.mean(np.concatenate([maths.softplus(-maths.integrated(*one)) for one in predicted])))

    if not people or not outside.any():
        return np.full(width, USUAL_BETWEEN), 1.0, {}
    usual = np.full(width, USUAL_BETWEEN)
    sharpness = min(maths.INVERSE_TEMPERATURES, key=lambda one: loss(usual, one))
    common = np.full(width, min(_BETWEEN, key=lambda one: loss(np.full(width, one), sharpness)))
    between = between_people(sharpness * outside, t, [one.rows for one in people], common, trust=_TRUST)
    nobody = np.full(width, 1e-9)
    losses = {
        "everybody": min(loss(nobody, one) for one in maths.INVERSE_TEMPERATURES),
        "personal": loss(between, sharpness),
    }
    return between, sharpness, {name: round(value, 4) for name, value in losses.items()}
