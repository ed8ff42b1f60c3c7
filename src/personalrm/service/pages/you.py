"""The page *You*: the persona, each claim with its evidence, and forms to correct it."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import AfterValidator

from personalrm.errors import NotEnoughChoices
from personalrm.service import correcting
from personalrm.service.corrected import topic
from personalrm.service.fields import FormText, UserName, storable
from personalrm.service.pages.links import links
from personalrm.service.pages.rendering import PageRoute, html, person_path, to
from personalrm.service.pages.visiting import Says, Sees
from personalrm.service.predictors import Opened
from personalrm.service.problems import Problem
from personalrm.service.state import Service
from personalrm.store.corrections import Answer, Correction
from personalrm.store.store import SpaceStore
from personalrm.synthesis.persona import own_summary

router = APIRouter(route_class=PageRoute, include_in_schema=False)
WORDS: dict[Answer, str] = {
    "right": "Right",
    "wrong": "Wrong",
    "outdated": "Not any more",
    "forget": "Forget it",
}
_CHANGING: tuple[Answer, ...] = ("wrong", "outdated", "forget")
_CITED = 10
_PATIENCE_S, _LOOK_S = 5.0, 0.05
ClaimText = Annotated[str, Query(min_length=1, max_length=2000), AfterValidator(storable)]
FormClaim = Annotated[str, Form(min_length=1, max_length=2000), AfterValidator(storable)]
Since = Annotated[int | None, Query(ge=1, le=2**31 - 1)]


@router.get("/people/{user}")
async def you(request: Request, user: UserName, caller: Sees, since: Since = None) -> Response:
    """The persona; with ``since``, also the changes of predictions since that version."""
    service: Service = request.app.state.service
    shown = await service.threads.store(_persona_page, service, caller.space, user, since)
    return html(request, "you.html", title=user, user=user, links=links(caller, user, "you"), words=WORDS, **shown)


@router.get("/people/{user}/effect")
async def effect(request: Request, user: UserName, caller: Sees, claim: ClaimText) -> Response:
    """The effect that each correction of a claim would have."""
    service: Service = request.app.state.service

    def found() -> list[tuple[str, correcting.Effect | None]]:
        said = [(one, WORDS[one]) for one in _CHANGING]
        return [(word, correcting.effect_of(service, caller.space, user, claim, one)) for one, word in said]

    rows = await service.threads.store(found)
    shown: dict[str, Any] = {"title": "What would change", "user": user, "links": links(caller, user, "you")}
    return html(request, "effect.html", claim=claim, rows=rows, **shown)


@router.post("/people/{user}/claims")
async def say(
    request: Request,
    user: UserName,
    caller: Says,
    claim: FormClaim,
    verdict: Annotated[Answer, Form()],
    note: FormText = "",
) -> Response:
    """Store a correction: right, wrong, outdated, forget."""
    service: Service = request.app.state.service
    made = await service.teach(correcting.correct, service, caller.space, user, claim, verdict, note.strip() or None)
    return await _followed(service, caller.space, user, "corrected", made.version)


@router.post("/people/{user}/claims/withdraw")
async def withdraw(
    request: Request, user: UserName, caller: Says, correction: Annotated[int, Form(ge=1, le=2**31 - 1)]
) -> Response:
    """Withdraw a correction."""
    service: Service = request.app.state.service
    person = await service.threads.store(caller.space.people.require, user)
    await service.teach(caller.space.corrections.withdraw, user, correction, service.new_choice)
    return await _followed(service, caller.space, user, "withdrawn", person.active_version or 1)


async def _followed(service: Service, space: SpaceStore, user: str, said: str, since: int) -> Response:
    """Back to the persona, updated unless that takes long (a model at an endpoint, a busy machine)."""
    deadline = time.monotonic() + (_PATIENCE_S if service.clients.is_local else 0.0)
    while (await service.threads.store(space.people.require, user)).is_stale:
        if time.monotonic() > deadline:
            return to(person_path(user), said="learning")
        await asyncio.sleep(_LOOK_S)
    return to(person_path(user), said=said, since=since)


def _persona_page(service: Service, space: SpaceStore, user: str, since: int | None) -> dict[str, Any]:
    person = space.people.require(user)
    try:
        opened = service.predictors.ready(space, user)
    except (NotEnoughChoices, Problem) as error:
        waiting = isinstance(error, Problem)
        if waiting and error.name != "not-learned-yet":  # type: ignore[union-attr]
            raise
        nothing: dict[str, Any] = {
            "summary": "",
            "claims": [],
            "said_of": [],
            "notes": (),
            "version": None,
            "model": "",
        }
        return {**nothing, "choices": person.choices, "effect": None, "waiting": waiting}
    said = space.corrections.list(opened.person)
    changed = correcting.effect_between(service, space, user, since) if since is not None else None
    return {**_persona(space, opened, said), "said_of": said, "effect": changed, "waiting": False}


def _persona(space: SpaceStore, opened: Opened, said: list[Correction]) -> dict[str, Any]:
    profile = opened.profile()
    by_id = {one.id: one for one in profile.history}
    words = {topic(one.claim): one for one in said}
    claims = []
    for one in profile.persona.claims if profile.persona is not None else ():
        sides = [[by_id[name] for name in ids if name in by_id] for ids in (one.supporting, one.opposing)]
        cited = {"for": sides[0], "against": sides[1], "shown": _CITED}
        claims.append({"text": one.text, "correction": words.get(topic(one.text)), **cited})
    return {
        "summary": "" if profile.persona is None else own_summary(profile.persona),
        "claims": claims,
        "notes": profile.notes,
        "version": opened.version,
        "model": profile.model,
        "choices": len(profile.history),
    }
