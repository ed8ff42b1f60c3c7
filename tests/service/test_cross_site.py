"""Every form of every page, sent by a page of another site with the visitor's cookie: refused, and nothing changed."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute
from page_visits import asked
from service_process import Api

from personalrm.service.pages import (
    choose,
    history,
    home,
    importing,
    space,
    studies,
    taking_part,
    trying,
    you,
)

ROUTERS = [one.router for one in (choose, history, home, importing, space, studies, taking_part, trying, you)]
FORMS = sorted(
    route.path
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and not route.methods <= {"GET", "HEAD"}
)
ORIGINS = ("https://elsewhere.example", "http://127.0.0.1", "null", "")


def filled(path: str, user: str, token: str) -> str:
    for name, value in {"user": user, "study": "1", "token": token}.items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path, "a new parameter needs a value here"
    return path


def test_all_forms_are_here() -> None:
    assert len(FORMS) == 18


@pytest.mark.parametrize("path", FORMS)
def test_a_form_of_another_site_is_refused(api: Api, path: str) -> None:
    for user in ("nobody-here", "w%C3%BCnsch%3D"):
        for origin in ORIGINS:
            given = {"Origin": origin} if origin else {"Origin": "", "Referer": "https://elsewhere.example/"}
            sent = asked(api, "POST", filled(path, user, "prs_1_1_0_x"), api.key, {"key": api.key or ""}, **given)
            assert sent.status == 403
    assert api.get("/v1/people/nobody-here/choices").status == 404
