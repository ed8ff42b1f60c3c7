"""The result of a benchmark run, and the rows computed from it.

result.rows()                         # one Row per line: accuracy with its interval, coverage, log loss, cost
result.rows(result.scored_by("judge:gpt-4o"))   # the same, on the pairs that this judge scored
result.comparisons("longer")          # paired tests against one line, Holm-corrected
result.pairwise()                     # paired tests of all pairs of lines
result.as_json()                      # the JSON of `personalrm bench --json`

Lines are identified by their labels: the method's name, with its model or number of choices where needed to make it
unique. A line that did not finish has no row; it is in `failed`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalrm.bench.answers import Floats, MethodResult
from personalrm.bench.entries import ResultKey, labels
from personalrm.bench.plan import Design, PlannedPair
from personalrm.stats import metrics
from personalrm.stats.intervals import Codes, Paired, holm, interval, paired


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result table; the fields up to ``seconds`` are those of ``--json``.

    ``accuracy`` is a fraction, ``low`` and ``high`` its 95 % interval clustered by person (None with fewer than five
    people). ``people`` and ``pairs`` count the scored pairs (the pairs of one ranking are counted singly here, and as
    one choice in every mean and interval). ``coverage`` is the scored share of all pairs, ``log_loss`` is in nats per
    choice (None for methods without probabilities). ``calls``, tokens and ``cost`` (US dollars, None if unknown) count
    cached answers like new ones. ``context_pairs`` is the maximum number of choices learned from, None for all.
    ``even`` counts probabilities of exactly 0.5, ``agreement`` is the share of pairs with the same preferred side in
    both orders, ``unscored`` counts the reasons of pairs without a probability, ``remarks`` the judges' notes by number
    of tasks.
    """

    name: str
    model: str
    accuracy: float | None
    low: float | None
    high: float | None
    people: int
    pairs: int
    coverage: float
    log_loss: float | None
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    seconds: float
    label: str
    context_pairs: int | None
    brier: float | None
    even: int
    agreement: float | None
    unscored: Mapping[str, int]
    remarks: Mapping[str, int]


DETAILS = ("brier", "even", "agreement", "unscored", "remarks")
"""Fields of a Row that the table shows as notes."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line against another on the pairs that both scored; ``p_corrected`` is Holm-corrected for all comparisons
    made with it."""

    name: str
    against: str
    effect: Paired
    p_corrected: float


