"""Renders templates: response headers that block external resources, and problems as pages.

router = APIRouter(route_class=PageRoute, include_in_schema=False)
return html(request, "you.html", title="ada", ...)
return to(f"/people/{user}", said="corrected")             # 303; the next page shows this message
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from personalrm.errors import PersonalrmError
from personalrm.files import is_full
from personalrm.formatting import pages
from personalrm.formatting.numbers import signed
from personalrm.formatting.texts import counted, cut, plain
from personalrm.service.http import validation_problem
from personalrm.service.problems import Problem, no_room, problem_of

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

ASSETS = Path(__file__).parents[1] / "assets"
SAID = {
    "corrected": "Saved. Your profile has been updated.",
    "learning": "Saved. Your profile is being updated; reload the page in a while.",
    "withdrawn": "Withdrawn.",
    "chosen": "Thank you: your choice is stored.",
    "explained": "Thank you: your reason is stored with the choice.",
    "answered": "You answered this question before: the first answer counts.",
    "imported": "The file has been imported.",
    "forgotten": "The choice no longer counts.",
    "restored": "The choice counts again.",
    "used": "That version is now in use.",
    "returned": "You have returned to your earlier taste. New choices are learned from there.",
    "kept": "Saved: every choice counts.",
    "pool": "The starter questions were added.",
    "signed-out": "You are signed out.",
    "study-closed": "The study is closed to new participants.",
    "study-opened": "The study is open to new participants again.",
    "study-deleted": "The study and all its data are deleted.",
    "participant-deleted": "All data of that participant is deleted.",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # with "no-referrer" browsers send "Origin: null" with same-site forms
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


_WORD = re.compile("[a-z]+,? ")


class SignInFirst(Exception):
    """The visitor is not signed in; the sign-in page is shown."""


class PageRoute(APIRoute):
    """A route that shows problems as pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Overrides FastAPI's documented hook."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except SignInFirst:
                return to("/sign-in", next=quote(request.scope["path"])) if request.method == "GET" else to("/sign-in")
            except Problem as problem:
                return page_of(request, problem)
            except RequestValidationError as error:
                return page_of(request, validation_problem(error))
            except PersonalrmError as error:
                return page_of(request, problem_of(error))
            except OSError as error:
                if not is_full(error):
                    raise
                return page_of(request, no_room())

        return handler


def html(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """An HTML response. The query parameter ``said`` names the message to show."""
    if values.get("user") not in (None, values["title"]):
        values.setdefault("sub", values["user"])  # the person of the page
    said = values.pop("said", None) or SAID.get(request.query_params.get("said", ""), "")
    shown = _environment().get_template(template).render(said=said, assets=assets(), **values)
    return Response(shown, status, dict(_HEADERS), "text/html; charset=utf-8")


def to(path: str, **query: Any) -> Response:
    """Redirect to this path with GET."""
    return Response(status_code=303, headers={"Location": f"{path}?{urlencode(query)}" if query else path, **_HEADERS})


def person_path(user: str) -> str:
    """The path of a person's pages."""
    return f"/people/{quote(user, safe='')}"


@cache
def assets() -> dict[str, str]:
    """Paths of stylesheet and script; they contain a digest of the content, so browsers can cache them indefinitely."""
    return {name: f"/assets/{_digest(text)}/{name}" for name, (text, _) in contents().items()}


@cache
def contents() -> dict[str, tuple[bytes, str]]:
    """The files under ``/assets``: by name, content and media type."""
    loader = _environment()
    style = "\n".join(loader.get_template(one).render() for one in ("page.css", "service.css"))
    script = next(ASSETS.glob("htmx-*.min.js")).read_bytes()
    return {"page.css": (style.encode(), "text/css; charset=utf-8"), "htmx.js": (script, "text/javascript")}


def _digest(text: bytes) -> str:
    return blake2b(text, digest_size=6).hexdigest()


@cache
def _environment() -> Environment:
    from jinja2 import ChoiceLoader, PackageLoader

    shared = pages.environment()
    loaders = [PackageLoader("personalrm.service"), *([shared.loader] if shared.loader is not None else [])]
    found = shared.overlay(loader=ChoiceLoader(loaders))
    found.filters |= {
        "cut": cut,
        "signed": signed,
        "counted": counted,
        "percent": _percent,
        "day": _day,
        "path": person_path,
        "lines": _lines,
        "sentence": _sentence,
    }
    return found


def _lines(text: str, most: int | None = None) -> Markup:
    """A text with its line breaks and indents, escaped as `plain` does; of a longer one the first ``most`` characters
    and the number of the others."""
    from markupsafe import escape

    if most is not None and len(text) > most:
        text = f"{text[:most]}… ({len(text) - most:,} more characters)"
    told = (f"{line[: len(line) - len(line.lstrip(' '))]}{plain(line)}" for line in text.splitlines())
    return escape("\n".join(told))


def _sentence(text: str) -> str:
    """A problem's words as a sentence; a field or a file at its beginning keeps its letters."""
    begun = f"{text[:1].upper()}{text[1:]}" if _WORD.match(text) else text
    return begun if text.endswith((".", "!", "?")) else f"{begun}."


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def _day(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def page_of(request: Request, problem: Problem) -> Response:
    """A problem as a page."""
    answer = html(
        request, "problem.html", problem.status, title="That did not work", problem=problem, user=None, links=()
    )
    for name, value in problem.headers.items():
        answer.headers[name] = value
    return answer
