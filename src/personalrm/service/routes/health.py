"""Liveness, readiness and metrics, for load balancers and Prometheus. No key is required."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from personalrm import __version__
from personalrm.service.http import reply
from personalrm.service.metrics import CONTENT_TYPE
from personalrm.service.problems import later
from personalrm.service.state import Service

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def alive() -> Response:
    """The process is running."""
    return reply({"status": "ok", "version": __version__})


@router.get("/readyz")
async def ready(request: Request) -> Response:
    """The database is reachable, has this version and is not being migrated; the service is not stopping. Else 503."""
    service: Service = request.app.state.service
    if service.is_stopping:
        raise later(503, "stopping", "the service is stopping", 5.0)
    await service.threads.store(service.store.require_ready)
    return reply({"status": "ready", "database": service.store.database.kind, "model": service.clients.model})


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Metrics for Prometheus; they name no space and no person."""
    service: Service = request.app.state.service
    for state, count in (await service.threads.store(service.store.queue.counts)).items():
        service.metrics.jobs.labels(state).set(count)
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)
