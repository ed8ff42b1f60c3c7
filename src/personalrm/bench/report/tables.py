"""Build the tables of a report from the record of a run, for the page and as LaTeX and CSV.

    leaderboard(record)                 # Table("leaderboard", …), best first
    [one.name for one in all_tables(record)]

Nothing is computed here: rows are sorted, and columns without any value are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from personalrm.bench.record import RunRecord
from personalrm.bench.report.lines import WHICH, curves, details, ranked, which
from personalrm.bench.report.published import published
from personalrm.bench.report.selective import promised_risk, risk_coverage
from personalrm.bench.report.table import Cell, Column, Table

_BEHIND = (Column("people", "count"), Column("pairs", "count"))
_ACCURACY = (Column("accuracy", "figure"), Column("95 % interval", "interval", "accuracy"))


def all_tables(record: RunRecord) -> list[Table]:
    """All tables with at least one row, in the order of the page."""
    tables = [
        leaderboard(record),
        against(record),
        pairwise(record),
        probabilities(record),
        calibration(record),
        risk_coverage(record),
        promised_risk(record),
        length_matched(record),
        domains(record),
        tastes(record),
        published(record),
        learning(record),
        costs(record),
        *same_pairs(record),
    ]
    return [one for one in tables if one.rows]


def leaderboard(record: RunRecord) -> Table:
    """Table of accuracy with intervals, over pairs and over users, with the test against the baseline."""
    more, tests = details(record), {one["name"]: one for one in record["comparisons"]}
    base = record["comparisons"][0]["against"] if tests else ""
    rows = tuple(
        (
            *which(row),
            row["accuracy"],
            (row["low"], row["high"]),
            *_with_interval(more[row["label"]]["over_people"]),
            *_effect(tests.get(row["label"])),
            row["people"],
            row["pairs"],
            row["coverage"],
        )
        for row in ranked(record)
    )
    columns = (
        *WHICH,
        *_ACCURACY,
        Column("over people", "figure", "accuracy_over_people"),
        Column("95 % interval", "interval", "accuracy_over_people"),
        Column(f"against {base}", "signed", "difference"),
        Column("p (Holm)", "p", "p_holm"),
        *_BEHIND,
        Column("coverage", "percent"),
    )
    note = (
        "Accuracy: the share of scored pairs whose preferred response has the larger probability, both orders "
        "combined; an exactly even probability counts one half. Over people: the mean of each person's own accuracy. "
        "Intervals: bootstrap over people."
    )
    return Table("leaderboard", "Accuracy of each method", columns, rows, note).without_empty()


def against(record: RunRecord) -> Table:
    """Table of the paired tests against the baseline."""
    base = record["comparisons"][0]["against"] if record["comparisons"] else ""
    note = (
        "On the pairs that both methods scored; permutation test that swaps the two methods within people. Holm: "
        "corrected for all tests of this table. Detectable: the difference that the test finds with a power of 80 %."
    )
    return _tests("against", f"Paired tests against {base}", record["comparisons"], note, both=False)


def pairwise(record: RunRecord) -> Table:
    """Table of the paired tests between all lines."""
    tests = record["pairwise"] if len(record["methods"]) > 2 else []
    note = "As above, corrected for all tests of this table."
    return _tests("pairwise", "Every method against every other", tests, note, both=True)


def _tests(name: str, title: str, tests: Sequence[RunRecord], note: str, *, both: bool) -> Table:
    rows = tuple(
        (
            one["name"],
            one["against"] if both else None,
            one["effect"]["difference"],
            (one["effect"]["low"], one["effect"]["high"]),
            one["effect"]["p"],
            one["p_corrected"],
            one["detectable"],
            one["effect"]["people"],
            one["effect"]["pairs"],
        )
        for one in tests
    )
    columns = (
        Column("method"),
        Column("against"),
        Column("difference", "signed"),
        Column("95 % interval", "shift", "difference"),
        Column("p", "p"),
        Column("p (Holm)", "p", "p_holm"),
        Column("detectable", "figure"),
        *_BEHIND,
    )
    return Table(name, title, columns, rows, note).without_empty()


def probabilities(record: RunRecord) -> Table:
    """Table of log loss, Brier score, calibration error and agreement of the two orders."""
    more = details(record)
    rows = tuple(
        (
            *which(row),
            row["log_loss"],
            more[row["label"]]["brier"],
            *_calibrated(more[row["label"]]["ece"]),
            more[row["label"]]["agreement"],
            more[row["label"]]["even"],
        )
        for row in ranked(record)
        if row["log_loss"] is not None or more[row["label"]]["agreement"] is not None
    )
    columns = (
        *WHICH,
        Column("log loss", "figure"),
        Column("Brier", "figure"),
        Column("ECE", "figure", "ece"),
        Column("ECE by chance", "interval", "ece_by_chance"),
        Column("both orders agree", "percent", "order_agreement"),
        Column("exactly even", "count", "even"),
    )
    note = (
        "Log loss in nats per choice (uninformed: 0.693), Brier score (uninformed: 0.250) and expected calibration "
        "error (ECE); smaller is better. By chance: the 95 % range of the ECE of a perfectly calibrated judge on this "
        "number of pairs. Both orders agree: the share of pairs for which a judge prefers the same response in both "
        "orders."
    )
    return Table("probabilities", "Probabilities", columns, rows, note).without_empty()


def calibration(record: RunRecord) -> Table:
    """Table of the points of the calibration curves."""
    rows = tuple(
        (one["label"], bin_["predicted"], bin_["observed"], (bin_["low"], bin_["high"]), bin_["pairs"])
        for one in record["details"]
        for bin_ in one["calibration"]
    )
    columns = (
        Column("method"),
        Column("predicted", "figure"),
        Column("observed", "figure"),
        Column("95 % interval", "interval", "observed"),
        Column("pairs", "count"),
    )
    return Table("calibration", "Calibration by bin", columns, rows).without_empty()


def length_matched(record: RunRecord) -> Table:
    """Table of accuracy on pairs of nearly equal length."""
    more = details(record)
    found = [(row, more[row["label"]]["length_matched"]) for row in ranked(record)]
    rows = tuple(_slice(row, one) for row, one in found if one and one["pairs"])
    note = str(record["length_matching"])
    columns = (*WHICH, *_ACCURACY, *_BEHIND)
    return Table("length_matched", "Among pairs of nearly equal length", columns, rows, note).without_empty()


def domains(record: RunRecord) -> Table:
    """Table of accuracy by domain."""
    more = details(record)
    rows = tuple(
        (one["domain"], *_slice(row, one))
        for row in ranked(record)
        for one in more[row["label"]]["domains"]
        if one["pairs"]
    )
    columns = (Column("domain"), *WHICH, *_ACCURACY, *_BEHIND)
    note = "No interval for fewer than five people, or if one has over 40 % of the weight."
    return Table("domains", "Accuracy by domain", columns, rows, note).without_empty()


def tastes(record: RunRecord) -> Table:
    """Table of accuracy by decile of the distance of users' tastes from the population mean."""
    more = details(record)
    rows = tuple(
        (one["decile"], *_slice(row, one))
        for row in ranked(record)
        for one in more[row["label"]].get("tastes", ())
        if one["pairs"]
    )
    columns = (Column("tenth of the people", "count", "decile"), *WHICH, *_ACCURACY, *_BEHIND)
    note = (
        "Deciles of the Mahalanobis distance between a person's weights and the population mean (traits engine, from "
        "the choices learned from): 1 the most common tastes, 10 the rarest. The distance grows with the number of "
        "choices."
    )
    return Table("tastes", "By how common a taste is", columns, rows, note).without_empty()


