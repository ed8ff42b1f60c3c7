"""Prometheus' Preference Collection: ``orig_preference`` is A or B; ``instruction`` and ``output`` are a judge's."""

from __future__ import annotations

from collections.abc import Iterator

from personalrm.data.fields import Fields
from personalrm.data.formats.base import Format


def rows(row: Fields) -> Iterator[Fields]:
    yield {
        "prompt": row["orig_instruction"],
        "response_a": row["orig_response_A"],
        "response_b": row["orig_response_B"],
        "winner": row["orig_preference"],
    }


_NEEDS = ("orig_instruction", "orig_response_A", "orig_response_B", "orig_preference")
FORMATS = (Format("Prometheus preferences", _NEEDS, rows, ("instruction", "output", "messages")),)
