"""Sentences of a report: the main results (`findings`), a `warning` for simulated users, and `notes` on the metrics."""

from __future__ import annotations

from collections.abc import Iterator

from personalrm.bench.record import RunRecord
from personalrm.bench.report import lines
from personalrm.formatting.numbers import signed
from personalrm.formatting.texts import counted, listed

_NAMED = 4


def findings(record: RunRecord) -> list[str]:
    """Sentences on the best line, its tests against the baseline and the other lines, and the detectable difference."""
    rows = [row for row in lines.ranked(record) if row["accuracy"] is not None]
    if not rows:
        return ["No method scored a pair."]
    best = rows[0]
    behind = f"{counted(best['pairs'], 'choice')} of {counted(best['people'], 'person', 'people')}"
    bounds = "" if best["low"] is None else f" (95 % interval {best['low']:.1%} to {best['high']:.1%})"
    said = [f"Highest accuracy: {best['label']} with {best['accuracy']:.1%} of {behind}{bounds}."]
    return [*said, *_against_baseline(record, best), *_undecided(record, best), *_detectable(record)]


def _against_baseline(record: RunRecord, best: RunRecord) -> Iterator[str]:
    tests = record["comparisons"]
    if not tests:
        return
    base = tests[0]["against"]
    mine = next((one for one in tests if one["name"] == best["label"]), None)
    if mine is not None:
        effect, p = mine["effect"], mine["p_corrected"]
        result = "significant" if p < lines.SIGNIFICANT else "not significant"
        yield (
            f"Against {base}, on the same pairs: {signed(100 * effect['difference'], 1)} points, {result} "
            f"(p = {p:.4f}, corrected for {counted(len(tests), 'test')})."
        )
    better = [one["name"] for one in lines.significant(tests) if one["effect"]["difference"] > 0]
    worse = [one["name"] for one in lines.significant(tests) if one["effect"]["difference"] < 0]
    if not better and not worse:
        yield f"Of {counted(len(tests), 'method')} none is significantly better or worse than {base}."
        return
    how_many = "none is" if not better else "1 is" if len(better) == 1 else f"{len(better)} are"
    yield (
        f"Of {counted(len(tests), 'method')}, {how_many} significantly better than {base}{_names(better)}, "
        f"{len(worse) or 'none'} significantly worse{_names(worse)}."
    )


def _undecided(record: RunRecord, best: RunRecord) -> Iterator[str]:
    """A sentence on the methods that do not differ significantly from the best."""
    even = [
        one["against"] if one["name"] == best["label"] else one["name"]
        for one in record["pairwise"]
        if best["label"] in (one["name"], one["against"]) and one["p_corrected"] >= lines.SIGNIFICANT
    ]
    if even and len(record["methods"]) > 2:
        yield f"Not significantly different from {best['label']}: {counted(len(even), 'method')}{_names(even)}."


def _detectable(record: RunRecord) -> Iterator[str]:
    known = [one["detectable"] for one in record["comparisons"] if one["detectable"] is not None]
    if known:
        least, most = 100 * min(known), 100 * max(known)
        size = f"{least:.1f} points" if f"{least:.1f}" == f"{most:.1f}" else f"{least:.1f} to {most:.1f} points"
        base = record["comparisons"][0]["against"]
        yield (
            f"A true difference from {base} of {size}, depending on the method, is found with a power of 80 %; smaller "
            "differences are mostly not detected."
        )


def warning(record: RunRecord) -> str:
    """A warning if the users are simulated; otherwise empty."""
    if not record["simulated"]:
        return ""
    return "These people are simulated: the results test the methods; they are not an accuracy on people."


def notes(record: RunRecord) -> list[str]:
    """Notes on the metrics and the methods, and on what was not measured."""
    return [*_of_figures(record), *_of_methods(record)]


def _of_figures(record: RunRecord) -> Iterator[str]:
    yield "Intervals are 95 %, by bootstrap over people; unscored pairs count neither as right nor as wrong."
    if any(row["low"] is None for row in record["methods"]):
        yield "Too few people for an interval where none is given."
    hard = [row["label"] for row in record["methods"] if row["log_loss"] is None]
    if hard:
        yield f"No log loss: {', '.join(hard)} (they give a side, not a probability)."
    if any(row["cost"] is None for row in record["methods"]):
        yield "The cost of a method is unknown if the model's prices are unknown."
    if record["population"] is None and record["folds"] == 1:
        yield "There were no other people to learn from: traits, fused and population use the shipped prior."


def _of_methods(record: RunRecord) -> Iterator[str]:
    even = [f"{one['label']} {one['even']}" for one in record["details"] if one["even"]]
    if even:
        yield f"Exactly even probabilities count one half: {', '.join(even)}."
    for one in record["details"]:
        if one.get("position"):
            yield f"{one['label']} answers by position, not by content: {one['position']}."
        if one.get("learned"):
            yield f"Learned by {one['label']}: {one['learned']}."
    for what, key, unit in (("Not scored by", "unscored", ""), ("Noted by", "remarks", "task")):
        said: dict[str, list[str]] = {}
        for one in record["details"]:
            if one[key]:
                numbers = {reason: counted(count, unit) if unit else f"{count:,}" for reason, count in one[key].items()}
                reasons = ", ".join(f"{reason} ({number})" for reason, number in numbers.items())
                said.setdefault(reasons, []).append(one["label"])
        for reasons, labels in said.items():
            yield f"{what} {listed(labels)}: {reasons}."


def _names(labels: list[str]) -> str:
    if not labels:
        return ""
    more = [f"{len(labels) - _NAMED} more"] if len(labels) > _NAMED else []
    return f" ({listed([*labels[:_NAMED], *more])})"
