"""Langfuse: users' scores, joined with the trace or observation that they refer to.

- Langfuse 4 and Langfuse Cloud: ``GET /api/public/v3/scores`` with a cursor, and
  ``GET /api/public/v2/observations``; a trace is represented by its first observation without a parent.
- Older servers: ``GET /api/public/v2/scores`` (before that ``/api/public/scores``) in numbered pages,
  ``GET /api/public/traces/ID`` and ``GET /api/public/observations/ID``.

Authentication is Basic with the public and the secret key
(https://langfuse.com/docs/api-and-data-platform/features/scores-api). Scores of source ``EVAL`` were given by a model
and are left out. The user is the annotator, else the trace's ``userId``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

import orjson

from personalrm.data.fields import missing
from personalrm.errors import EndpointRefused, RowError
from personalrm.integrations.feedback.api import Api
from personalrm.integrations.feedback.base import Item, Page, Window, collected, items_of, objects
from personalrm.integrations.feedback.paging import ByNumber, Row, next_cursor, walk
from personalrm.llm.gather import gather

BY_CURSOR = "/api/public/v3/scores"
SCORES = ("/api/public/v2/scores", "/api/public/scores")
OBSERVATIONS = "/api/public/v2/observations"
PER_PAGE = 100
MODELS = ("EVAL",)
_CURSOR = "v3:"
"""Prefix of a cursor of `BY_CURSOR`; cursors without it belong to `paging`."""


class Langfuse:
    """The scores of the project that the keys belong to; ``projects`` is ignored."""

    def __init__(self, projects: tuple[str, ...] = ()) -> None:
        self._path: str | None = None
        self._has_traces = True

    async def pages(self, api: Api, window: Window, cursor: str | None) -> AsyncIterator[Page]:
        """Pages of scores; the host filters by the window, so pages do not shift while new scores arrive."""
        if cursor is None or cursor.startswith(_CURSOR):
            position = (cursor or "").removeprefix(_CURSOR)
            found = await api.get(BY_CURSOR, self._query(window, position), or_none=True)
            if found is not None:
                async for page in self._by_cursor(api, window, found):
                    yield page
                return
        async for scores, following in walk(self._numbered(api, window), cursor):
            items, skipped = await self._read(api, scores)
            yield Page(items, skipped, following)

    async def _by_cursor(self, api: Api, window: Window, found: Any) -> AsyncIterator[Page]:
        given: set[str] = set()
        while True:
            position = next_cursor(found, given)
            items, skipped = await self._read(api, [_as_version_2(one) for one in objects(found, "data")])
            yield Page(items, skipped, f"{_CURSOR}{position}" if position else None)
            if not position:
                return
            found = await api.get(BY_CURSOR, self._query(window, position))

    def _numbered(self, api: Api, window: Window) -> ByNumber:
        async def ask(page: int, size: int) -> tuple[list[Row], int | None]:
            found = await self._scores(api, {"page": page, "limit": size, **_times(window)})
            total = (found.get("meta") or {}).get("totalItems")
            return objects(found, "data"), total if isinstance(total, int) else None

        return ByNumber(ask, PER_PAGE)

    async def _scores(self, api: Api, query: dict[str, Any]) -> Any:
        for path in SCORES if self._path is None else (self._path,):
            found = await api.get(path, query, or_none=True)
            if found is not None:
                self._path = path
                return found
        raise EndpointRefused(
            f"{api.host.name} has neither {BY_CURSOR} nor {' nor '.join(SCORES)}: is it a Langfuse server?"
        )

    async def _read(self, api: Api, scores: Sequence[Mapping[str, Any]]) -> tuple[tuple[Item, ...], tuple[str, ...]]:
        given = [one for one in scores if one.get("source") not in MODELS]
        keys = list(dict.fromkeys(_key(one) for one in given))
        judged = dict(zip(keys, await gather(self._trace_of(api, *one) for one in keys), strict=True))
        return collected((f"score {score.get('id')}", partial(_items, score, judged[_key(score)])) for score in given)

    async def _trace_of(self, api: Api, trace_id: str, observation_id: str) -> dict[str, Any] | None:
        """The trace, with the input and output of the observation if the score has one; None if there is no trace."""
        if not trace_id:  # a score of a session or an experiment
            return None
        if self._has_traces:
            found = await _trace(api, trace_id, observation_id)
            if found is not None:
                return found
        put_together = await _trace_from_observations(api, trace_id, observation_id)
        self._has_traces = self._has_traces and put_together is None
        return put_together

    @staticmethod
    def _query(window: Window, position: str) -> dict[str, Any]:
        query = {"limit": PER_PAGE, "fields": "details,subject,annotation", **_times(window)}
        return {**query, "cursor": position} if position else query


def _times(window: Window) -> dict[str, Any]:
    end: dict[str, Any] = {"toTimestamp": window.end}
    return end if window.begin is None else {**end, "fromTimestamp": window.begin}


def _as_version_2(score: Mapping[str, Any]) -> Mapping[str, Any]:
    """A score of API version 3 with ``traceId`` and ``observationId`` as in version 2."""
    subject = score.get("subject")
    about: Mapping[str, Any] = subject if isinstance(subject, Mapping) else {}
    if about.get("kind") == "trace":
        return {**score, "traceId": about.get("id")}
    if about.get("kind") == "observation":
        return {**score, "traceId": about.get("traceId"), "observationId": about.get("id")}
    return score


def _key(score: Mapping[str, Any]) -> tuple[str, str]:
    """Ids of the trace and the observation that a score refers to; empty if it has none."""
    trace, part = score.get("traceId"), score.get("observationId")
    return "" if missing(trace) else str(trace), "" if missing(part) else str(part)


async def _trace(api: Api, trace_id: str, observation_id: str) -> dict[str, Any] | None:
    """A trace from a server before version 4, with the observation's input and output if one is given."""
    trace = await api.get(f"/api/public/traces/{quote(trace_id, safe='')}", or_none=True)
    if not isinstance(trace, Mapping):
        return None
    if not observation_id:
        return dict(trace)
    part = await api.get(f"/api/public/observations/{quote(observation_id, safe='')}", or_none=True)
    return {**trace, "input": part.get("input"), "output": part.get("output")} if isinstance(part, Mapping) else None


