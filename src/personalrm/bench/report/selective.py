"""Build the tables of selective prediction from the record of a run."""

from __future__ import annotations

from collections.abc import Sequence

from personalrm.bench.record import RunRecord
from personalrm.bench.report.lines import WHICH, details, ranked, which
from personalrm.bench.report.table import Cell, Column, Table


def risk_coverage(record: RunRecord) -> Table:
    """Table of the error rate among the most confident answers, by coverage."""
    more = details(record)
    found = [(row, more[row["label"]].get("selective")) for row in ranked(record)]
    shown = (0.1, 0.25, 0.5, 0.75, 1.0)
    rows = tuple((*which(row), one["area"], *_risks(one["curve"], shown)) for row, one in found if one)
    columns = (*WHICH, Column("area", "figure"), *(Column(f"surest {part:.0%}", "figure") for part in shown))
    note = (
        "Error rate if only the pairs that a method is most confident about are answered. The area under the curve is "
        "the mean over all coverages; smaller is better."
    )
    return Table("risk_coverage", "Risk by coverage", columns, rows, note).without_empty()


def _risks(curve: Sequence[RunRecord], shown: Sequence[float]) -> tuple[Cell, ...]:
    known = {one["coverage"]: one["risk"] for one in curve}
    return tuple(known.get(part) for part in shown)


def promised_risk(record: RunRecord) -> Table:
    """Table of risk-controlling thresholds, calibrated on half of the users and tested on the other half."""
    more = details(record)
    found = [(row, more[row["label"]].get("selective")) for row in ranked(record)]
    rows = tuple(
        (*which(row), each["risk"], each["coverage"], each["observed"])
        for row, one in found
        for each in (one["promised"] if one else ())
        if each["coverage"] > 0
    )
    columns = (
        *WHICH,
        Column("promised risk", "figure"),
        Column("pairs answered", "percent"),
        Column("risk on other people", "figure"),
    )
    note = (
        "A confidence threshold is calibrated on half of the people so that, with probability 0.9, the error rate "
        "among the answered pairs is at most the promised one for exchangeable people (each person has the same "
        "weight); it is tested on the other half, in both directions. A risk that cannot be promised has no row."
    )
    return Table("promised_risk", "Promised risk, on held-out people", columns, rows, note).without_empty()
