"""What a page shows of a whole space, worked out in the background: reading it takes no longer in a large space.

space.summary.put(Kept(time.time(), 1.2, {"quality": …}))
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
class Kept:
    """When it was worked out (seconds since 1970), how long that took (s), and what was found; it names nobody."""

    made: float
    took: float
    body: Mapping[str, Any]


class Summary(SpaceTables):
    """Of one space."""

    def get(self) -> Kept | None:
        """What was worked out last, or None."""
        with self._read() as scope:
            row = scope.first(scope.select(summaries))
        return None if row is None else Kept(row.made, row.took, orjson.loads(row.body))

    def put(self, kept: Kept) -> None:
        """Keep it in the place of the last one."""
        values = {"made": kept.made, "took": kept.took, "body": orjson.dumps(kept.body).decode()}
        with self._write(durable=False) as scope:
            scope.upsert(summaries, values, ("space_id",), values)
