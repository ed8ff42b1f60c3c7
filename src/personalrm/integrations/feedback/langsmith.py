"""LangSmith: users' feedback on runs; the feedback of one group compares several runs.

Requests: ``GET /api/v1/feedback`` and ``POST /api/v1/runs/query`` with the header ``X-API-Key``
(https://docs.langchain.com/langsmith/feedback-data-format). Feedback that a model gave is left out. For feedback from
the app the user is ``feedback_source.user_id``; for feedback sent through the API, ``user_id`` in the feedback's or
the run's metadata takes precedence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from personalrm.data.fields import missing
from personalrm.errors import RowError
from personalrm.integrations.feedback.api import Api
from personalrm.integrations.feedback.base import Item, Page, Window, collected, items_of, objects
from personalrm.integrations.feedback.paging import ByOffset, Row, walk

PER_PAGE = 100
"""Page size: the host's maximum."""
MODELS = ("model", "auto_eval")
_NAMES = ("user_id", "userId", "user")
Feedback = Mapping[str, Any]


class LangSmith:
    """The feedback of a workspace, or of some of its projects.

    Args:
        projects: ids of projects ("sessions"); if empty, all.
    """

    def __init__(self, projects: tuple[str, ...] = ()) -> None:
        self._projects = projects

    async def pages(self, api: Api, window: Window, cursor: str | None) -> AsyncIterator[Page]:
        """Pages by offset; a group that may continue on the next page is read together with that page."""

        async def ask(offset: int, limit: int) -> list[Row]:
            query: dict[str, Any] = {"limit": limit, "offset": offset, "max_created_at": window.end}
            if window.begin is not None:
                query["min_created_at"] = window.begin
            if self._projects:
                query["session"] = list(self._projects)
            return objects(await api.get("/api/v1/feedback", query))

        async for rows, following in walk(ByOffset(ask, PER_PAGE), cursor, _complete_groups):
            items, skipped = await _read(api, [one for one in rows if _source(one).get("type") not in MODELS])
            yield Page(items, skipped, following)


async def _read(api: Api, given: Sequence[Feedback]) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    ids = list(dict.fromkeys(str(one["run_id"]) for one in given if not missing(one.get("run_id"))))
    runs: dict[str, Mapping[str, Any]] = {}
    for at in range(0, len(ids), PER_PAGE):
        some = ids[at : at + PER_PAGE]
        asked = {"id": some, "select": ["id", "inputs", "outputs", "extra"], "limit": len(some)}
        runs |= {str(one.get("id")): one for one in objects(await api.post("/api/v1/runs/query", asked), "runs")}
    groups: dict[tuple[str, str], list[Feedback]] = {}
    for one in given:
        group = one.get("feedback_group_id")
        key = ("feedback", str(one.get("id"))) if missing(group) else (f"group {group}", str(one.get("key")))
        groups.setdefault(key, []).append(one)
    return collected(
        (f"{name} {of}" if name == "feedback" else name, partial(_items, some, runs))
        for (name, of), some in groups.items()
    )


def _items(some: Sequence[Feedback], runs: Mapping[str, Mapping[str, Any]]) -> Iterable[Item]:
    return _single(some[0], runs) if len(some) == 1 else _of_group(some, runs)


def _single(one: Feedback, runs: Mapping[str, Mapping[str, Any]]) -> list[Item]:
    run = runs.get(str(one.get("run_id")))
    if run is None:
        raise RowError("the run that the feedback refers to", field="run_id", found=str(one.get("run_id")))
    row = {
        "id": one.get("id"),
        "inputs": run.get("inputs"),
        "outputs": run.get("outputs"),
        "start_time": one.get("created_at"),
        "session_id": one.get("session_id"),
        "feedback": [
            {"user_id": _user(one, run), **{name: one.get(name) for name in ("score", "value", "comment", "key")}}
        ],
    }
    return items_of(row, one.get("modified_at") or one.get("created_at"), "created_at")


def _of_group(some: Sequence[Feedback], runs: Mapping[str, Mapping[str, Any]]) -> list[Item]:
    """Items of a feedback group: one user's scores of several answers to one input."""
    read = [(one, item) for one in some for item in _single(one, runs)]
    if not read:
        return []
    (first, item) = read[0]
    scores = [_score(one) for one, _ in read]
    responses = [
        {"content": other.row["response"], "score": score} for (_, other), score in zip(read, scores, strict=True)
    ]
    reason = next((other.row["reason"] for _, other in read if "reason" in other.row), None)
    kept = {name: value for name, value in item.row.items() if name not in ("response", "score", "liked")}
    name = f"{first['feedback_group_id']}-{first.get('key')}"
    times = [other.time for _, other in read if other.time is not None]
    time = max(times) if times else None
    row = {**kept, "id": name, "time": time, "responses": responses, **({"reason": reason} if reason else {})}
    return [Item(item.user, name, time, row)]


def _score(one: Feedback) -> float:
    score = one.get("score") if not missing(one.get("score")) else one.get("value")
    if not isinstance(score, int | float):
        raise RowError("a number", field="score", found=str(score)[:60])
    return float(score)


def _user(one: Feedback, run: Mapping[str, Any]) -> str | None:
    source, extra = _source(one), run.get("extra")
    ran = extra.get("metadata") if isinstance(extra, Mapping) else None
    told = [part for part in (source.get("metadata"), ran) if isinstance(part, Mapping)]
    named = [part[name] for part in told for name in _NAMES if not missing(part.get(name))]
    own = [] if missing(source.get("user_id")) else [source["user_id"]]
    found = [*own, *named] if source.get("type") == "app" else [*named, *own]
    return str(found[0]) if found else None


def _source(one: Feedback) -> Mapping[str, Any]:
    found = one.get("feedback_source")
    return found if isinstance(found, Mapping) else {}


def _complete_groups(found: Sequence[Feedback]) -> Sequence[Feedback]:
    """The rows before the first group that may continue after the last row.

    A group may continue if it contains the last row, or if it has a single row and that row is in the second half
    (several users may give feedback at the same time). A group is never split.
    """
    named = (one.get("feedback_group_id") for one in found)
    groups = [None if missing(group) else group for group in named]
    rows = Counter(group for group in groups if group is not None)
    first: dict[Any, int] = {}
    for at, group in enumerate(groups):
        if group in rows:
            first.setdefault(group, at)
    cut = first.get(groups[-1], len(found)) if groups else 0
    half = len(found) // 2
    cut = min([cut, *(at for group, at in first.items() if rows[group] == 1 and at >= half)])
    at = len(found)
    while at > cut:  # every row once: the groups of the rows cut off are cut off from their first row
        at -= 1
        cut = min(cut, first.get(groups[at], at))
    return found[:cut]
