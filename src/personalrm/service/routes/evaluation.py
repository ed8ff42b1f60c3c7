"""Prequential accuracy: how well profiles predict later choices, for a person or a space, over time."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from personalrm.service.access import Predicts, Writes
from personalrm.service.answers import TasteOut
from personalrm.service.contract import TasteAnswerIn
from personalrm.service.evaluation import of_person, of_space
from personalrm.service.fields import UserName
from personalrm.service.http import JsonRoute, reply
from personalrm.service.state import Service
from personalrm.service.summaries import summary_of

router = APIRouter(route_class=JsonRoute, tags=["evaluation"])
_DAY_S = 86400.0


@router.get("/v1/people/{user}/evaluation")
async def evaluate_person(
    request: Request,
    user: UserName,
    caller: Predicts,
    latest: Annotated[int | None, Query(ge=1, le=100_000, description="Maximum number of newest entries")] = None,
) -> Response:
    """Prequential accuracy of the person's profiles: each choice predicted before it was learned."""
    service: Service = request.app.state.service

    def found() -> dict[str, Any]:
        space = caller.space
        return of_person(space.predictions.of_person(space.people.require(user), latest))

    return reply(await service.threads.store(found))


@router.get("/v1/people/{user}/taste-changes", response_model=TasteOut)
async def taste_changes(request: Request, user: UserName, caller: Predicts) -> Response:
    """Detected changes of the person's taste; at most 5 in 100 people whose taste never changes get a false alarm."""
    service: Service = request.app.state.service
    found = await service.threads.store(service.tastes.of, caller.space, user)
    return reply(found.as_json())


@router.post("/v1/people/{user}/taste-changes", response_model=TasteOut)
async def answer_taste_change(request: Request, user: UserName, body: TasteAnswerIn, caller: Writes) -> Response:
    """Accept a change of taste, or return to the earlier taste; later choices are learned on that basis."""
    service: Service = request.app.state.service

    def answered() -> dict[str, Any]:
        service.tastes.answer(caller.space, user, body.answer, body.choice, service.new_choice)
        return service.tastes.of(caller.space, user).as_json()

    return reply(await service.teach(answered))


@router.get("/v1/evaluation")
async def evaluate_space(
    request: Request,
    caller: Predicts,
    days: Annotated[int | None, Query(ge=1, le=3650, description="Number of days, the latest")] = None,
) -> Response:
    """Prequential accuracy over all people of the space, computed at `as_of`; for a large space in the background.

    With `days` it is computed immediately, from the predictions of these days.
    """
    service: Service = request.app.state.service

    def found() -> dict[str, Any]:
        if days is None:
            summary = summary_of(caller.space)
            return {**summary.quality, "as_of": summary.made}
        now = time.time()
        return {**of_space(caller.space.predictions.tallies(now - days * _DAY_S)), "as_of": now}

    return reply(await service.threads.store(found))
