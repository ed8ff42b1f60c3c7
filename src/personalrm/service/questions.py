"""Active learning: the pair whose answer is expected to be most informative about a person (see docs/asking.md).

Pairs come from the request or from the pool that the space's operator has filled, never from other people's choices,
whose texts are private.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from personalrm.data.candidates import Candidate
from personalrm.models.acquisition import Criterion, Question, next_questions
from personalrm.models.engines import UncertainLocalPredictor
from personalrm.preferences import History, Message, group_of, pair_id
from personalrm.service.contract import CandidateIn
from personalrm.service.predictors import Predictors
from personalrm.service.problems import Problem
from personalrm.store.people import PersonState
from personalrm.store.store import SpaceStore

POOL = 400
"""Pairs of the pool that are considered: the answer takes 0.1 s."""


def candidate_of(one: CandidateIn) -> Candidate:
    """The pair of a request as a `Candidate`."""
    return _candidate(one.turns, one.a, one.b, one.id)


def pairs_of(turns: Sequence[Message], responses: Sequence[str]) -> list[Candidate]:
    """All pairs of several responses to one conversation."""
    return [_candidate(turns, a, b, None) for a, b in combinations(responses, 2) if a != b]


def best(
    space: SpaceStore, predictors: Predictors, user: str, given: Sequence[Candidate], top: int, criterion: Criterion
) -> list[Question]:
    """The questions to ask, best first; empty if no answer would be informative.

    Raises:
        UnknownPerson: the space has no person of that name. Problem 409: the engine gives no uncertainty.
    """
    person = space.people.require(user)
    candidates = list(given) or space.pool.some(POOL)
    opened = predictors.maybe(space, person)
    predictor: Any = opened.predictor if opened is not None else _population_predictor()
    if not isinstance(predictor, UncertainLocalPredictor):
        model = "the model" if opened is None else opened.model
        detail = f"{model} gives no uncertainty of its predictions"
        raise Problem(
            409, "no-uncertainty", detail, "serve the embedded engine, or a trained gpo, vpl, pal, lore or pref"
        )
    history = _answered(space, person)
    return next_questions(history, candidates, predictor.of_pairs, top=top, criterion=criterion)


def shown(one: Question) -> dict[str, Any]:
    """A question in the API's format."""
    pair = one.candidate
    return {
        "id": pair.id,
        "context": [{"role": turn.role, "content": turn.content} for turn in pair.context],
        "a": pair.a,
        "b": pair.b,
        "probability": one.probability,
        "value": one.value,
        "variance_removed": one.variance_removed,
        "settles": [{"trait": part.trait, "share": part.share} for part in one.settles],
    }


def _candidate(turns: Sequence[Message], a: str, b: str, given: str | None) -> Candidate:
    context = tuple(turns)
    return Candidate(given or pair_id("", context, a, b), group_of(context, a, b), context, a, b)


def _population_predictor() -> UncertainLocalPredictor:
    """Before the first choice: the population's posterior."""
    from functools import partial

    from personalrm.models.traits import TraitsModel
    from personalrm.models.uncertainty import traits_margin_posterior

    model = TraitsModel.shipped()
    return UncertainLocalPredictor(model, partial(traits_margin_posterior, model))


def _answered(space: SpaceStore, person: PersonState) -> History:
    return space.history.learnable(person).history
