"""Authentication of page visitors: a cookie with a key of the space, or with a link to one person's pages.

The cookie is sent only by this site's pages (``SameSite=Strict``) and is hidden from scripts; requests that change data
must have this site as their ``Origin``. With ``--open`` no cookie is needed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Response

from personalrm.service.access import Caller, note
from personalrm.service.fields import UserName
from personalrm.service.pages.rendering import SignInFirst
from personalrm.service.problems import Problem
from personalrm.service.state import Service
from personalrm.store.keys import Scope
from personalrm.store.links import PREFIX

COOKIE = "personalrm"
_SAFE = frozenset({"GET", "HEAD"})


async def visitor(request: Request, scope: Scope, user: str | None) -> Caller:
    """The visitor, who must have this scope for this person's pages; ``user`` None is the whole space.

    Raises:
        SignInFirst: the visitor is not signed in. Problem 401, 403, 404, 429.
    """
    check_origin(request)
    service: Service = request.app.state.service
    token = request.cookies.get(COOKIE)
    if token is not None and token.startswith(f"{PREFIX}_"):
        caller = await service.authenticator.authenticate_link(token, user)
        if caller is None:
            raise SignInFirst
    else:
        if token is None and not service.config.open:
            raise SignInFirst
        caller = await _admitted(service, token, scope)
    note(request.scope, caller)
    return caller


async def _admitted(service: Service, token: str | None, scope: Scope) -> Caller:
    try:
        return await service.authenticator.authenticate(token, scope)
    except Problem as problem:
        if problem.status == 401:
            raise SignInFirst from None
        raise


def of_person(scope: Scope) -> Callable[[Request, UserName], Awaitable[Caller]]:
    """A FastAPI dependency: a visitor who has this scope for the person in the path."""

    async def admitted(request: Request, user: UserName) -> Caller:
        return await visitor(request, scope, user)

    return admitted


def of_space(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """A FastAPI dependency: a visitor who has this scope for the whole space."""

    async def admitted(request: Request) -> Caller:
        return await visitor(request, scope, None)

    return admitted


Sees = Annotated[Caller, Depends(of_person("predict"))]
Says = Annotated[Caller, Depends(of_person("write"))]
SeesSpace = Annotated[Caller, Depends(of_space("predict"))]
FillsSpace = Annotated[Caller, Depends(of_space("write"))]
ManagesSpace = Annotated[Caller, Depends(of_space("manage"))]


def keep(request: Request, answer: Response, token: str) -> Response:
    """The response with the cookie set."""
    secure = is_secure(request)
    answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure, path="/", max_age=30 * 86400)
    return answer


def is_secure(request: Request) -> bool:
    """Whether the visitor uses https, here or at a proxy."""
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"


def check_origin(request: Request) -> None:
    """Problem 403 for a change requested by a page of another site."""
    if request.method in _SAFE:
        return
    origin = request.headers.get("origin", "")
    host = request.headers.get("host", "")
    if origin.partition("://")[2] != host:
        raise Problem(403, "forbidden", "the request comes from a page of another site", "use the service's own pages")
