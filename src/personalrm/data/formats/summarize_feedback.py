"""OpenAI's summarize-from-feedback: a worker's choice between two summaries, or scores of single summaries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from personalrm.data.fields import Fields, describe, missing, number
from personalrm.data.formats.base import Format
from personalrm.data.unpacking import structured
from personalrm.errors import RowError

_TEXTS = ("post", "article")


def compared(row: Fields) -> Iterator[Fields]:
    listed = structured(row["summaries"], "summaries")
    if not isinstance(listed, list):
        raise RowError("a list of summaries", field="summaries", found=describe(listed))
    chosen = number(row["choice"], "choice")
    if not chosen.is_integer() or not 0 <= chosen < len(listed):
        raise RowError(f"a number from 0 to {len(listed) - 1}", field="choice", found=describe(row["choice"]))
    yield {**_about(row), "responses": listed, "winner": f"response {int(chosen) + 1}"}


def scored(row: Fields) -> Iterator[Fields]:
    summary = structured(row["summary"], "summary")
    axes = summary.get("axes") if isinstance(summary, Mapping) else None
    if not isinstance(summary, Mapping) or not isinstance(axes, Mapping):
        raise RowError("a summary with axes", field="summary", found=describe(summary))
    yield {**_about(row), "response": summary.get("text"), "score": axes.get("overall")}


def _about(row: Fields) -> dict[str, object]:
    info = structured(row["info"], "info")
    name = next((one for one in _TEXTS if isinstance(info, Mapping) and not missing(info.get(one))), None)
    if name is None or not isinstance(info, Mapping):
        raise RowError("an object with the post or article", field="info", found=describe(info))
    parts = [part for part in (info.get("title"), info[name]) if isinstance(part, str) and part]
    return {
        "user": row.get("worker"),
        "prompt": "\n\n".join(parts),
        "domain": info.get("subreddit") or info.get("site"),
        "reason": (row.get("extra") or {}).get("note") if isinstance(row.get("extra"), Mapping) else None,
    }


_READS = ("worker", "extra")
FORMATS = (
    Format("summarize-from-feedback comparisons", ("info", "summaries", "choice"), compared, _READS),
    Format("summarize-from-feedback scores", ("info", "summary", "worker"), scored, _READS),
)
