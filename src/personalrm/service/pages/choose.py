"""The page *Choose*: the most informative pair, as two answers side by side."""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import AfterValidator

from personalrm.data.candidates import Candidate
from personalrm.errors import UnknownPerson
from personalrm.service import questions
from personalrm.service.evaluation import of_person
from personalrm.service.fields import FormId, FormText, UserName, storable
from personalrm.service.pages.links import links
from personalrm.service.pages.rendering import PageRoute, html, person_path, to
from personalrm.service.pages.starter import starter_pairs
from personalrm.service.pages.visiting import Says, Sees
from personalrm.service.problems import Problem
from personalrm.service.state import Service
from personalrm.store.incoming import Added
from personalrm.store.records import Choice, digest, dump_context
from personalrm.store.store import SpaceStore

router = APIRouter(route_class=PageRoute, include_in_schema=False)
SOURCE = "choose"
_ACCURACY_OVER = 50


@router.get("/people/{user}/choose")
async def choose(
    request: Request,
    user: UserName,
    caller: Sees,
    last: Annotated[str, Query(max_length=200), AfterValidator(storable)] = "",
) -> Response:
    """One question, the person's progress, and a form for the reason of the last choice."""
    service: Service = request.app.state.service
    shown = await service.threads.predict(_question, service, caller.space, user, last)
    told: dict[str, Any] = {
        "title": "Which answer do you prefer?",
        "user": user,
        "links": links(caller, user, "choose"),
    }
    return html(request, "choose.html", **told, may_fill="manage" in caller.scopes, **shown)


@router.post("/people/{user}/choose")
async def answer(
    request: Request,
    user: UserName,
    caller: Says,
    question: FormId,
    prefers: Annotated[Literal["a", "b", "neither"], Form()],
    why: FormText = "",
    shown: FormText = "",
) -> Response:
    """Store the answer and show the next question."""
    service: Service = request.app.state.service

    def store() -> Added:
        pair = caller.space.pool.get(question)
        if pair is None:
            raise Problem(404, "unknown-question", "this question is no longer in the pool", "answer the next one")
        if shown and mark(pair) != shown:
            detail = "this question has other answers now than those that were shown"
            raise Problem(409, "changed-question", detail, "answer the next one")
        chosen, rejected = (pair.b, pair.a) if prefers == "b" else (pair.a, pair.b)
        own: dict[str, Any] = {"chosen": chosen, "rejected": rejected, "tie": prefers == "neither", "group": pair.group}
        made = Choice(context=pair.context, source=SOURCE, id=pair.id, reason=why.strip() or None, **own)
        return caller.space.feedback.choices(user, [made], service.new_choice)

    added = await service.take(store)
    return to(f"{person_path(user)}/choose", said="chosen" if added.accepted else "answered", last=question)


@router.post("/people/{user}/why")
async def explain(
    request: Request,
    user: UserName,
    caller: Says,
    source: FormId,
    choice: FormId,
    why: FormText = "",
    page: Annotated[Literal["choose", "history"], Form()] = "choose",
) -> Response:
    """Store the reason for a choice; an empty text removes it."""
    service: Service = request.app.state.service
    words = why.strip() or None
    await service.explain(caller.space, user, source, choice, words)
    return to(f"{person_path(user)}/{page}", said="explained" if words else "withdrawn")


@router.post("/people/{user}/choose/starter")
async def fill(request: Request, user: UserName, caller: Says) -> Response:
    """Add the starter questions to the space's pool."""
    service: Service = request.app.state.service
    if "manage" not in caller.scopes:
        raise Problem(403, "forbidden", "this needs a key with the scope 'manage'", "ask the service's operator")
    await service.threads.store(caller.space.pool.add, starter_pairs())
    return to(f"{person_path(user)}/choose", said="pool")


def mark(pair: Candidate) -> str:
    """A hash of the texts shown: the operator may replace a pair of the pool while a person reads it."""
    return digest(dump_context(pair.context), pair.a, pair.b).hex()


def _question(service: Service, space: SpaceStore, user: str, last: str) -> dict[str, Any]:
    person = space.people.get(user)
    if person is None:
        raise UnknownPerson(f"this space has no person '{user}'")
    found = questions.best(space, service.predictors, user, (), 1, "information")
    quality = of_person(space.predictions.of_person(person, _ACCURACY_OVER))
    told: dict[str, Any] = {"choices": person.choices, "quality": quality, "is_pool_empty": not space.pool.some(1)}
    told["last"] = space.history.one(person, SOURCE, last) if last else None
    if not found:
        return {**told, "question": None, "sides": ()}
    pair = found[0].candidate
    sides = [("a", pair.a), ("b", pair.b)]
    # the position must not depend on the prediction: it is derived from the person and the question
    if blake2b(f"{user}\0{pair.id}".encode(), digest_size=1).digest()[0] % 2:
        sides.reverse()
    return {**told, "question": pair, "mark": mark(pair), "sides": sides}
