"""MultiPref: one pair judged by several people, each with an overall preference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from personalrm.data.fields import Fields, describe, missing
from personalrm.data.formats.base import Format
from personalrm.data.unpacking import structured
from personalrm.errors import RowError

WORKERS = ("normal_worker_annotations", "expert_worker_annotations")


def rows(row: Fields) -> Iterator[Fields]:
    shared = {
        "prompt": row["text"],
        "response_a": row["completion_a"],
        "response_b": row["completion_b"],
        "id": row.get("comparison_id"),
        "domain": row.get("category"),
    }
    for column in WORKERS:
        listed = structured(row.get(column), column)
        if missing(listed):
            continue
        if not isinstance(listed, list):
            raise RowError("a list of annotations", field=column, found=describe(listed))
        for at, one in enumerate(listed):
            if not isinstance(one, Mapping):
                raise RowError("an annotation", field=f"{column}.{at}", found=describe(one))
            if not missing(one.get("overall_pref")):
                said = {"user": one.get("evaluator"), "winner": one["overall_pref"], "time": one.get("timestamp")}
                yield {**shared, **said}


def _is_ours(row: Fields) -> bool:
    return any(name in row for name in WORKERS)


FORMATS = (
    Format(
        "MultiPref",
        ("text", "completion_a", "completion_b"),
        rows,
        (*WORKERS, "comparison_id", "category"),
        accepts=_is_ours,
    ),
)
