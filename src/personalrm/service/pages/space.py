"""The page *Space*: people, accuracy over time, calibration, spend and jobs."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request, Response

from personalrm.service.access import OPEN_KEY
from personalrm.service.fields import After
from personalrm.service.pages.charts import calibration, over_time
from personalrm.service.pages.links import links
from personalrm.service.pages.rendering import PageRoute, html
from personalrm.service.pages.visiting import SeesSpace
from personalrm.service.state import Service
from personalrm.service.summaries import summary_of
from personalrm.store.store import SpaceStore

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_PEOPLE, _JOBS = 50, 20
_OLD_S = 30.0
"""Age in seconds from which the page shows when its figures were computed."""


@router.get("/space")
async def space(request: Request, caller: SeesSpace, after: After = "") -> Response:
    """The page of the space."""
    service: Service = request.app.state.service
    shown = await service.threads.store(_space, service, caller.space, after)
    shown["signed_in"] = caller.key_id != OPEN_KEY
    return html(request, "space.html", title=caller.space.name, user=None, links=links(caller, None, "space"), **shown)


def _space(service: Service, found: SpaceStore, after: str) -> dict[str, Any]:
    people = found.people.list(after, _PEOPLE + 1)
    summary = summary_of(found)
    return {
        "people": people[:_PEOPLE],
        "following": people[_PEOPLE - 1].name if len(people) > _PEOPLE else None,
        "quality": summary.quality,
        "as_of": summary.made if time.time() - summary.made > _OLD_S else None,
        "days": summary.days,
        "over_time": over_time(summary.days),
        "bins": summary.bins,
        "calibration": calibration(summary.bins),
        "spend": found.spending.days(10),
        "month": found.spending.this_month(),
        "budget": service.store.settings(found),
        "jobs": found.jobs.list(_JOBS),
    }
