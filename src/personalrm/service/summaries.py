"""Accuracy over a whole space: computed on request for small spaces, in the background for large ones.

    found = summary_of(space)
    found.quality["accuracy"], found.days, found.bins, found.made

Every figure covers all predictions of the space; millions of them take seconds. Above `LIVE` predictions the learner
process computes the figures, in at most a fiftieth of its time, and the page and the API show when they were computed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from personalrm.service.evaluation import of_space
from personalrm.store.predictions import PredictionBin
from personalrm.store.store import SpaceStore, Store
from personalrm.store.summaries import StoredSummary

LIVE = 5_000
"""Up to this number of predictions the figures are computed on request: 40 ms."""
DAYS = 60
SHARE = 50
AT_LEAST_S = 60.0
_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class SpaceSummary:
    """Figures of `of_space`, by day of the last `DAYS` days, and by confidence; ``made`` in seconds since 1970."""

    quality: dict[str, Any]
    days: Sequence[PredictionBin]
    bins: Sequence[PredictionBin]
    made: float


def summary_of(space: SpaceStore) -> SpaceSummary:
    """The newest available summary."""
    kept = None if _is_small(space) else space.summary.get()
    return _computed(space) if kept is None else _read(kept)


def refresh_all(store: Store) -> None:
    """Recompute the summaries of large spaces that are out of date."""
    for space in store.spaces():
        kept = space.summary.get()
        if not _is_small(space) and (kept is None or _is_old(space, kept)):
            refresh(space)


def refresh(space: SpaceStore) -> None:
    """Recompute the summary."""
    began = time.monotonic()
    found = _computed(space)
    body = {"quality": found.quality, "days": [*map(asdict, found.days)], "bins": [*map(asdict, found.bins)]}
    space.summary.put(StoredSummary(found.made, time.monotonic() - began, body))


def _is_small(space: SpaceStore) -> bool:
    return space.predictions.count(LIVE + 1) <= LIVE


def _is_old(space: SpaceStore, kept: StoredSummary) -> bool:
    return time.time() - kept.made > max(AT_LEAST_S, SHARE * kept.took)


def _computed(space: SpaceStore) -> SpaceSummary:
    made = time.time()
    quality = of_space(space.predictions.tallies())
    days = space.predictions.by_day(made - DAYS * _DAY_S)
    return SpaceSummary(quality, days, space.predictions.by_confidence(), made)


def _read(kept: StoredSummary) -> SpaceSummary:
    days, bins = ([PredictionBin(**one) for one in kept.body[name]] for name in ("days", "bins"))
    return SpaceSummary(dict(kept.body["quality"]), days, bins, kept.made)
