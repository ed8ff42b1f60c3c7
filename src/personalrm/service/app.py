"""The ASGI application: routes, error handlers, the OpenAPI document.

    app = make_app(Service(ServiceConfig(), Store("sqlite:///people.sqlite")))

Each topic is a module with a ``router``: in ``routes`` for the API, in ``pages`` for the web pages.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from personalrm import __version__
from personalrm.errors import PersonalrmError, StorageError
from personalrm.files import is_full
from personalrm.llm.host import Host
from personalrm.service import answers, contract
from personalrm.service.access import SECURITY
from personalrm.service.arrivals import TooBusy
from personalrm.service.chat import Chats
from personalrm.service.config import ServiceConfig
from personalrm.service.gate import Gate, internal_error, too_busy, too_large
from personalrm.service.http import PROBLEM_RESPONSES, validation_problem
from personalrm.service.pages import choose, history, home, importing, studies, taking_part, trying, you
from personalrm.service.pages import space as space_page
from personalrm.service.pages.rendering import page_of
from personalrm.service.problems import Problem, no_room, problem_of
from personalrm.service.routes import (
    chat,
    evaluation,
    feedback,
    health,
    people,
    predict,
    profile,
    questions,
    rewards,
    space,
)
from personalrm.service.shortcut import Shortcut
from personalrm.service.state import Service
from personalrm.service.upstream import Upstream

TOPICS = (predict, feedback, chat, profile, people, evaluation, questions, rewards, space, health)
PAGES = (home, space_page, importing, you, choose, history, trying, studies, taking_part)
ITEMS = (contract.ChoiceIn, contract.RankingIn, contract.RatingIn, contract.ThumbIn, answers.Problem)
"""Schemas that no route's signature refers to."""
_FORGET_S = 30
_WITHOUT_KEY = ("/healthz", "/readyz", "/metrics", "/keys/")


def make_app(service: Service) -> ASGIApp:
    """Build the application of a service; the application starts and stops the service."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        watch = asyncio.create_task(_watch(service, app.state.chats))
        yield
        watch.cancel()
        if app.state.chats is not None:
            await app.state.chats.flush()
            await app.state.chats.close()
        await asyncio.to_thread(service.stop)

    app = FastAPI(
        title="personalrm",
        version=__version__,
        summary="Personalised reward models over HTTP",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=PROBLEM_RESPONSES,
    )
    app.state.service = service
    app.state.chats = _chats(service)
    for router in (*(one.router for one in (*TOPICS, *PAGES)), home.api):
        app.include_router(router)
    _handle_errors(app, service)
    document = _document(app)
    app.openapi = lambda: document  # type: ignore[method-assign]
    slow = not service.clients.is_local
    return Gate(Shortcut(app, service), service.config, service.log, service.metrics, is_slow=slow)


def _chats(service: Service) -> Chats | None:
    """The chat handler; None if neither an upstream URL nor a key is configured."""
    config = service.config
    url = config.upstream or config.base_url
    if url is None and not any(os.environ.get(name) for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY")):
        return None
    return Chats(service, Upstream(Host.from_environment(url, config.upstream_key)))


async def _watch(service: Service, chats: Chats | None) -> None:
    """Once a second, report the request load to the learner and write chat usage to the database.

    Every `_FORGET_S` seconds, drop what is cached for people whom another process has erased.
    """
    before = 0
    for second in itertools.count(1):
        await asyncio.sleep(1.0)
        if second % _FORGET_S == 0:
            try:
                await service.threads.store(service.forget_erased)
            except StorageError as error:  # at the next time
                service.log.write("erase", level="error", detail=str(error))
        before, now = service.metrics.answered, service.metrics.answered - before
        service.learner.answered(now)
        if chats is not None:
            try:
                await chats.flush()
            except StorageError as error:  # the counts are kept in memory and written at the next success
                service.log.write("chats", level="error", detail=str(error))


def _handle_errors(app: FastAPI, service: Service) -> None:
    async def problem(request: Request, error: Problem) -> Response:
        return error.answering(request.scope)

    async def own(request: Request, error: PersonalrmError) -> Response:
        return problem_of(error).answering(request.scope)

    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return validation_problem(error).answering(request.scope)

    async def system(request: Request, error: OSError) -> Response:
        if not is_full(error):
            raise error  # an internal error
        return no_room().answering(request.scope)

    async def http(request: Request, error: HTTPException) -> Response:
        problem = no_room() if is_full(error.__cause__) else _problem_of_http(request, error, service.config)
        return page_of(request, problem) if _is_for_people(request) else problem.answering(request.scope)

    async def fault(request: Request, error: Exception) -> Response:
        return internal_error().answering(request.scope)  # the gate logs it

    handlers: dict[Any, Any] = {
        Exception: fault,
        Problem: problem,
        PersonalrmError: own,
        RequestValidationError: invalid,
        HTTPException: http,
        OSError: system,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def _is_for_people(request: Request) -> bool:
    """Whether a browser shows the answer."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1/")


def _problem_of_http(request: Request, error: HTTPException, config: ServiceConfig) -> Problem:
    path = request.url.path
    if error.status_code == 413:
        return too_large(config.max_body)
    if isinstance(error, TooBusy):
        return too_busy(config.in_flight)
    if error.status_code == 404:
        detail = f"there is nothing under {path[:200]}"
        return Problem(404, "no-such-path", detail, "see /openapi.json for the available paths; the API version is /v1")
    if error.status_code == 405:
        headers = dict(error.headers or {})
        detail = f"{request.method} is not allowed here"
        return Problem(405, "no-such-method", detail, "see /openapi.json", headers=headers)
    return Problem(error.status_code, "refused", str(error.detail), "see /openapi.json")


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, including the schemas that only errors and batches refer to."""
    document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for kind in ITEMS:
        schema = kind.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[kind.__name__] = schema
    document["components"]["securitySchemes"] = SECURITY
    for path, methods in document["paths"].items():
        if not path.startswith(_WITHOUT_KEY):
            for operation in methods.values():
                operation["security"] = [{"Bearer": []}]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return document
