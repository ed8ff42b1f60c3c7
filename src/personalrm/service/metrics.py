"""Prometheus counters at ``/metrics``; labels are routes and states, never a space or a person."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The counters of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.answered = 0
        self.requests = Counter(
            "personalrm_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "personalrm_request_seconds", "Time to answer", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self.in_flight = Gauge("personalrm_requests_in_flight", "Requests worked on", registry=self.registry)
        self.choices = Counter("personalrm_choices_stored", "Choices stored", registry=self.registry)
        self.learned = Counter("personalrm_profiles_learned", "Profiles learned", ["kind"], registry=self.registry)
        self.aside = Counter("personalrm_profiles_kept_aside", "Refits that predicted worse", registry=self.registry)
        self.failed = Counter("personalrm_jobs_failed", "Attempts at learning that failed", registry=self.registry)
        self.jobs = Gauge(
            "personalrm_jobs", "People whose profile waits to be learned", ["state"], registry=self.registry
        )

    def told(self, event: dict[str, Any]) -> None:
        """Count a job that ended."""
        if event.get("failed"):
            self.failed.inc()
        if event.get("learned"):
            self.learned.labels(event["learned"]).inc()
        if event.get("aside"):
            self.aside.inc()

    def text(self) -> bytes:
        """The counters in Prometheus's text format."""
        return generate_latest(self.registry)
