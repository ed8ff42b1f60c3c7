"""The pages of a study's participant: consent, pairs, blind ratings of claims, thanks. The link is the only credential.

Several people can use one invitation; each who consents gets a personal link, which leads to their next step.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Form, Request, Response

from personalrm.bench.studies.human import QUESTION, SCALE, Choose, Picked, Rate, Session, Step
from personalrm.errors import DataError, StoreConflict
from personalrm.service.access import note
from personalrm.service.pages.rendering import PageRoute, html, to
from personalrm.service.pages.visiting import check_origin, is_secure
from personalrm.service.problems import Problem, invalid
from personalrm.service.state import Service
from personalrm.store.store import SpaceStore

router = APIRouter(route_class=PageRoute, include_in_schema=False)
TITLE = "A study of what people prefer"
_COOKIE, _DAYS = "personalrm-study", 60
_DRAWN_CODES = 5


class Guest(NamedTuple):
    """A visitor with a link to a study; ``code`` is None before consent."""

    service: Service
    space: SpaceStore
    study: int
    code: str | None
    token: str

    @property
    def path(self) -> str:
        """Path of the visitor's page."""
        return f"/take-part/{self.token}"

    def session(self) -> Session:
        """The participant's session. Problem 404 if their data was deleted."""
        try:
            return self.service.studies.get(self.space, self.study).session(self.code)
        except DataError as error:
            raise Problem(404, "no-such-path", str(error), "the participant's data was deleted") from None


async def _guest(request: Request, token: str) -> Guest:
    check_origin(request)
    service: Service = request.app.state.service
    caller, opens = await service.authenticator.authenticate_participant(token)
    note(request.scope, caller)
    return Guest(service, caller.space, opens.study, opens.code, token)


Guests = Annotated[Guest, Depends(_guest)]


@router.get("/take-part/{token}")
async def step(request: Request, guest: Guests) -> Response:
    """The next step; for an invitation, the consent text."""
    shown = await guest.service.threads.predict(_shown, guest)
    if guest.code is None:
        shown["going_on"] = await _begun(guest, request.cookies.get(_COOKIE, ""))
    told: dict[str, Any] = {"question": QUESTION, "scale": SCALE, "user": None, "links": ()}
    return html(request, "take_part.html", title=TITLE, path=guest.path, **told, **shown)


@router.post("/take-part/{token}")
async def answer(
    request: Request,
    guest: Guests,
    place: Annotated[int, Form(ge=0, le=10_000)],
    prefers: Annotated[Picked | None, Form()] = None,
    rating: Annotated[int | None, Form(ge=SCALE[0], le=SCALE[1])] = None,
) -> Response:
    """Store the answer and show the next step; a repeated answer to an earlier step changes nothing."""
    if guest.code is None:
        token = await guest.service.threads.store(_agree, guest)
        answer = to(f"/take-part/{token}")
        kept: dict[str, Any] = {"httponly": True, "samesite": "lax", "secure": is_secure(request)}
        answer.set_cookie(_COOKIE, token, path="/take-part", max_age=_DAYS * 86400, **kept)
        return answer
    is_new = await guest.service.threads.predict(_answer, guest, place, prefers, rating)
    return to(guest.path) if is_new else to(guest.path, said="answered")


@router.post("/take-part/{token}/withdraw")
async def withdraw(request: Request, guest: Guests) -> Response:
    """Withdraw from the study and delete the participant's data."""
    if guest.code is None:
        raise Problem(404, "no-such-path", "an invitation is not a participant's page", "use your personal link")
    await guest.service.threads.store(guest.space.studies.erase, guest.study, guest.code, "study")
    told: dict[str, Any] = {"title": TITLE, "path": "", "user": None, "links": (), "kind": "withdrawn"}
    answer = html(request, "take_part.html", **told, simulated=False, code=None)
    answer.delete_cookie(_COOKIE, path="/take-part")
    return answer


def _shown(guest: Guest) -> dict[str, Any]:
    session = guest.session()
    try:
        found = session.step()
    except StoreConflict:  # another request has drawn the claims at the same time
        session = guest.session()
        found = session.step()
    is_closed = guest.code is None and guest.space.studies.get(guest.study).closed is not None
    return {
        "kind": "closed" if is_closed else type(found).__name__.lower(),
        "step": found,
        "place": session.place,
        "code": guest.code,
        "simulated": guest.service.studies.get(guest.space, guest.study).protocol.simulated,
    }


def _agree(guest: Guest) -> str:
    """Create a participant; returns the token of their personal link."""
    for left in reversed(range(_DRAWN_CODES)):
        session = guest.session()
        try:
            session.agree()
        except StoreConflict:  # the code is taken, or the study is closed
            if not left:
                raise
            continue
        break
    return guest.space.links.to_study(guest.study, session.code)


def _answer(guest: Guest, place: int, prefers: Picked | None, rating: int | None) -> bool:
    """Store an answer; returns whether it was new."""
    session = guest.session()
    try:
        shown = session.step()
        if session.place != place:
            return False
        _keep(session, shown, prefers, rating)
    except StoreConflict:  # the same form, sent twice
        return False
    return True


def _keep(session: Session, shown: Step, prefers: Picked | None, rating: int | None) -> None:
    if isinstance(shown, Choose):
        if prefers is None:
            raise invalid("prefers", "expected left, right or neither", "go back and choose")
        session.choose(prefers)
    elif isinstance(shown, Rate):
        if rating is None:
            raise invalid("rating", f"expected {SCALE[0]} to {SCALE[1]}", "go back and choose a number")
        session.rate(rating)


async def _begun(guest: Guest, token: str) -> str | None:
    """Path of the study that this browser has already started; None if there is none."""
    opens = await guest.service.threads.store(guest.service.store.invites, token)
    if opens is None or opens.code is None or (opens.space_id, opens.study) != (guest.space.id, guest.study):
        return None
    is_there = await guest.service.threads.store(guest.space.studies.events, guest.study, opens.code)
    return f"/take-part/{token}" if is_there else None
