"""Argilla 2: annotators' responses to the records of datasets.

Requests: ``GET /api/v1/me/datasets`` and, page by page, ``GET /api/v1/datasets/ID/records?include=responses``, with
the header ``X-Argilla-Api-Key``. The host cannot filter by the time of a response, so every pull reads all records and
keeps the responses of the window. Drafts and discarded responses are left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from typing import Any

from personalrm.errors import EndpointRefused
from personalrm.integrations.feedback.api import Api
from personalrm.integrations.feedback.base import Item, Page, Window, collected, items_of, objects
from personalrm.integrations.feedback.paging import ByOffset, Row, walk_all

PER_PAGE = 100


class Argilla:
    """The feedback of some datasets.

    Args:
        projects: ids or names of datasets; if empty, all datasets that the key can access.
    """

    def __init__(self, projects: tuple[str, ...] = ()) -> None:
        self._projects = projects

    async def pages(self, api: Api, window: Window, cursor: str | None) -> AsyncIterator[Page]:
        """Pages of records, dataset by dataset in order of their ids."""
        sets = sorted(await self._datasets(api))
        async for records, following in walk_all(sets, partial(_records, api), cursor):
            items, skipped = collected(
                (f"record {record.get('id')}", partial(_items, record, response))
                for record in records
                for response in objects({"responses": record.get("responses") or []}, "responses")
            )
            yield Page(tuple(one for one in items if window.holds(one.time)), skipped, following)

    async def _datasets(self, api: Api) -> list[str]:
        found = objects(await api.get("/api/v1/me/datasets"), "items")
        wanted = [
            str(one.get("id"))
            for one in found
            if not self._projects or str(one.get("id")) in self._projects or str(one.get("name")) in self._projects
        ]
        if self._projects and not wanted:
            there = ", ".join(str(one.get("name")) for one in found[:8]) or "none"
            raise EndpointRefused(f"{api.host.name} has no dataset {' or '.join(self._projects)} (datasets: {there})")
        return wanted


def _records(api: Api, dataset: str) -> ByOffset:
    async def ask(offset: int, limit: int) -> list[Row]:
        query = {"include": ["responses"], "offset": offset, "limit": limit}
        return objects(await api.get(f"/api/v1/datasets/{dataset}/records", query), "items")

    return ByOffset(ask, PER_PAGE)


def _items(record: Mapping[str, Any], response: Mapping[str, Any]) -> Iterable[Item]:
    if response.get("status") != "submitted":
        return []
    time = response.get("updated_at") or response.get("inserted_at")
    row = {"id": record.get("id"), "fields": record.get("fields"), "responses": [response], "inserted_at": time}
    return items_of(row, time, "responses.updated_at")
