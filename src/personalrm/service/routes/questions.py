"""Active learning: the next question for a person, and the pool of candidate pairs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from personalrm.models.acquisition import Criterion, Question
from personalrm.preferences import Message
from personalrm.service import questions
from personalrm.service.access import Manages, Predicts
from personalrm.service.contract import CandidatesIn
from personalrm.service.fields import QueryText, QueryValue, UserName
from personalrm.service.http import JsonRoute, reply
from personalrm.service.problems import invalid
from personalrm.service.state import Service

router = APIRouter(route_class=JsonRoute, tags=["questions"])
Top = Annotated[int, Query(ge=1, le=20, description="Maximum number of questions")]


@router.get("/v1/people/{user}/next-question")
async def next_question(
    request: Request,
    user: UserName,
    caller: Predicts,
    prompt: QueryText = None,
    response: Annotated[
        list[QueryValue] | None,
        Query(max_length=20, description="Two or more responses; without them the space's pool is used"),
    ] = None,
    top: Top = 1,
    criterion: Criterion = "information",
) -> Response:
    """The most informative pair for this person, of the given responses or of the space's pool."""
    service: Service = request.app.state.service
    given = response or []
    if (prompt is None) != (not given) or len(given) == 1:
        raise invalid("response", "expected a prompt with at least two responses, or neither")
    turns = (Message("user", prompt),) if prompt else ()
    pairs = questions.pairs_of(turns, given)
    found = await service.threads.predict(questions.best, caller.space, service.predictors, user, pairs, top, criterion)
    return _answered(found)


@router.post("/v1/people/{user}/next-question")
async def next_question_of(request: Request, user: UserName, body: CandidatesIn, caller: Predicts) -> Response:
    """The most informative of the given pairs for this person."""
    service: Service = request.app.state.service
    pairs = [questions.candidate_of(one) for one in body.candidates]
    found = await service.threads.predict(
        questions.best, caller.space, service.predictors, user, pairs, body.top, body.criterion
    )
    return _answered(found)


@router.post("/v1/candidates")
async def add_candidates(request: Request, body: CandidatesIn, caller: Manages) -> Response:
    """Add pairs to the space's pool; a pair with a known id replaces the earlier one."""
    service: Service = request.app.state.service
    pairs = [questions.candidate_of(one) for one in body.candidates]
    return reply({"candidates": await service.threads.store(caller.space.pool.add, pairs)})


@router.delete("/v1/candidates")
async def remove_candidates(request: Request, caller: Manages) -> Response:
    """Empty the space's pool."""
    service: Service = request.app.state.service
    return reply({"removed": await service.threads.store(caller.space.pool.remove)})


def _answered(found: list[Question]) -> Response:
    return reply({"questions": [questions.shown(one) for one in found]})
