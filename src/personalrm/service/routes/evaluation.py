"""How well yesterday's profile predicts today's choices: for a person, for a space, over time."""

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
    latest: Annotated[int | None, Query(ge=1, le=100_000, description="Only the newest so many")] = None,
) -> Response:
    """Prequential accuracy of the person's profiles: each choice predicted before it was learned."""
    service: Service = request.app.state.service

    def found() -> dict[str, Any]:
        space = caller.space
        return of_person(space.predictions.of_person(space.people.require(user), latest))

    return reply(await service.threads.store(found))


@router.get("/v1/people/{user}/taste-changes", response_model=TasteOut)
async def taste_changes(request: Request, user: UserName, caller: Predicts) -> Response:
    """When the person's taste seems to have changed; of people whose taste never does, 5 in 100 ever see one."""
    service: Service = request.app.state.service
    found = await service.threads.store(service.tastes.of, caller.space, user)
    return reply(found.as_json())


@router.post("/v1/people/{user}/taste-changes", response_model=TasteOut)
async def answer_taste_change(request: Request, user: UserName, body: TasteAnswerIn, caller: Writes) -> Response:
    """Keep a change of taste, or return to the taste before it; learning goes on from there."""
    service: Service = request.app.state.service

    def answered() -> dict[str, Any]:
        service.tastes.answer(caller.space, user, body.answer, body.choice, service.new_choice)
        return service.tastes.of(caller.space, user).as_json()

    return reply(await service.teach(answered))


@router.get("/v1/evaluation")
async def evaluate_space(
    request: Request,
    caller: Predicts,
    days: Annotated[int | None, Query(ge=1, le=3650, description="Only the last so many days")] = None,
) -> Response:
    """The same over all people of the space, as of `as_of`: a large space is worked out in the background.

    With `days` it is worked out now, from the predictions of these days.
    """
    service: Service = request.app.state.service

    def found() -> dict[str, Any]:
        if days is None:
            summary = summary_of(caller.space)
            return {**summary.quality, "as_of": summary.made}
        now = time.time()
        return {**of_space(caller.space.predictions.tallies(now - days * _DAY_S)), "as_of": now}

    return reply(await service.threads.store(found))
