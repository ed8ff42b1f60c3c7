"""Open WebUI: ratings with the chat that they were given in.

``GET /api/v1/evaluations/feedbacks/all/export`` gives an administrator all feedback in one answer, with an API key as
the bearer. The host has no filter by time: what is older than the window is left out here.
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
        """One page."""
        rows = [one for one in objects(await api.get(EXPORT)) if one.get("type", "rating") == "rating"]
        items, skipped = collected(
            (f"feedback {one.get('id')}", partial(items_of, one, one.get("updated_at") or one.get("created_at")))
            for one in rows
        )
        yield Page(tuple(one for one in items if window.holds(one.time)), skipped)