async def _trace_from_observations(api: Api, trace_id: str, observation_id: str) -> dict[str, Any] | None:
    """A trace from its observations: the given observation, or the first one without a parent."""
    rows: list[Mapping[str, Any]] = []
    given: set[str] = set()
    query: dict[str, Any] = {"traceId": trace_id, "fields": "core,basic,io", "limit": PER_PAGE}
    while True:
        found = await api.get(OBSERVATIONS, query, or_none=True)
        if found is None:
            return None
        rows += objects(found, "data")
        position = next_cursor(found, given)
        if position is None:
            break
        query["cursor"] = position
    if observation_id:
        judged = [one for one in rows if str(one.get("id")) == observation_id]
    else:
        judged = sorted(
            (one for one in rows if missing(one.get("parentObservationId"))), key=lambda one: str(one.get("startTime"))
        )
    if not judged:
        return None
    said = {
        name: next((one[name] for one in (judged[0], *rows) if not missing(one.get(name))), None)
        for name in ("userId", "sessionId")
    }
    return {**said, "input": judged[0].get("input"), "output": _parsed_output(judged[0].get("output"))}


def _parsed_output(output: Any) -> Any:
    """An output of version 4, which is a string: JSON of a message or a string is parsed, other JSON is the answer."""
    if not isinstance(output, str) or output[:1] not in ("{", "[", '"'):
        return output
    try:
        found = orjson.loads(output)
    except orjson.JSONDecodeError:
        return output
    one = found[-1] if isinstance(found, list) and found else found
    return found if isinstance(one, str) or (isinstance(one, Mapping) and "content" in one) else output


def _items(score: Mapping[str, Any], trace: Mapping[str, Any] | None) -> Iterable[Item]:
    if trace is None:
        raise RowError("the trace or observation that the score refers to", field="traceId", found="none")
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
