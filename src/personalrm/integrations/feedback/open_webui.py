"""Open WebUI: ratings, each with its chat.

``GET /api/v1/evaluations/feedbacks/all/export`` returns all feedback in one response; it needs an administrator's API
key as the bearer token. The host cannot filter by time, so feedback outside the window is dropped here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from personalrm.integrations.feedback.api import Api
from personalrm.integrations.feedback.base import Page, Window, collected, items_of, objects

EXPORT = "/api/v1/evaluations/feedbacks/all/export"


class OpenWebUI:
    """All feedback of an installation."""

    def __init__(self, projects: tuple[str, ...] = ()) -> None:
        pass

    async def pages(self, api: Api, window: Window, cursor: str | None) -> AsyncIterator[Page]:
        """One page with all feedback of the window."""
        rows = [one for one in objects(await api.get(EXPORT)) if one.get("type", "rating") == "rating"]
        items, skipped = collected(
            (f"feedback {one.get('id')}", partial(items_of, one, one.get("updated_at") or one.get("created_at")))
            for one in rows
        )
        yield Page(tuple(one for one in items if window.holds(one.time)), skipped)
