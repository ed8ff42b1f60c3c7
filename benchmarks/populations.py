"""Populations for a reliability measurement: five folds by person and, for new texts, five folds by text.

    for cell in cells(people, Protocol.NEW_TEXTS):
        cell.model                      # learned from the people of the other folds, without the cell's texts
        for one in cell.people:         # the people of the fold
            one.evidence, one.text      # their choices as features, and the number of the text of each choice (n,)
            one.asked                   # (n,): whether the choice is to be predicted in this cell

A population predicts what it was told to expect: ``JUDGED`` is *new people* where the population has judged the texts
and its shrinkage is selected for that (what `bench --protocol new-people` does), ``NEW_TEXTS`` is *new people and new
texts*. ``CROSSED`` selects the shrinkage for new texts but predicts judged ones, as `fit --population` does if the
file's people have judged the person's texts; `bench` never does. `shipped_cells` are those of the shipped prior.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from personalrm.data.splits import folds_by_person
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.person import Evidence
from personalrm.models.traits.reader import TraitReader
from personalrm.models.traits.train_prior import people_with_choices
from personalrm.preferences import History, Preference
from real_people import people_of

FOLDS = 5
RECIPE, CHOICES = ("prism", "mt_bench", "crowdrag"), 1600
"""Sets of the shipped prior, and about how many choices of each it was learned from (`train_prior`)."""


class Protocol(StrEnum):
    """What the population has judged, and what its shrinkage was selected for."""

    JUDGED = "judged-texts"
    NEW_TEXTS = "new-texts"
    CROSSED = "crossed"


class Asked(NamedTuple):
    """One person in one cell: number, choices as features, number of each choice's text, whether it is predicted."""

    number: int
    evidence: Evidence
    text: NDArray[np.intp]
    asked: NDArray[np.bool_]


class Cell(NamedTuple):
    """A population's model, and the people it has not seen."""

    model: TraitsModel
    people: Iterator[Asked]


def shipped_cells(name: str, people: Sequence[History], seed: int = 0) -> Iterator[Cell]:
    """The people of a set with the shipped prior or, if it was learned from them, with its recipe repeated without them
    and their texts."""
    if name in RECIPE:
        kept = {one: people_with_choices(people_of(one), CHOICES) for one in RECIPE}
        users = {one.user for one in kept.pop(name)}
        also = [one for each in kept.values() for one in each]
        yield from cells(people, Protocol.NEW_TEXTS, seed, users=users, also=also)
        return
    model = TraitsModel.shipped()
    number = _text_numbers(people)
    yield Cell(model, _asked(model, list(enumerate(people)), number, np.ones(len(number), dtype=bool)))


def cells(
    people: Sequence[History],
    protocol: Protocol,
    seed: int = 0,
    *,
    users: Container[str] | None = None,
    also: Sequence[History] = (),
) -> Iterator[Cell]:
    """Five cells or, with new texts, twenty-five; texts are read once.

    Args:
        people: those who are predicted.
        protocol: see the module's docstring.
        seed: of the folds.
        users: of the people, those who are in the populations (of other folds than their own); None: all.
        also: people of other sets in every population.
    """
    fold_of, reader = folds_by_person((one.user for one in people), FOLDS, seed), TraitReader(remember=100_000)
    number = _text_numbers(people)
    new = protocol is Protocol.NEW_TEXTS
    part = np.random.default_rng(1 + seed).permutation(len(number)) % (FOLDS if new else 1)
    for fold in range(FOLDS):
        held_out = [(at, one) for at, one in enumerate(people) if fold_of[one.user] == fold]
        for text_fold in range(int(part.max()) + 1):

            def known(choice: Preference, text_fold: int = text_fold) -> bool:
                return not new or bool(part[number[choice.group]] != text_fold)

            others = [one for one in people if fold_of[one.user] != fold and (users is None or one.user in users)]
            learned_from = [*(one.only(filter(known, one)) for one in others), *also]
            model = TraitsModel.from_population(learned_from, reader=reader, new_texts=protocol is not Protocol.JUDGED)
            yield Cell(model, _asked(model, held_out, number, part == text_fold))


def _text_numbers(people: Sequence[History]) -> dict[str, int]:
    return {text: at for at, text in enumerate(sorted({choice.group for one in people for choice in one.decided}))}


def _asked(
    model: TraitsModel, people: Sequence[tuple[int, History]], number: dict[str, int], inside: NDArray[np.bool_]
) -> Iterator[Asked]:
    for at, one in people:
        text = np.array([number[choice.group] for choice in one.decided], dtype=np.intp)
        yield Asked(at, model.evidence(one.decided), text, inside[text])


def drawn(
    evidence: Evidence, order: Sequence[int], count: int, asked: NDArray[np.bool_]
) -> tuple[Evidence, NDArray[np.intp]] | None:
    """The first ``count`` groups of an order as evidence, and the rows to predict in the other groups; None if none."""
    known = [evidence.groups[at] for at in order[:count]]
    rest = np.concatenate([np.zeros(0, dtype=np.intp), *(evidence.groups[at] for at in order[count:])])
    rest = rest[asked[rest]]
    if not len(rest):
        return None
    rows, ends = np.concatenate(known), np.cumsum([len(one) for one in known])
    groups = [np.arange(end - len(one), end) for one, end in zip(known, ends, strict=True)]
    return Evidence(evidence.offset[rows], evidence.t[rows], groups), rest
