"""*Space*: its people, how well they are predicted over time, calibration, spend and jobs."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from personalrm.service.evaluation import of_space
from personalrm.service.pages.charts import calibration, over_time
from personalrm.service.pages.links import links
from personalrm.service.pages.rendering import PageRoute, html
from personalrm.service.pages.visiting import SeesSpace
from personalrm.service.state import Service
from personalrm.store.store import SpaceStore

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_PEOPLE, _JOBS, _DAYS = 50, 20, 60
_DAY_S = 86400.0


@router.get("/space")
async def space(request: Request, caller: SeesSpace, after: Annotated[str, Query(max_length=200)] = "") -> Response:
    """The whole space on one page."""
    service: Service = request.app.state.service
    shown = await service.threads.store(_space, service, caller.space, after)
    return html(request, "space.html", title=caller.space.name, user=None, links=links(caller, None, "space"), **shown)


def _space(service: Service, found: SpaceStore, after: str) -> dict[str, Any]:
    people = found.people.list(after, _PEOPLE + 1)
    days = found.predictions.by_day(time.time() - _DAYS * _DAY_S)
    bins = found.predictions.by_confidence()
    return {
        "people": people[:_PEOPLE],
        "following": people[_PEOPLE - 1].name if len(people) > _PEOPLE else None,
        "quality": of_space(found.predictions.tallies()),
        "days": days,
        "over_time": over_time(days),
        "bins": bins,
        "calibration": calibration(bins),
        "spend": found.spending.days(10),
        "month": found.spending.this_month(),
        "budget": service.store.settings(found),
        "jobs": found.jobs.list(_JOBS),
    }
