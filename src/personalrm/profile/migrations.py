"""Migration of profiles of earlier schema versions: one function per step to the next version.

    migrated({"schema": 1, …})["schema"]        # 2

| schema | since | what changed |
|---|---|---|
| 1 | 0.1 | |
| 2 | 0.2 | engine-specific state moved to one tagged field ``engine``; seed and preset in ``options`` only; the
         embedded engine has no persona if it has no claims |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from personalrm.profile.records import SCHEMA

Record = Mapping[str, Any]


def migrated(record: Record) -> Record:
    """The record in the current schema. Raises KeyError for a missing field, TypeError or AttributeError for one of the
    wrong type."""
    while record["schema"] < SCHEMA:
        record = STEPS[record["schema"]](record)
    return record


def _one_engine(record: Record) -> Record:
    """Schema 1 to 2."""
    moved = ("preset", "seed", "reasonings", "candidates", "prompts", "traits", "checkpoint")
    kept = {name: value for name, value in record.items() if name not in moved}
    told = {name: record[name] for name in ("preset", "seed") if name in record}
    options = {**told, **(record.get("options") or {})}
    if record.get("traits") is not None:
        engine = {"kind": "traits", **record["traits"]}
    elif record.get("checkpoint") is not None:
        engine = {"kind": "trained", "stamp": record["checkpoint"]}
    else:
        engine = {"kind": "judge", **{name: record[name] for name in ("reasonings", "candidates", "prompts")}}
    persona, notes = record.get("persona"), tuple(record.get("notes") or ())
    if engine["kind"] == "traits" and persona is not None and not persona.get("claims"):
        kept |= {"persona": None, "notes": (*notes, f"No persona. {persona['summary']}")}
    return {**kept, "options": options, "engine": engine, "schema": 2}


STEPS: Mapping[int, Callable[[Record], Record]] = {1: _one_engine}
"""Schema version → the step that migrates from it."""