@dataclass(frozen=True)
class BenchResult:
    """All predictions of a run. ``answers.probability[i]`` of every line belongs to the pair ``asked[i]``."""

    design: Design
    folds: int
    fingerprint: str
    asked: tuple[PlannedPair, ...]
    methods: tuple[MethodResult, ...]

    @cached_property
    def people(self) -> Codes:
        """An integer code of the person of each pair, shape (pairs,)."""
        codes: dict[str, int] = {}
        return np.array([codes.setdefault(one.user, len(codes)) for one in self.asked], dtype=np.int64)

    @cached_property
    def weight(self) -> Floats | None:
        """Weight of each pair, shape (pairs,); None if all weights are equal."""
        found = np.array([one.weight for one in self.asked], dtype=np.float64)
        return None if np.all(found == 1.0) else found

    def weight_of(self, only: NDArray[np.bool_] | slice) -> Floats | None:
        """Weights of a subset of the pairs."""
        return None if self.weight is None else self.weight[only]

    @cached_property
    def lines(self) -> dict[str, MethodResult]:
        """The finished lines, by label."""
        named = labels([one.entry for one in self.methods])
        return {named[one.entry]: one for one in self.methods if one.failure is None}

    @property
    def failed(self) -> dict[str, str]:
        """The reason of failure of each unfinished line, by label."""
        named = labels([one.entry for one in self.methods])
        return {named[one.entry]: one.failure for one in self.methods if one.failure is not None}

    @cached_property
    def probabilities(self) -> dict[str, Floats]:
        """For each line the probability of the preferred response, NaN where unscored, shape (pairs,)."""
        return {label: self.of_preferred(one.answers.probability) for label, one in self.lines.items()}

    @cached_property
    def correct(self) -> dict[str, Floats]:
        """For each line 1 for correct, 0 for wrong, 0.5 for p = 0.5, NaN for unscored, shape (pairs,)."""
        return {label: metrics.correctness(one) for label, one in self.probabilities.items()}

    def of_preferred(self, probability: Floats) -> Floats:
        """Convert probabilities of ``a`` to those of the preferred response, shape (pairs,)."""
        return np.where(self._prefers_a, probability, 1.0 - probability)

    @cached_property
    def _prefers_a(self) -> NDArray[np.bool_]:
        return np.array([one.preferred == "a" for one in self.asked], dtype=bool)

    def scored_by(self, label: str) -> NDArray[np.bool_]:
        """Mask of the pairs that a line scored, shape (pairs,)."""
        return ~np.isnan(self.probabilities[label])

    def rows(self, only: NDArray[np.bool_] | None = None) -> list[Row]:
        """One row per line, on the pairs marked in ``only``, shape (pairs,), or on all."""
        chosen = np.ones(len(self.asked), dtype=bool) if only is None else only
        return [self._row(label, one, chosen) for label, one in self.lines.items()]

    def _row(self, label: str, line: MethodResult, only: NDArray[np.bool_]) -> Row:
        probability, people = self.probabilities[label][only], self.people[only]
        scored, weight = ~np.isnan(probability), self.weight_of(only)
        low, high = interval(self.correct[label][only], people, self.design.seed, weight=weight) or (None, None)
        spend = line.answers.spend
        return Row(
            name=line.entry.method,
            model=line.entry.model,
            accuracy=metrics.accuracy(probability, weight),
            low=low,
            high=high,
            people=len(np.unique(people[scored])),
            pairs=int(scored.sum()),
            coverage=metrics.coverage(probability, weight),
            log_loss=metrics.log_loss(probability, weight) if line.probabilistic else None,
            calls=spend.calls,
            prompt_tokens=spend.prompt_tokens,
            completion_tokens=spend.completion_tokens,
            cost=0.0 if spend.cost is None and not spend.calls else spend.cost,
            seconds=round(line.seconds, 3),
            label=label,
            context_pairs=line.entry.context_pairs,
            brier=metrics.brier(probability, weight) if line.probabilistic else None,
            even=int((probability == 0.5).sum()),
            agreement=_agreement(line.answers.orders[only]),
            unscored=_counted(why for at, why in line.answers.unscored.items() if only[at]),
            remarks=line.answers.remarks,
        )

    def comparisons(self, against: str) -> list[Comparison]:
        """All other lines against one: paired permutation tests by person, Holm-corrected."""
        return self._compared([(label, against) for label in self.lines if label != against])

    def pairwise(self) -> list[Comparison]:
        """All pairs of lines, the later against the earlier one, Holm-corrected together."""
        return self._compared([(two, one) for one, two in itertools.combinations(self.lines, 2)])

    def _compared(self, wanted: Sequence[tuple[str, str]]) -> list[Comparison]:
        effects = [(one, other, self.effect(one, other)) for one, other in wanted]
        known = [(one, other, effect) for one, other, effect in effects if effect is not None]
        corrected = holm([effect.p for _, _, effect in known])
        return [Comparison(*parts, p) for parts, p in zip(known, corrected, strict=True)]

    def effect(self, one: str, other: str, only: NDArray[np.bool_] | None = None) -> Paired | None:
        """One line against another, by person, on the pairs that both scored and that are marked in ``only``, if
        given."""
        chosen = slice(None) if only is None else only
        ours, theirs = self.correct[one][chosen], self.correct[other][chosen]
        return paired(ours, theirs, self.people[chosen], self.design.seed, weight=self.weight_of(chosen))

    def label(self, method: str, model: str, context_pairs: int | None = None) -> str | None:
        """The label of a line; None if it was not run or not finished."""
        return self._by_entry.get(ResultKey(method, model, context_pairs))

    @cached_property
    def _by_entry(self) -> dict[ResultKey, str]:
        return {one.entry: label for label, one in self.lines.items()}

    @cached_property
    def row_of(self) -> dict[str, Row]:
        """The row of each line on all pairs, by label; cached, because the bootstrap intervals are slow."""
        return {one.label: one for one in self.rows()}

    def partial(self) -> list[str]:
        """Labels of the lines that scored only part of the pairs; others are compared with them on those pairs."""
        return [label for label in self.probabilities if 0 < self.scored_by(label).mean() < 1]

    def as_json(self) -> dict[str, Any]:
        """The documented JSON: data, protocol, seed, methods, and failures if any."""
        seen = ", people seen in training" if self.design.people == "seen" else ""
        protocol = f"{self.design.protocol}{seen}"
        promised = {"data": self.design.data, "protocol": protocol, "seed": self.design.seed}
        methods = [_promised(row) for row in self.rows()]
        return {**promised, "methods": methods, **({"failed": self.failed} if self.failed else {})}


def _promised(row: Row) -> dict[str, Any]:
    """The documented fields, plus model and number of choices where the method's name does not identify the line."""
    left_out = DETAILS if row.label != row.name else (*DETAILS, "label", "context_pairs")
    return {name: value for name, value in asdict(row).items() if name not in left_out}


def baseline(result: BenchResult, surface: tuple[str, ...]) -> str | None:
    """Label of the reference line: the first surface baseline in the run, else the first line; None for one line."""
    names = list(result.lines)
    chosen = next((name for name in names if name in surface), names[0] if names else None)
    return chosen if len(names) > 1 else None


def _agreement(orders: Floats) -> float | None:
    both = orders[~np.isnan(orders).any(axis=1)]
    return float(np.mean((both[:, 0] > 0.5) == (both[:, 1] > 0.5))) if len(both) else None


def _counted(reasons: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in reasons:
        counts[one] = counts.get(one, 0) + 1
    return counts
