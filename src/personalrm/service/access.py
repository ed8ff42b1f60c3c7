"""Authentication: the key in ``Authorization: Bearer``, the space it belongs to, and its scopes.

    @router.post("/v1/people/{user}/compare")
    async def compare(user: UserName, caller: Predicts) -> Response: ...

Looked-up keys are cached for a few seconds, so a revoked key stops working within that time.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Request

from personalrm.recently_used import RecentlyUsed
from personalrm.service.config import OPEN_SPACE
from personalrm.service.limits import RateLimit
from personalrm.service.problems import Problem, later
from personalrm.service.threads import Threads
from personalrm.store.keys import PREFIX, SCOPES, Access, Scope
from personalrm.store.links import StudyLink
from personalrm.store.store import SpaceStore, Store

OPEN_KEY = "open"
"""The key id of callers without a key, with --open."""
BELIEVED_S = 5.0
_REMEMBERED = 10_000
SECURITY = {
    "Bearer": {"type": "http", "scheme": "bearer", "description": "A key that `personalrm serve key SPACE` printed"}
}
"""For the OpenAPI document. FastAPI's own security class would add 0.1 ms to every prediction."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated client: the space, the key, and the key's scopes."""

    space: SpaceStore
    key_id: str
    scopes: frozenset[Scope]


class Authenticator:
    """Authenticates requests.

    Args:
        store: holds the keys.
        threads: run the store's queries.
        rate: requests per second and key.
        is_open: serve the space ``open`` to requests without a key.
    """

    def __init__(self, store: Store, threads: Threads, rate: float, *, is_open: bool) -> None:
        self._store, self._threads = store, threads
        self._limit = RateLimit(rate)
        self._known = RecentlyUsed[bytes, tuple[float, Access]](_REMEMBERED)
        self._open = store.make_space(OPEN_SPACE) if is_open else None

    async def authenticate(self, key: str | None, scope: Scope) -> Caller:
        """Return the caller of a key; with --open a key without our prefix counts as none. Problem 401, 403 or 429."""
        if self._open is not None and (key is None or not key.startswith(f"{PREFIX}_")):
            return Caller(self._open, OPEN_KEY, frozenset(SCOPES))
        if key is None:
            raise _unauthorized("no key was sent")
        access = await self._access(key)
        if access is None:
            raise _unauthorized("the key is unknown: it is mistyped or was revoked")
        wait = self._limit.wait(access.key_id)
        if wait:
            raise later(429, "too-many-requests", "this key exceeds its rate limit", wait)
        if scope not in access.scopes:
            allowed = ", ".join(sorted(access.scopes))
            raise Problem(403, "forbidden", f"this needs the scope '{scope}', the key has {allowed}", "use another key")
        return Caller(self._store.bound(access.space_id, access.space), access.key_id, access.scopes)

    async def authenticate_link(self, token: str, user: str | None) -> Caller | None:
        """Return the caller of a link to one person's pages, or None if the link is unknown or has expired.

        Raises:
            Problem: 404 for another person's pages or for the space's pages; 429.
        """
        opens = await self._threads.store(self._store.opens, token)
        if opens is None:
            return None
        wait = self._limit.wait(token)
        if wait:
            raise later(429, "too-many-requests", "this link exceeds its rate limit", wait)
        if opens.person != user:
            raise Problem(404, "no-such-path", "this link gives access to one person's pages only", "open it again")
        return Caller(self._store.bound(opens.space_id, opens.space), "link", frozenset({"predict", "write"}))

    async def authenticate_participant(self, token: str) -> tuple[Caller, StudyLink]:
        """Return the caller of a study link, who has no scopes, and the invitation of the link.

        Raises:
            Problem: 404 for an unknown or expired link; 429.
        """
        opens = await self._threads.store(self._store.invites, token)
        if opens is None:
            raise Problem(404, "no-such-path", "this link belongs to no study", "ask the study's organiser for a link")
        wait = self._limit.wait(token)
        if wait:
            raise later(429, "too-many-requests", "this link exceeds its rate limit", wait)
        return Caller(self._store.bound(opens.space_id, opens.space), "study", frozenset()), opens

    async def _access(self, key: str) -> Access | None:
        digest = sha256(key.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(digest)
        if known is not None and time.monotonic() - known[0] < BELIEVED_S:
            return known[1]
        asked = time.monotonic()  # a key revoked while its row is read must not be believed for longer
        found = await self._threads.store(self._store.access, key)
        if found is None:
            self._known.drop(digest)
            return None
        self._known.keep(digest, (asked, found))
        return found


def may(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """A FastAPI dependency: the caller, who must have this scope. `SECURITY` describes it in the OpenAPI document."""

    async def caller(request: Request) -> Caller:
        return await admitted(request.app.state.service.authenticator, request.scope, scope)

    return caller


async def admitted(authenticator: Authenticator, request: MutableMapping[str, Any], scope: Scope) -> Caller:
    """The caller of a request (given by its ASGI scope); recorded for the log. Problem 401, 403 or 429."""
    caller = await authenticator.authenticate(_sent(request["headers"]), scope)
    note(request, caller)
    return caller


def _sent(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    header = next((value for name, value in headers if name == b"authorization"), None)
    if header is None:
        return None
    kind, _, key = header.decode("latin-1").partition(" ")
    if kind.lower() != "bearer" or not key.strip():
        raise _unauthorized("the header Authorization is not 'Bearer KEY'")
    return key.strip()


def note(request: MutableMapping[str, Any], caller: Caller) -> None:
    """Record the caller in the request's ASGI scope, for the log."""
    request["personalrm.caller"] = (caller.space.id, caller.key_id)


Writes = Annotated[Caller, Depends(may("write"))]
Predicts = Annotated[Caller, Depends(may("predict"))]
Manages = Annotated[Caller, Depends(may("manage"))]


def _unauthorized(detail: str) -> Problem:
    way_out = "send 'Authorization: Bearer KEY' with a key that `personalrm serve key SPACE` printed"
    return Problem(401, "unauthorized", detail, way_out, headers={"WWW-Authenticate": "Bearer"})
