"""The start page, signing in and out, and links that give access to one person's pages."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response

from personalrm.service.access import Manages
from personalrm.service.contract import LinkIn
from personalrm.service.fields import UserName
from personalrm.service.http import JsonRoute, reply
from personalrm.service.pages.rendering import PageRoute, contents, html, person_path, to
from personalrm.service.pages.visiting import COOKIE, SeesSpace, check_origin, keep
from personalrm.service.problems import Problem
from personalrm.service.state import Service

router = APIRouter(route_class=PageRoute, include_in_schema=False)
api = APIRouter(route_class=JsonRoute, tags=["people"])
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_DAY_S = 86400.0
_OURS = re.compile(r"/(?![/\\])[!-~]*")
"""A path here: browsers leave out tabs and line ends, so that '/', tab, '/host' would lead away."""


@router.get("/")
async def first(request: Request, caller: SeesSpace) -> Response:
    """The page of the space, or of the import if the space is empty."""
    service: Service = request.app.state.service
    people = await service.threads.store(caller.space.people.list, "", 1)
    return to("/space" if people else "/import")


@router.get("/assets/{digest}/{name}")
async def asset(digest: str, name: str) -> Response:
    """Stylesheet and script."""
    found = contents().get(name)
    if found is None:
        raise Problem(404, "no-such-path", "the file does not exist", "reload the page")
    return Response(found[0], 200, _FOREVER, found[1])


@router.get("/sign-in")
async def sign_in_page(
    request: Request, following: Annotated[str, Query(alias="next", max_length=2000)] = "/"
) -> Response:
    """A form for a key."""
    return html(request, "sign_in.html", title="Sign in", following=following, wrong=False, user=None, links=())


@router.post("/sign-in")
async def sign_in(
    request: Request,
    key: Annotated[str, Form(max_length=200)],
    following: Annotated[str, Form(alias="next", max_length=2000)] = "/",
) -> Response:
    """Store the key in a cookie if it is valid."""
    check_origin(request)  # another site must not sign a visitor in to a space of its choice
    service: Service = request.app.state.service
    try:
        await service.authenticator.authenticate(key.strip(), "predict")
    except Problem as problem:
        if problem.status == 429:
            raise
        return html(request, "sign_in.html", 401, title="Sign in", following=following, wrong=True, user=None, links=())
    return keep(request, to(following if _OURS.fullmatch(following) else "/"), key.strip())


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """Delete the cookie."""
    check_origin(request)
    answer = to("/sign-in", said="signed-out")
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer


@router.get("/open/{token}")
async def open_link(request: Request, token: str) -> Response:
    """Open a link: set the cookie and remove the token from the address."""
    service: Service = request.app.state.service
    opens = await service.threads.store(service.store.opens, token)
    if opens is None:
        raise Problem(404, "no-such-path", "this link has expired or is unknown", "ask for a new one")
    # show a page of this site first: SameSite=Strict cookies are not sent with cross-site redirects
    answer = html(request, "opened.html", title=opens.person, where=person_path(opens.person), user=None, links=())
    return keep(request, answer, token)


@api.post("/v1/people/{user}/page-link", status_code=201)
async def make_link(request: Request, user: UserName, caller: Manages, body: LinkIn | None = None) -> Response:
    """A link that gives access to this person's pages only, without a key, for a number of days."""
    service: Service = request.app.state.service
    token, until = await service.threads.store(caller.space.links.create, user, (body or LinkIn()).days * _DAY_S)
    return reply({"path": f"/open/{token}", "expires": until}, 201)
