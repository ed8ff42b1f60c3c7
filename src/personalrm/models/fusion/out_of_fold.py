"""Cross-fitted log-odds of other people's choices, by weights learned without these people and, if people share texts,
without these texts; the weights of judges are learned on top of them.

    labels = out_of_fold(people, model)
    labels[0].user, labels[0].choice, labels[0].logit          # log-odds of the chosen response

The population's weights are cross-fitted over people × texts (`traits.fit.cross_fitted`); then each person's groups of
choices are predicted from their other groups, like those of a new person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personalrm.data.splits import folds_by_person
from personalrm.models.fusion.weights import Array, log_odds
from personalrm.models.traits import TraitsModel, leave_group_out
from personalrm.models.traits.design import design_of, read, together
from personalrm.models.traits.fit import cross_fitted, text_folds
from personalrm.models.traits.learning import counted_once, person_and_group
from personalrm.models.traits.person import Evidence, groups_of, predict_group
from personalrm.preferences import History, Preference

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Labelled:
    """A choice, and the log-odds of the chosen response before any judge is added."""

    user: str
    choice: Preference
    logit: float


def out_of_fold(
    people: Sequence[History], model: TraitsModel, seed: int = 0, *, new_texts: bool = True
) -> list[Labelled]:
    """Labels for each decided choice; none with fewer than two people with decided choices.

    Args:
        people: the population.
        model: learned from this population; only its covariance between people is used, not the population's weights.
        seed: of the folds.
        new_texts: whether shared texts are left out as well, as in `TraitsModel.from_population`.
    """
    kept = [one for one in people if one.decided]
    if len(kept) < 2:
        return []
    offset, begin = _cross_fitted(kept, model, seed, new_texts), 0
    found: list[Labelled] = []
    for one in kept:
        decided = one.decided
        own = Evidence(offset[begin : begin + len(decided)], model.evidence(decided).t, groups_of(decided))
        begin += len(decided)
        logit = np.zeros(len(decided))
        for group in own.groups:
            logit[group] = predict_group(own, group, model.prior.covariance, model.prior.gain)
        found += [Labelled(one.user, choice, float(value)) for choice, value in zip(decided, logit, strict=True)]
    return found


def own_logits(model: TraitsModel, history: History) -> Array:
    """Log-odds (n,) of the chosen response of each decided choice, from the person's other groups."""
    return log_odds(leave_group_out(model, history))


def _cross_fitted(people: Sequence[History], model: TraitsModel, seed: int, new_texts: bool) -> Array:
    """Log-odds of every choice (n,) by population weights learned without the person and, if shared, without the
    text."""
    known = together([read(one.decided, model.tools.reader) for one in people])
    design = design_of(known, with_sense=False)
    person, group = person_and_group(people)
    fold = folds_by_person((one.user for one in people), min(FOLDS, len(people)), seed)
    by_person = np.array([fold[one.user] for one in people])[person]
    texts = text_folds(person, group) if new_texts else None
    counted = counted_once(people)
    weight = None if counted is None else counted.weight
    crossed = cross_fitted(design.columns(design.differences(known)), by_person, texts, weight)
    found: Array = crossed.inverse_temperature * crossed.outside
    return found
