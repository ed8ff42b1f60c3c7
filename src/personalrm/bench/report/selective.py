"""Tables of answering only when sure, from the record of a run."""

from __future__ import annotations

from collections.abc import Sequence

from personalrm.bench.record import RunRecord
from personalrm.bench.report.lines import WHICH, details, ranked, which
from personalrm.bench.report.table import Cell, Column, Table


def risk_coverage(record: RunRecord) -> Table:
    """How often the surest answers are wrong, by the share of pairs that is answered."""
    more = details(record)
    found = [(row, more[row["label"]].get("selective")) for row in ranked(record)]
    shown = (0.1, 0.25, 0.5, 0.75, 1.0)
    rows = tuple((*which(row), one["area"], *_risks(one["curve"], shown)) for row, one in found if one)
    columns = (*WHICH, Column("area", "figure"), *(Column(f"surest {part:.0%}", "figure") for part in shown))
    note = (
        "Share of wrong answers where only the pairs that a method is surest of are answered. The area under the curve "
        "is its mean over all shares: the smaller the better."
    )
    return Table("risk_coverage", "Answering only when sure", columns, rows, note).without_empty()


def _risks(curve: Sequence[RunRecord], shown: Sequence[float]) -> tuple[Cell, ...]:
    known = {one["coverage"]: one["risk"] for one in curve}
    return tuple(known.get(part) for part in shown)


def promised_risk(record: RunRecord) -> Table:
    """Thresholds calibrated on half of the people, tried on the other half."""
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
        "A threshold of confidence is calibrated on half of the people so that, with probability 0.9, the share of "
        "wrong answers among those answered is at most the promised one for exchangeable people (each counts alike); "
        "here it is tried on the other half, both ways. Where nothing can be promised there is no row."
    )
    return Table("promised_risk", "Promised risk, on people not used", columns, rows, note).without_empty()
