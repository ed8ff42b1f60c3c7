"""The summary of a large space, computed in the background, so that reading it is fast.

space.summary.put(StoredSummary(time.time(), 1.2, {"quality": …}))
space.summary.get()
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from personalrm.store.schema import summaries
from personalrm.store.scope import SpaceTables


@dataclass(frozen=True, slots=True)
class StoredSummary:
    """A summary with the time it was made (seconds since 1970) and its duration (s); it contains no names."""

    made: float
    took: float
    body: Mapping[str, Any]


class Summary(SpaceTables):
    """The summary of one space."""

    def get(self) -> StoredSummary | None:
        """The latest summary, or None."""
        with self._read() as scope:
            row = scope.first(scope.select(summaries))
        return None if row is None else StoredSummary(row.made, row.took, orjson.loads(row.body))

    def put(self, kept: StoredSummary) -> None:
        """Store a summary in place of the previous one."""
        values = {"made": kept.made, "took": kept.took, "body": orjson.dumps(kept.body).decode()}
        with self._write(durable=False) as scope:
            scope.upsert(summaries, values, ("space_id",), values)
