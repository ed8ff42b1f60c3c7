"""A person's profile: persona, prompts for other systems, versions of the profile, corrections."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from personalrm.preferences import Message
from personalrm.service import correcting
from personalrm.service.access import Predicts, Writes
from personalrm.service.answers import PersonaOut
from personalrm.service.changes import changes
from personalrm.service.contract import CorrectionIn
from personalrm.service.corrected import topic
from personalrm.service.fields import Limit, QueryText, UserName
from personalrm.service.http import JsonRoute, reply
from personalrm.service.predictors import Opened
from personalrm.service.problems import invalid
from personalrm.service.state import Service
from personalrm.store.corrections import Correction
from personalrm.store.jobs import Work
from personalrm.store.profiles import Version
from personalrm.store.store import SpaceStore
from personalrm.synthesis import prompting
from personalrm.synthesis.persona import persona_text

router = APIRouter(route_class=JsonRoute, tags=["profile"])
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("/v1/people/{user}/persona", response_model=PersonaOut)
async def persona(request: Request, user: UserName, caller: Predicts) -> Response:
    """The person's persona, each claim with the choices for and against it."""
    service: Service = request.app.state.service

    def found() -> dict[str, Any]:
        opened = service.predictors.ready(caller.space, user)
        said = caller.space.corrections.list(opened.person)
        return shown_persona(opened, said)

    return reply(await service.threads.store(found))


@router.get("/v1/people/{user}/judge-prompt")
async def judge_prompt(
    request: Request,
    user: UserName,
    caller: Predicts,
    prompt: QueryText = None,
    a: QueryText = None,
    b: QueryText = None,
) -> Response:
    """Judge prompt as messages for any chat API; with placeholders if no pair is given."""
    service: Service = request.app.state.service
    given = [one for one in (prompt, a, b) if one is not None]
    if given and len(given) < 3:
        raise invalid("prompt", "expected prompt, a and b together, or none of them")
    turns = None if prompt is None else (Message("user", prompt),)

    def found() -> dict[str, Any]:
        opened = service.predictors.ready(caller.space, user)
        messages = prompting.judge_prompt(opened.profile(), turns, a, b)
        return {"messages": messages, "profile_version": opened.version}

    return reply(await service.threads.store(found))


@router.get("/v1/people/{user}/generation-prompt")
async def generation_prompt(request: Request, user: UserName, caller: Predicts) -> Response:
    """A system prompt that makes a model answer according to the person's preferences."""
    service: Service = request.app.state.service

    def found() -> dict[str, Any]:
        opened = service.predictors.ready(caller.space, user)
        return {"prompt": prompting.generation_prompt(opened.profile()), "profile_version": opened.version}

    return reply(await service.threads.store(found))


@router.get("/v1/people/{user}/versions")
async def versions(request: Request, user: UserName, caller: Predicts, limit: Limit = 100) -> Response:
    """All versions of the profile, newest first: what each learned, and its comparison with the previous one."""
    service: Service = request.app.state.service

    def found() -> list[Version]:
        return caller.space.profiles.versions(caller.space.people.require(user), limit)

    return reply({"versions": [shown_version(one) for one in await service.threads.store(found)]})


@router.get("/v1/people/{user}/versions/{version}")
async def version_of(request: Request, user: UserName, version: Number, caller: Predicts) -> Response:
    """One version: its persona, and the changes since the previous one."""
    service: Service = request.app.state.service

    def found() -> dict[str, Any]:
        return _version(service, caller.space, user, version)

    return reply(await service.threads.store(found))


@router.post("/v1/people/{user}/versions/{version}/use")
async def use_version(request: Request, user: UserName, version: Number, caller: Writes) -> Response:
    """Use an earlier version, or one that was kept aside.

    Choices that arrived after the earlier version was learned are excluded until the person accepts their current taste
    (`POST …/taste-changes`); later choices are learned.
    """
    service: Service = request.app.state.service

    now = await service.teach(caller.space.returns.use, user, version, service.new_choice)
    return reply({"profile_version": version, "leaves_out_later_choices": bool(now.left_out)})


@router.post("/v1/people/{user}/refit", status_code=202)
async def refit(request: Request, user: UserName, caller: Writes) -> Response:
    """Refit the profile, with priority over background jobs."""
    service: Service = request.app.state.service

    def ask() -> None:
        caller.space.jobs.request(user, Work.by_hand())

    await service.teach(ask)
    return reply({"queued": True}, 202)


@router.get("/v1/people/{user}/corrections")
async def corrections(request: Request, user: UserName, caller: Predicts) -> Response:
    """The person's corrections of claims, oldest first."""
    service: Service = request.app.state.service

    def found() -> list[Correction]:
        return caller.space.corrections.list(caller.space.people.require(user), withdrawn=True)

    return reply({"corrections": [shown_correction(one) for one in await service.threads.store(found)]})


@router.post("/v1/people/{user}/corrections", status_code=201)
async def correct(request: Request, user: UserName, body: CorrectionIn, caller: Writes) -> Response:
    """Mark a claim as right, wrong, outdated, or to be forgotten; predictions change accordingly."""
    service: Service = request.app.state.service

    asked = caller.space, user, body.claim, body.verdict, body.note
    made = await service.teach(correcting.correct, service, *asked)
    return reply(shown_correction(made), 201)


@router.delete("/v1/people/{user}/corrections/{number}")
async def withdraw(request: Request, user: UserName, number: Number, caller: Writes) -> Response:
    """Revoke a correction."""
    service: Service = request.app.state.service

    def taken_back() -> Correction:
        return caller.space.corrections.withdraw(user, number, service.new_choice)

    made = await service.teach(taken_back)
    return reply(shown_correction(made))


def shown_persona(opened: Opened, corrections: list[Correction]) -> dict[str, Any]:
    """A persona as returned by the API."""
    profile = opened.profile()
    found = profile.persona
    said = {topic(one.claim): one.verdict for one in corrections}
    claims = [
        {
            "text": one.text,
            "supporting": one.supporting,
            "opposing": one.opposing,
            "correction": said.get(topic(one.text)),
        }
        for one in (found.claims if found is not None else ())
    ]
    return {
        "summary": None if found is None else persona_text(found),
        "claims": claims,
        "notes": profile.notes,
        "profile_version": opened.version,
        "model": profile.model,
        "choices": len(profile.history),
    }


def shown_version(one: Version) -> dict[str, Any]:
    """A version as returned by the API."""
    told = {"version": one.version, "created": one.created, "kind": one.kind, "state": one.state, "model": one.model}
    return {**told, "choices": one.learned, "checked": one.checked}


def shown_correction(one: Correction) -> dict[str, Any]:
    """A correction as returned by the API."""
    told = {"id": one.id, "claim": one.claim, "verdict": one.verdict, "note": one.note}
    told |= {"supporting": one.supporting, "opposing": one.opposing}
    return {**told, "profile_version": one.version, "created": one.created, "withdrawn": one.withdrawn}


def _version(service: Service, space: SpaceStore, user: str, version: int) -> dict[str, Any]:
    person = space.people.require(user)
    row = space.profiles.version(person, version)
    opened = service.predictors.version(space, person, version)
    before = [one for one in space.profiles.versions(person, 1000) if one.version < version and one.state != "aside"]
    earlier = space.profiles.load(person, before[0].version) if before else None
    said = space.corrections.list(person)
    return {**shown_version(row), "persona": shown_persona(opened, said), "changes": changes(earlier, opened.profile())}
