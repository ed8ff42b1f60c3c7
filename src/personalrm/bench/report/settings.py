"""Tables of the settings of a run or a study, from which it can be reproduced.

settings(record).rows[1]                # ("fingerprint of all choices", "1d7c1a7f0b3a5a36")
settings_of_study({"models": ["a", "b"]})
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from personalrm.bench.record import RunRecord
from personalrm.bench.report.table import Column, Table

_OTHERS = ("none; the prior shipped with the package", "the people of the other folds")
_COLUMNS = (Column("setting"), Column("value"))


def settings(record: RunRecord) -> Table:
    """Table of a run's settings: data with fingerprint, design, versions, models and prompts."""
    rows = [
        ("data", str(record["data"])),
        ("fingerprint of all choices", str(record["fingerprint"])),
        ("protocol", str(record["protocol"])),
        ("folds by person", str(record["folds"])),
        ("population", str(record["population"] or _OTHERS[record["folds"] > 1])),
        ("seed", str(record["seed"])),
        *_versions(record),
    ]
    by_prompt: dict[tuple[str, str], list[str]] = {}
    for one in record["details"]:
        for name, digest in one["prompts"].items():
            by_prompt.setdefault((name, str(digest)), []).append(one["label"])
    several = len(set(map(tuple, by_prompt.values()))) > 1
    for (name, digest), labels in by_prompt.items():
        of_whom = f" ({', '.join(labels)})" if several else ""
        rows.append((f"prompt {name}{of_whom}", digest))
    return Table("settings", "Settings", _COLUMNS, tuple(rows))


def settings_of_study(given: Mapping[str, Any]) -> Table:
    """Table of a study's settings."""
    rows = tuple((str(name), _value_text(value)) for name, value in given.items())
    return Table("settings", "Settings of this study", _COLUMNS, rows)


def _versions(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Rows with the package versions, and the model or prior of each line that has one."""
    behind = {one["label"]: one["provenance"] for one in record["details"] if one.get("provenance")}
    if versions := sorted({one["version"] for one in behind.values()}):
        yield "personalrm", ", ".join(versions)
    for label, one in behind.items():
        if one["stamp"] is not None:
            yield f"model or prior of {label}", str(one["stamp"])


def _value_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
