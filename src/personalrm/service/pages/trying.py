"""The page *Try it*: ranks drafts of an answer for the person. Nothing is stored."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from personalrm.models.base import Ranking
from personalrm.preferences import Message
from personalrm.service.fields import FormDraft, UserName
from personalrm.service.pages.links import links
from personalrm.service.pages.rendering import PageRoute, html
from personalrm.service.pages.visiting import Sees
from personalrm.service.problems import invalid
from personalrm.service.state import Service

router = APIRouter(route_class=PageRoute, include_in_schema=False)
DRAFTS = 3


@router.get("/people/{user}/try")
async def form(request: Request, user: UserName, caller: Sees) -> Response:
    """An empty form."""
    service: Service = request.app.state.service
    await service.threads.store(caller.space.people.require, user)
    told: dict[str, Any] = {"title": "Try it", "user": user, "links": links(caller, user, "try")}
    return html(request, "try.html", **told, prompt="", drafts=[""] * DRAFTS, ranked=None)


@router.post("/people/{user}/try")
async def ranked(
    request: Request,
    user: UserName,
    caller: Sees,
    prompt: FormDraft = "",
    one: FormDraft = "",
    two: FormDraft = "",
    three: FormDraft = "",
) -> Response:
    """The drafts, best first, each with its probability against the next."""
    service: Service = request.app.state.service
    drafts = [one, two, three]
    written = [draft for draft in drafts if draft.strip()]
    if len(written) < 2:
        raise invalid("drafts", "expected at least two non-empty drafts", "go back and write another one")
    turns = (Message("user", prompt),) if prompt.strip() else ()
    _, found = await service.predicted(caller.space, user, "rank", (turns, written))
    told: dict[str, Any] = {"title": "Try it", "user": user, "links": links(caller, user, "try")}
    return html(request, "try.html", **told, prompt=prompt, drafts=drafts, ranked=_rows(written, found))


def _rows(written: list[str], found: Ranking) -> list[tuple[str, float]]:
    return [(written[at], found.strengths[at]) for at in found.order]
