"""The space: its jobs, spending and audit log."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from personalrm.service.access import Manages
from personalrm.service.fields import Limit
from personalrm.service.http import JsonRoute, reply
from personalrm.service.state import Service

router = APIRouter(route_class=JsonRoute, tags=["space"])


@router.get("/v1/jobs")
async def jobs(request: Request, caller: Manages, limit: Limit = 100) -> Response:
    """People whose profiles are being fitted, are waiting, or failed, with the reason."""
    service: Service = request.app.state.service
    return reply({"jobs": [asdict(one) for one in await service.threads.store(caller.space.jobs.list, limit)]})


@router.get("/v1/spend")
async def spend(request: Request, caller: Manages) -> Response:
    """Cost of the model's endpoint by day, and the monthly budget."""
    service: Service = request.app.state.service

    def found() -> dict[str, Any]:
        days = [{"day": day, **asdict(spent)} for day, spent in caller.space.spending.days()]
        month = asdict(caller.space.spending.this_month())
        return {"days": days, "month": month, "budget": asdict(service.store.settings(caller.space))}

    return reply(await service.threads.store(found))


@router.get("/v1/audit")
async def audit(
    request: Request,
    caller: Manages,
    before: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    limit: Limit = 100,
) -> Response:
    """Audit log, newest first; people are identified by keyed hashes."""
    service: Service = request.app.state.service
    return reply(
        {"entries": [asdict(one) for one in await service.threads.store(caller.space.audit.list, before, limit)]}
    )
