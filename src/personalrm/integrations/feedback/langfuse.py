"""Langfuse: scores that people gave, joined with the trace or observation that they judge.

``GET /api/public/v2/scores`` (``/api/public/scores`` of older servers), ``GET /api/public/traces/ID`` and
``GET /api/public/observations/ID``, Basic authentication with public and secret key
(https://langfuse.com/docs/api-and-data-platform/features/scores-api). Scores of source ``EVAL`` are a model's and are
left out. The user is the annotator, else the trace's ``userId``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from personalrm.data.fields import missing
from personalrm.errors import EndpointRefused, RowError
from personalrm.integrations.feedback.api import Api
from personalrm.integrations.feedback.base import Item, Page, Window, collected, items_of, objects
from personalrm.llm.gather import gather

SCORES = ("/api/public/v2/scores", "/api/public/scores")
PER_PAGE = 100
MODELS = ("EVAL",)


class Langfuse:
    """A project, which the keys name."""

    def __init__(self, projects: tuple[str, ...] = ()) -> None:
        self._path: str | None = None

    async def pages(self, api: Api, window: Window, cursor: str | None) -> AsyncIterator[Page]:
        """Pages of scores by number; the window is the host's filter, so that pages keep still while scores arrive."""
        number = int(cursor or 1)
        while True:
            query: dict[str, Any] = {"page": number, "limit": PER_PAGE, "toTimestamp": window.end}
            found = await self._scores(api, query if window.begin is None else {**query, "fromTimestamp": window.begin})
            scores = objects(found, "data")
            given = [one for one in scores if one.get("source") not in MODELS]
            keys = list(dict.fromkeys(_key(one) for one in given))
            judged = dict(zip(keys, await gather(_judged(api, *one) for one in keys), strict=True))
            items, skipped = collected(
                (f"score {score.get('id')}", partial(_items, score, judged[_key(score)])) for score in given
            )
            pages = (found.get("meta") or {}).get("totalPages")
            number += 1
            more = bool(scores) and (number <= pages if isinstance(pages, int) else len(scores) == PER_PAGE)
            yield Page(items, skipped, str(number) if more else None)
            if not more:
                return

    async def _scores(self, api: Api, query: dict[str, Any]) -> Any:
        for path in SCORES if self._path is None else (self._path,):
            found = await api.get(path, query, or_none=True)
            if found is not None:
                self._path = path
                return found
        raise EndpointRefused(f"{api.host.name} knows neither {' nor '.join(SCORES)}: is it a Langfuse server?")


def _key(score: Mapping[str, Any]) -> tuple[str, str]:
    """Ids of trace and observation that a score judges; empty where it judges none."""
    trace, part = score.get("traceId"), score.get("observationId")
    return "" if missing(trace) else str(trace), "" if missing(part) else str(part)


async def _judged(api: Api, trace_id: str, observation_id: str) -> dict[str, Any] | None:
    """The trace, with input and output of the observation where one is judged; None if there is no such trace."""
    if not trace_id:  # a score of a session or an experiment
        return None
    trace = await api.get(f"/api/public/traces/{quote(trace_id, safe='')}", or_none=True)
    if not isinstance(trace, Mapping):
        return None
    if not observation_id:
        return dict(trace)
    part = await api.get(f"/api/public/observations/{quote(observation_id, safe='')}", or_none=True)
    return {**trace, "input": part.get("input"), "output": part.get("output")} if isinstance(part, Mapping) else None


def _items(score: Mapping[str, Any], trace: Mapping[str, Any] | None) -> Iterable[Item]:
    if trace is None:
        raise RowError("a trace or observation that it judges", field="traceId", found="none")
    row = {
        "id": score.get("id"),
        "userId": trace.get("userId"),
        "sessionId": trace.get("sessionId"),
        "timestamp": score.get("timestamp"),
        "input": trace.get("input"),
        "output": trace.get("output"),
        "scores": [score],
    }
    return items_of(row, score.get("updatedAt") or score.get("timestamp"), "timestamp")
