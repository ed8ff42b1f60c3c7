"""Predictions: compare, rank, score; many people and many responses at once."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from personalrm.service.access import Predicts
from personalrm.service.answers import RankingOut, ScoreOut, ScoresOut, VerdictOut
from personalrm.service.contract import PairIn, ResponsesIn, ScoreIn, ScoresIn
from personalrm.service.fields import UserName
from personalrm.service.http import JsonRoute, reply
from personalrm.service.state import Service
from personalrm.store.store import SpaceStore

router = APIRouter(route_class=JsonRoute, tags=["predictions"])
COMPARE = "/v1/people/{user}/compare"


@router.post(COMPARE, response_model=VerdictOut)
async def compare(request: Request, user: UserName, body: PairIn, caller: Predicts) -> Response:
    """Which of two responses the person prefers."""
    return reply(await verdict(request.app.state.service, caller.space, user, body))


async def verdict(service: Service, space: SpaceStore, user: str, asked: PairIn) -> dict[str, Any]:
    """The prediction, with the fields of `VerdictOut`."""
    opened, found = await service.compared(space, user, asked.turns, asked.a, asked.b)
    return {
        "probability": found.probability,
        "preferred": found.winner,
        "unscored": found.unscored,
        "reasoning": found.reasoning,
        "profile_version": opened.version,
    }


@router.post("/v1/people/{user}/rank", response_model=RankingOut)
async def rank(request: Request, user: UserName, body: ResponsesIn, caller: Predicts) -> Response:
    """Rank responses for this person, best first."""
    service: Service = request.app.state.service
    opened, found = await service.predicted(caller.space, user, "rank", (body.turns, body.responses))
    return reply(
        {
            "order": found.order,
            "strengths": found.strengths,
            "unscored": found.unscored,
            "profile_version": opened.version,
        }
    )


@router.post("/v1/people/{user}/score", response_model=ScoreOut)
async def score(request: Request, user: UserName, body: ScoreIn, caller: Predicts) -> Response:
    """Rewards of one or several responses: log-odds, or z-scores relative to the person's own history."""
    service: Service = request.app.state.service
    responses = body.responses if body.responses is not None else [body.response or ""]
    opened, scores = await service.rewards.of(caller.space, user, body.turns, responses, normalize=body.normalize)
    single = {} if body.response is None else {"score": scores[0]}
    return reply({**single, "scores": scores, "profile_version": opened.version})


@router.post("/v1/score", response_model=ScoresOut)
async def score_people(request: Request, body: ScoresIn, caller: Predicts) -> Response:
    """Scores of n responses for m people, m rows of n. The problem for unknown people names them."""
    service: Service = request.app.state.service
    rows, versions = await service.rewards.of_many(
        caller.space, body.users, body.turns, body.responses, normalize=body.normalize
    )
    return reply({"scores": rows, "profile_versions": versions})
