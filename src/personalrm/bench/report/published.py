"""Accuracies published by others on PersonalRewardBench, marked as such in tables and charts.

    belonging("prism.jsonl.gz", [])            # "PRISM"
    published_on("PRISM")[0]                   # Published("default judge", "8B", 0.5204, 0.0054, "default", …)
    published(record)                          # a table of them and of ours

They are shown only with the data set they belong to. They are not directly comparable: the benchmark's filters and
splits, the model, and the scoring differ (a tie counts as wrong there; an even probability counts as half here).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from personalrm.bench.record import RunRecord
from personalrm.bench.report.lines import ranked
from personalrm.bench.report.table import Cell, Column, Table

P_GENRM = "P-GenRM, arXiv 2602.12116"
P_CHECK = "P-Check, arXiv 2601.02986, second hand"
ABLATION = "SynthesizeMe, arXiv 2506.05598, second hand"

WARNING = (
    "Published by others, not measured here: on the benchmark's own filtered people and pairs, with other models. "
    "The data sets and pairs differ, so these numbers give a scale only; no comparison with them is a test. Intervals "
    "of published numbers are ±1.96 standard errors where a standard error was given."
)
_CONVERSATION_TYPES = {"unguided", "values guided", "controversy guided"}
"""The domain names of PRISM, by which it is recognized."""
_Value = tuple[float, float | None] | None
"""Accuracy and standard error, %."""


@dataclass(frozen=True, slots=True)
class Published:
    """One published accuracy.

    Attributes:
        method: as the source describes it.
        size: number of parameters of the language model.
        accuracy, error: mean and its standard error, as fractions; ``error`` is None if not given.
        ours: the corresponding method in this package; empty if there is none.
        source: the publication.
    """

    method: str
    size: str
    accuracy: float
    error: float | None
    ours: str
    source: str

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval from the standard error, or None."""
        return None if self.error is None else (self.accuracy - 1.96 * self.error, self.accuracy + 1.96 * self.error)


# method, corresponding method here, Arena 8B, Arena 70B, PRISM 8B, PRISM 70B
_TABLE: tuple[tuple[str, str, str, tuple[_Value, _Value, _Value, _Value]], ...] = (
    ("default judge", "default", P_GENRM, ((56.37, 2.16), (57.02, 2.06), (52.04, 0.54), (54.02, 0.83))),
    ("judge + demographics", "demographics", P_GENRM, (None, None, (52.96, 0.59), (54.21, 0.56))),
    ("judge + preference history", "history", P_GENRM, ((58.53, 1.45), (58.65, 2.10), (56.24, 0.48), (57.11, 0.76))),
    ("judge + SynthesizeMe", "synthesizeme", P_GENRM, ((61.07, 2.01), (63.14, 1.91), (54.70, 0.87), (58.19, 0.61))),
    (
        "judge + persona and weighted rubric for each query, untrained",
        "rubric",
        P_GENRM,
        ((62.20, 1.41), (65.55, 1.64), (58.33, 0.51), (61.61, 0.72)),
    ),
    ("GPO", "gpo", P_GENRM, ((57.87, None), (58.50, None), (57.29, None), (59.16, None))),
    ("VPL", "vpl", P_GENRM, ((58.12, None), (59.02, None), (58.25, None), (59.70, None))),
    ("PAL", "pal", P_GENRM, ((57.31, None), (59.40, None), (56.74, None), (57.75, None))),
    (
        "Bradley–Terry, fine-tuned",
        "bradley-terry",
        P_GENRM,
        ((67.21, 2.07), (71.12, 1.71), (63.27, 0.62), (63.44, 0.77)),
    ),
    ("reward model + SynthesizeMe", "", P_GENRM, ((69.78, 1.98), (72.05, 2.24), (62.84, 0.85), (63.74, 0.66))),
    ("P-GenRM, trained", "", P_GENRM, ((72.68, 1.85), (73.42, 1.74), (65.32, 0.56), (66.21, 0.76))),
    ("P-GenRM + 16 own and 8 similar-user samples", "", P_GENRM, ((75.92, 1.70), None, (68.06, 0.69), None)),
)
# method, corresponding method here, Arena 70B; Llama-3.3-70B
_ABLATION = (
    ("ablation: default judge", "default", 56.69),
    ("ablation: memory", "memory", 57.57),
    ("ablation: persona only", "synthesizeme:persona", 53.70),
    ("ablation: demonstrations only", "synthesizeme:demonstrations", 61.97),
    ("ablation: persona + demonstrations", "synthesizeme:both", 61.97),
)
# P-Check only gives the size of the model that writes its checklists
_CHECKLIST = {"Arena": 61.56, "PRISM": 65.11}


def belonging(data: str, domains: Collection[str]) -> str | None:
    """The published data set ("PRISM", "Arena" or None) that the data comes from, by file name or domains."""
    name = data.lower()
    if "prism" in name or (domains and set(domains) <= _CONVERSATION_TYPES):
        return "PRISM"
    return "Arena" if "arena" in name else None


def published_on(data: str) -> tuple[Published, ...]:
    """All published accuracies on "PRISM" or "Arena"."""
    return tuple(_rows(data))


def _rows(data: str) -> Iterator[Published]:
    first = 0 if data == "Arena" else 2
    for method, ours, source, values in _TABLE:
        for size, value in zip(("8B", "70B"), values[first : first + 2], strict=True):
            if value is not None:
                error = None if value[1] is None else round(value[1] / 100, 6)
                yield Published(method, size, round(value[0] / 100, 6), error, ours, source)
    yield Published("P-Check", "3B writes a checklist", round(_CHECKLIST[data] / 100, 6), None, "", P_CHECK)
    if data == "Arena":
        for method, ours, accuracy in _ABLATION:
            yield Published(method, "70B", round(accuracy / 100, 6), None, ours, ABLATION)


def published(record: RunRecord) -> Table:
    """Table of published accuracies and ours; without rows if nothing was published on this data set."""
    domains = {one["domain"] for line in record["details"] for one in line["domains"]}
    data = None if record["simulated"] else belonging(str(record["data"]), domains)
    rows: list[tuple[Cell, ...]] = []
    theirs: set[int] = set()
    taken: set[str] = set()
    for one in published_on(data) if data else ():
        theirs.add(len(rows))
        rows.append((one.method, "published", one.size, one.accuracy, one.interval, one.source))
        taken.add(one.ours)
    for row in ranked(record):
        kind = "measured here" if row["name"] in taken else "measured here, nothing comparable published"
        if rows and row["accuracy"] is not None and row["context_pairs"] is None:
            rows.append((row["label"], kind, row["model"], row["accuracy"], (row["low"], row["high"]), "this run"))
    rows, theirs = _by_accuracy(rows, theirs)
    columns = (
        Column("method"),
        Column("origin"),
        Column("model"),
        Column("accuracy", "figure"),
        Column("95 % interval", "interval", "accuracy"),
        Column("source"),
    )
    title = f"Published on PersonalRewardBench ({data}), and ours"
    return Table("published", title, columns, tuple(rows), WARNING, frozenset(theirs))


def _by_accuracy(rows: list[tuple[Cell, ...]], theirs: set[int]) -> tuple[list[tuple[Cell, ...]], set[int]]:
    order = sorted(range(len(rows)), key=lambda at: -float(rows[at][3]))  # type: ignore[arg-type]
    return [rows[at] for at in order], {place for place, at in enumerate(order) if at in theirs}
