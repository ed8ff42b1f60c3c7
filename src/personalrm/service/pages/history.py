"""The page *History*: profile versions with their changes, and all choices, with buttons to forget or restore."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import AfterValidator

from personalrm.service.changes import changes
from personalrm.service.evaluation import of_person
from personalrm.service.fields import FormId, UserName, storable
from personalrm.service.pages.links import links
from personalrm.service.pages.rendering import PageRoute, html, person_path, to
from personalrm.service.pages.visiting import Says, Sees
from personalrm.service.state import Service
from personalrm.service.taste import Word
from personalrm.store.store import SpaceStore

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_VERSIONS, _CHOICES = 10, 25


@router.get("/people/{user}/history")
async def history(
    request: Request, user: UserName, caller: Sees, after: Annotated[int, Query(ge=0, le=2**53)] = 0
) -> Response:
    """Versions, newest first, and choices in the order of arrival."""
    service: Service = request.app.state.service
    shown = await service.threads.store(_history, service, caller.space, user, after)
    return html(request, "history.html", title="History", user=user, links=links(caller, user, "history"), **shown)


@router.post("/people/{user}/history/choice")
async def forget(
    request: Request,
    user: UserName,
    caller: Says,
    source: FormId,
    choice: FormId,
    forgotten: Annotated[bool, Form()],
) -> Response:
    """Exclude a choice from learning, or include it again."""
    service: Service = request.app.state.service
    await service.forget(caller.space, user, source, choice, forgotten=forgotten)
    return to(f"{person_path(user)}/history", said="forgotten" if forgotten else "restored")


@router.post("/people/{user}/history/use")
async def use(
    request: Request, user: UserName, caller: Says, version: Annotated[int, Form(ge=1, le=2**31 - 1)]
) -> Response:
    """Put a version in use."""
    service: Service = request.app.state.service

    await service.teach(caller.space.returns.use, user, version, service.new_choice)
    return to(f"{person_path(user)}/history", said="used")


@router.post("/people/{user}/history/taste")
async def taste(
    request: Request,
    user: UserName,
    caller: Says,
    answer: Annotated[Word, Form()],
    choice: Annotated[str | None, Form(min_length=1, max_length=500), AfterValidator(storable)] = None,
) -> Response:
    """Keep a change of taste, or return to the taste before it."""
    service: Service = request.app.state.service
    said = caller.space, user, answer, choice, service.new_choice
    await service.teach(service.tastes.answer, *said)
    return to(f"{person_path(user)}/history", said="returned" if answer == "return" else "kept")


def _history(service: Service, space: SpaceStore, user: str, after: int) -> dict[str, Any]:
    person = space.people.require(user)
    rows = space.profiles.versions(person, _VERSIONS + 1)
    profiles = {one.version: space.profiles.load(person, one.version) for one in rows}
    shown = []
    for at, one in enumerate(rows[:_VERSIONS]):
        before = next((profiles[other.version] for other in rows[at + 1 :] if other.state != "aside"), None)
        shown.append((one, changes(before, profiles[one.version]) if before or len(rows) <= _VERSIONS else None))
    page = space.history.page(person, after, _CHOICES + 1)
    return {
        "person": person,
        "versions": shown,
        "stored": page[:_CHOICES],
        "counting": space.history.counting(person),
        "following": page[_CHOICES - 1].number if len(page) > _CHOICES else None,
        "taste": service.tastes.of(space, user),
        "quality": of_person(space.predictions.of_person(person)),
    }
