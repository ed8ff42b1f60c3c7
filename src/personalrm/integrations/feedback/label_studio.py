"""Label Studio: annotations of tasks.

Requests: ``GET /api/tasks?project=ID&fields=all`` page by page, filtered by ``updated_at``; on servers without that
path, ``GET /api/projects/ID/export?exportType=JSON``. A legacy token is sent with the scheme ``Token``; a personal
access token is first exchanged at ``POST /api/token/refresh`` (https://labelstud.io/guide/api.html).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from typing import Any

import orjson

from personalrm.errors import EndpointRefused, UnusableResponse
from personalrm.integrations.feedback.api import Api
from personalrm.integrations.feedback.base import Item, Page, Window, collected, items_of, objects
from personalrm.integrations.feedback.paging import ByNumber, Row, walk, walk_all

PER_PAGE = 100


class LabelStudio:
    """The annotations of some projects.

    Args:
        projects: project numbers; if empty, all projects that the token can access.
    """

    def __init__(self, projects: tuple[str, ...] = ()) -> None:
        self._projects = projects

    async def pages(self, api: Api, window: Window, cursor: str | None) -> AsyncIterator[Page]:
        """Pages of tasks, project by project."""
        projects = sorted(self._projects or [project async for project in _projects(api)], key=_number)
        async for tasks, following in walk_all(projects, partial(_tasks, api, window), cursor, _number):
            items, skipped = collected(
                (f"annotation {one.get('id')}", partial(_items, task, one))
                for task in tasks
                for one in objects(task, "annotations")
            )
            yield Page(tuple(one for one in items if window.holds(one.time)), skipped, following)


def _items(task: Mapping[str, Any], annotation: Mapping[str, Any]) -> Iterable[Item]:
    time = annotation.get("updated_at") or annotation.get("created_at")
    row = {"id": task.get("id"), "data": task.get("data"), "annotations": [annotation]}
    return items_of(row, time, "annotations.updated_at")


async def _projects(api: Api) -> AsyncIterator[str]:
    async def ask(page: int, size: int) -> tuple[list[Row], int | None]:
        found = await api.get("/api/projects", {"page": page, "page_size": size}, or_none=page > 1)
        return ([], None) if found is None else (objects(found, "results"), _whole(found.get("count")))

    async for rows, _ in walk(ByNumber(ask, PER_PAGE), None):
        for one in rows:
            yield str(one.get("id"))


def _tasks(api: Api, window: Window, project: str) -> ByNumber:
    """A project's tasks with their annotations."""

    async def ask(page: int, size: int) -> tuple[list[Row], int | None]:
        query = {"project": project, "fields": "all", "page": page, "page_size": size, "query": _filter(window)}
        found = await api.get("/api/tasks", query, or_none=True)
        if found is not None:
            return objects(found, "tasks"), _whole(found.get("total"))
        if page > 1:
            return [], None  # some versions answer 404 after the last page
        exported = await api.get(f"/api/projects/{project}/export", {"exportType": "JSON"}, or_none=True)
        if exported is None:
            raise EndpointRefused(f"{api.host.name} has no project {project}: give --project NUMBER")
        rows = objects(exported)
        return rows, len(rows)

    return ByNumber(ask, PER_PAGE)


def _filter(window: Window) -> str:
    """The server's filter: annotated tasks that were changed after the beginning of the window."""
    items: list[dict[str, Any]] = [
        {"filter": "filter:tasks:total_annotations", "operator": "greater", "type": "Number", "value": 0}
    ]
    if window.begin is not None:
        changed = {"filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime"}
        items.append({**changed, "value": window.begin})
    return orjson.dumps({"filters": {"conjunction": "and", "items": items}}).decode()


async def access_token(api: Api, refresh: str) -> str:
    """Exchange a personal access token for a short-lived one. EndpointError if the host does not return one."""
    found = await api.post("/api/token/refresh", {"refresh": refresh})
    token = found.get("access") if isinstance(found, Mapping) else None
    if not isinstance(token, str) or not token:
        raise UnusableResponse(f"{api.host.name} returned no access token for the personal access token")
    return token


def _number(project: str) -> tuple[int, str]:
    return (int(project) if project.isdecimal() else 0, project)


def _whole(count: Any) -> int | None:
    return count if isinstance(count, int) else None