def learning(record: RunRecord) -> Table:
    """Table of accuracy by number of choices, for lines of the same method and model."""
    more = details(record)
    rows = tuple(
        (*which(row), more[row["label"]]["history"], *_figures(row)) for group in curves(record) for row in group
    )
    columns = (
        *WHICH[:2],
        Column("at most", "count", "context_pairs"),
        Column("choices, mean", "figure", "choices_mean"),
        *_ACCURACY,
        *_BEHIND,
        Column("log loss", "figure"),
    )
    note = "At most: the limit, empty if all choices are used. Mean: the number of choices actually available."
    return Table("learning_curve", "Accuracy by number of choices", columns, rows, note).without_empty()


def costs(record: RunRecord) -> Table:
    """Table of the cost of each method: calls, tokens, US dollars, seconds."""
    rows = tuple(
        (
            *which(row),
            row["calls"],
            row["prompt_tokens"],
            row["completion_tokens"],
            row["cost"],
            row["cost"] / row["pairs"] if row["cost"] is not None and row["pairs"] else None,
            row["seconds"],
        )
        for row in ranked(record)
    )
    columns = (
        *WHICH,
        Column("calls", "count"),
        Column("prompt tokens", "count"),
        Column("completion tokens", "count"),
        Column("cost", "dollars", "cost_usd"),
        Column("cost per pair", "dollars", "cost_usd_per_pair"),
        Column("seconds", "seconds", timed=True),
    )
    note = (
        "Calls, tokens and cost include cached answers. A dash under cost: the prices of the model were not given "
        "(--prices). Seconds are run time on this machine, without cached answers."
    )
    return Table("cost", "Cost", columns, rows, note).without_empty()


def same_pairs(record: RunRecord) -> list[Table]:
    """For each line that scored only part of the pairs, a table of all lines on these pairs."""
    columns = (*WHICH, *_ACCURACY, *_BEHIND, Column("coverage", "percent"), Column("log loss", "figure"))
    found = []
    for number, (label, lines) in enumerate(record["same_pairs"].items(), 1):
        best_first = ranked({"methods": lines})
        rows = tuple((*which(row), *_figures(row)[:4], row["coverage"], row["log_loss"]) for row in best_first)
        found.append(Table(f"same_pairs_{number}", f"On the pairs that {label} scored", columns, rows).without_empty())
    return found


def _figures(row: RunRecord) -> tuple[Cell, ...]:
    return row["accuracy"], (row["low"], row["high"]), row["people"], row["pairs"], row["log_loss"]


def _slice(row: RunRecord, one: RunRecord) -> tuple[Cell, ...]:
    return (*which(row), one["accuracy"], (one["low"], one["high"]), one["people"], one["pairs"])


def _with_interval(measured: RunRecord | None) -> tuple[Cell, Cell]:
    return (measured["value"], (measured["low"], measured["high"])) if measured else (None, None)


def _calibrated(measured: RunRecord | None) -> tuple[Cell, Cell]:
    return (measured["value"], tuple(measured["by_chance"])) if measured else (None, None)


def _effect(test: RunRecord | None) -> tuple[Cell, Cell]:
    return (test["effect"]["difference"], test["p_corrected"]) if test else (None, None)
