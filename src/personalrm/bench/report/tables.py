"""Every table of a report, from the record of a run: for the page, and each as LaTeX and CSV.

    leaderboard(record)                 # Table("leaderboard", …), best first
    [one.name for one in all_tables(record)]

Nothing is computed here: rows are put in order, and figures that were not measured leave their column out.
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
    """The tables that have a row, in the order of the page."""
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
    """Accuracy with intervals, over pairs and over people, and whether it differs from the baseline's."""
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
        "Accuracy: the share of scored pairs whose preferred response got the greater probability, both orders "
        "combined; an exactly even probability counts one half. Over people: the mean of each person's own accuracy. "
        "Intervals resample whole people."
    )
    return Table("leaderboard", "Accuracy of each method", columns, rows, note).without_empty()


def against(record: RunRecord) -> Table:
    """The paired tests against the baseline."""
    base = record["comparisons"][0]["against"] if record["comparisons"] else ""
    note = (
        "Pair by pair on what both scored; the test swaps the two methods person by person. Holm: corrected for all "
        "tests of this table. Detectable: the difference that such a test would find in 80 of 100 such samples."
    )
    return _tests("against", f"Against {base}, pair by pair", record["comparisons"], note, both=False)


def pairwise(record: RunRecord) -> Table:
    """The paired tests of every two lines."""
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
    """How good the probabilities are, and whether the two orders agree."""
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
        "Log loss in nats a choice (knowing nothing: 0.693), Brier score (knowing nothing: 0.250) and expected "
        "calibration error (ECE): the smaller the better. By chance: where the ECE of a perfectly calibrated judge "
        "would lie on so few pairs in 95 of 100 cases. Both orders agree: the share of pairs for which a judge names "
        "the same response whichever it is shown first."
    )
    return Table("probabilities", "Probabilities", columns, rows, note).without_empty()


def calibration(record: RunRecord) -> Table:
    """The points of the calibration curves."""
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
    return Table("calibration", "Calibration, bin by bin", columns, rows).without_empty()


def length_matched(record: RunRecord) -> Table:
    """Accuracy where length gives nothing away."""
    more = details(record)
    found = [(row, more[row["label"]]["length_matched"]) for row in ranked(record)]
    rows = tuple(_slice(row, one) for row, one in found if one and one["pairs"])
    note = str(record["length_matching"])
    columns = (*WHICH, *_ACCURACY, *_BEHIND)
    return Table("length_matched", "Among pairs of nearly equal length", columns, rows, note).without_empty()


def domains(record: RunRecord) -> Table:
    """Accuracy for each kind of conversation."""
    more = details(record)
    rows = tuple(
        (one["domain"], *_slice(row, one))
        for row in ranked(record)
        for one in more[row["label"]]["domains"]
        if one["pairs"]
    )
    columns = (Column("domain"), *WHICH, *_ACCURACY, *_BEHIND)
    note = "No interval where fewer than five people stand behind a figure."
    return Table("domains", "Domain by domain", columns, rows, note).without_empty()


def tastes(record: RunRecord) -> Table:
    """Accuracy by how common the people's taste is."""
    more = details(record)
    rows = tuple(
        (one["decile"], *_slice(row, one))
        for row in ranked(record)
        for one in more[row["label"]].get("tastes", ())
        if one["pairs"]
    )
    columns = (Column("tenth of the people", "count", "decile"), *WHICH, *_ACCURACY, *_BEHIND)
    note = (
        "People in order of how far their weights are from the population's (Mahalanobis distance, by the traits "
        "engine, from the choices learned from): 1 the most usual tastes, 10 the rarest. More choices show more "
        "distance."
    )
    return Table("tastes", "By how common a taste is", columns, rows, note).without_empty()


def learning(record: RunRecord) -> Table:
    """Accuracy by the number of choices that could be learned from, for lines that differ in nothing else."""
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
    note = "At most: the limit set, none where all choices could be used; mean: choices that were really there."
    return Table("learning_curve", "More choices to learn from", columns, rows, note).without_empty()


def costs(record: RunRecord) -> Table:
    """What each method takes: calls, tokens, dollars, time."""
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
        Column("cost a pair", "dollars", "cost_usd_per_pair"),
        Column("seconds", "seconds", timed=True),
    )
    note = (
        "What a method takes, whether or not an answer was known already. A dash under cost: the prices of the model "
        "were not given (--prices). Seconds are those of this machine and of what was not yet known."
    )
    return Table("cost", "What it takes", columns, rows, note).without_empty()


def same_pairs(record: RunRecord) -> list[Table]:
    """For each line that scored a part only, all lines on that part."""
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
