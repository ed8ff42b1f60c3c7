"""PersonalLLM: eight responses to a prompt, scored by ten reward models; each reward model is read as a user."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from personalrm.data.fields import Fields, missing, number
from personalrm.data.formats.base import Format

_SCORED = re.compile(r"response_(\d+)_(.+)")


def rows(row: Fields) -> Iterator[Fields]:
    """Yield a row of scored responses for each reward model."""
    people: dict[str, list[dict[str, object]]] = {}
    for column, value in row.items():
        named = _SCORED.fullmatch(column)
        response = row.get(f"response_{named[1]}") if named else None
        if named and isinstance(response, str) and not missing(value) and named[2] != "model":
            people.setdefault(named[2], []).append({"content": response, "score": number(value, column)})
    for name, responses in people.items():
        yield {"user": name, "prompt": row["prompt"], "responses": responses, "id": row.get("prompt_id")}


def _has_scores(columns: Collection[str]) -> bool:
    return any(_SCORED.fullmatch(one) and not one.endswith("_model") for one in columns)


_READS = ("prompt_id", *(f"response_{at}" for at in range(1, 33)))
FORMATS = (Format("PersonalLLM", ("prompt", "response_1", "response_2"), rows, _READS, also=_has_scores),)
