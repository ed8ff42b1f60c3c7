"""The record of a run, ``results.json`` and ``pairs.jsonl``, from which every report is made.

    write(result, "out", against="longer")       # out/results.json and out/pairs.jsonl
    record = read_record("out")

The record does not depend on run times or on the cache: equal runs write equal bytes. Run times are stored separately
in ``seconds.json`` and added to the rows when a record is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from personalrm.bench.details import details_of
from personalrm.bench.entries import ResultKey
from personalrm.bench.results import DETAILS, BenchResult, Comparison, Row
from personalrm.bench.run_folder import RUN, read_seconds
from personalrm.bench.run_log import rows_as_written
from personalrm.errors import DataError
from personalrm.files import checked, json_bytes, read_object, replace_file, stored, to_json
from personalrm.profile.provenance import Provenance
from personalrm.stats.power import detectable
from personalrm.stats.slices import LENGTH_MATCHING

RunRecord = Mapping[str, Any]
"""Return type of `read_record`: the sections of ``results.json`` by name."""
SCHEMA = 3
RESULTS, PAIRS = "results.json", "pairs.jsonl"
_ROW = {one.name for one in fields(Row)} - {*DETAILS, "seconds"}
_MORE = {"label", *DETAILS, "prompts", "history", "over_people", "domains", "length_matched", "calibration", "ece"}


@dataclass(frozen=True, slots=True)
class _Parts:
    """The sections that every record must have, with their types; reports check the rest where they use it."""

    schema: int
    data: str
    protocol: str
    seed: int
    folds: int
    fingerprint: str
    population: str | None
    simulated: bool
    length_matching: str
    failed: dict[str, str]
    asked: dict[str, int]
    methods: list[dict[str, Any]]
    details: list[dict[str, Any]]
    comparisons: list[dict[str, Any]]
    pairwise: list[dict[str, Any]]
    same_pairs: dict[str, list[dict[str, Any]]]


SIMULATED = "simulated-"
"""Prefix of the ids of simulated users."""


def record_of(result: BenchResult, against: str | None) -> dict[str, Any]:
    """The content of ``results.json``: the documented JSON, settings, details, comparisons and same-pairs tables.

    Args:
        result: the result of the run.
        against: label of the line that all others are compared with; None for no such comparisons.
    """
    rows, more = result.rows(), details_of(result)
    return {
        "schema": SCHEMA,
        **result.as_json(),
        "methods": [{k: v for k, v in asdict(row).items() if k not in DETAILS} for row in rows],
        "failed": result.failed,
        "folds": result.folds,
        "population": "context choices of all users" if result.design.people == "seen" else result.design.population,
        "fingerprint": result.fingerprint,
        "asked": {"people": len(set(result.people.tolist())), "pairs": len(result.asked)},
        "simulated": any(one.user.startswith(SIMULATED) for one in result.asked),
        "length_matching": LENGTH_MATCHING,
        "details": [
            {name: asdict(row)[name] for name in ("label", *DETAILS)}
            | {"prompts": {}, "provenance": None}
            | ({} if line.provenance is None else _provenance_fields(line.provenance))
            | more[row.label]
            for row, line in zip(rows, result.lines.values(), strict=True)
        ],
        "comparisons": [_test(result, one) for one in result.comparisons(against)] if against else [],
        "pairwise": [_test(result, one) for one in result.pairwise()],
        "same_pairs": {
            label: [asdict(row) for row in result.rows(result.scored_by(label)) if row.pairs]
            for label in result.partial()
        },
    }


def write(result: BenchResult, directory: str | Path, against: str | None) -> Path:
    """Write ``results.json`` and ``pairs.jsonl`` into a directory, created if needed; returns the directory.

    ``probability`` in ``pairs.jsonl`` is that of the response the user preferred.

    Raises:
        StorageError: the directory cannot be written.
    """
    folder = Path(directory)
    record = _timeless(record_of(result, against))
    with stored(folder):
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / PAIRS, (json_bytes(line) + b"\n" for line in pair_lines(result)))
        replace_file(folder / RESULTS, to_json(record))
    return folder


def _provenance_fields(provenance: Provenance) -> dict[str, Any]:
    return {"prompts": dict(provenance.prompts), "provenance": {**asdict(provenance), "key": provenance.key}}


def _test(result: BenchResult, one: Comparison) -> dict[str, Any]:
    apart = result.correct[one.name] - result.correct[one.against]
    return {**asdict(one), "detectable": detectable(apart, result.people)}


def pair_lines(result: BenchResult) -> Iterator[dict[str, Any]]:
    """The rows of ``pairs.jsonl``: one for each predicted pair and method, both orders combined."""
    for label, line in result.lines.items():
        right, of_preferred = result.correct[label], result.probabilities[label]
        for at, asked in enumerate(result.asked):
            scored = not np.isnan(right[at])
            yield {
                "user": asked.user,
                "id": asked.id,
                "group": asked.group,
                "domain": asked.domain,
                "method": line.entry.method,
                "model": line.entry.model,
                "context_pairs": line.entry.context_pairs,
                "seed": result.design.seed,
                "fold": asked.fold,
                "history": asked.history,
                "preferred": asked.preferred,
                "probability": float(of_preferred[at]) if scored else None,
                "correct": float(right[at]) if scored else None,
                "unscored": line.answers.unscored.get(at),
            }


def read_record(directory: str | Path) -> dict[str, Any]:
    """Read the record that `write` wrote into a directory, with run times added.

    Raises:
        DataError: there are no results, or they are damaged or from another schema version.
    """
    path = Path(directory) / RESULTS
    if not path.is_file():
        raise DataError(_without_results(Path(directory)))
    record = read_object(path, "results", SCHEMA)
    if record["schema"] < SCHEMA:
        raise DataError(
            f"{path} was written by an earlier version; run the same bench command again: existing answers are reused"
        )
    checked(record, _Parts, f"the results {path}")
    with rows_as_written(path):
        if lacking := _lacking(record):
            raise DataError(f"the results {path} are damaged: {lacking} is missing; run the benchmark again")
        return _timed(record, read_seconds(directory))


def _without_results(folder: Path) -> str:
    """Error message for a folder without results: the run is unfinished, or there is no run."""
    if (folder / RUN).exists():
        return f"the run in {folder} has no results yet: run the same bench command again to finish it"
    return f"there are no results in {folder}: write them with `personalrm bench … --out DIR`"


def _timeless(record: dict[str, Any]) -> dict[str, Any]:
    """The record with ``seconds`` removed from all result rows."""
    for row in (*record["methods"], *(row for rows in record["same_pairs"].values() for row in rows)):
        del row["seconds"]
    return record


def _timed(record: dict[str, Any], seconds: dict[str, float]) -> dict[str, Any]:
    for row in (*record["methods"], *(row for rows in record["same_pairs"].values() for row in rows)):
        row["seconds"] = seconds.get(ResultKey(row["name"], row["model"], row["context_pairs"]).file, 0.0)
    return record


def _lacking(record: Mapping[str, Any]) -> str:
    """Description of what is missing in the rows or details; empty if they are complete."""
    if any(_ROW - set(one) for one in record["methods"]):
        return "a field of a method's row"
    if any(_MORE - set(one) for one in record["details"]):
        return "a field of a method's details"
    labels = [[one["label"] for one in record[part]] for part in ("methods", "details")]
    return "" if labels[0] == labels[1] else "the details of a method"
