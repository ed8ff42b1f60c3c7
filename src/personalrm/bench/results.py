"""What a benchmark run found: every prediction, and the rows made from them.

result.rows()                         # a Row a method: accuracy with its interval, coverage, log loss, cost
result.rows(result.scored_by("judge:gpt-4o"))   # the same, on the pairs that this judge decided
result.comparisons("longer")          # paired tests against one method, corrected for their number
result.as_json()                      # the JSON of `personalrm bench --json`
write(result, "out"); report = read_report("out")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from personalrm.bench import scoring
from personalrm.bench.uncertainty import Codes, Floats, Paired, holm, interval, paired
from personalrm.errors import DataError, StorageError
from personalrm.preferences import Side, Verdict
from personalrm.synthesis.profile import Spend

SCHEMA = 1
RESULTS, PAIRS = "results.json", "pairs.jsonl"


@dataclass(frozen=True, slots=True)
class Asked:
    """One judged pair: whose, which, how many choices could be learned from, and the side that was preferred."""

    user: str
    id: str
    group: str
    fold: int
    history: int
    preferred: Side


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One method's verdicts, in the order of ``BenchResult.asked``, and what they took."""

    name: str
    model: str
    probabilistic: bool
    verdicts: tuple[Verdict, ...]
    spend: Spend
    seconds: float
    prompts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result table; the fields up to ``seconds`` are those of ``--json``.

    ``accuracy`` is a fraction, ``low`` and ``high`` its 95 % interval by person (None with fewer than five people),
    ``people`` and ``pairs`` those behind it (unscored pairs are not), ``coverage`` the share of the pairs asked that
    was scored, ``log_loss`` nats a choice (None for methods without probabilities), ``cost`` US dollars, None if
    unknown. ``even`` counts exactly even probabilities, ``unscored`` the reasons why pairs have none.
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
    brier: float | None
    even: int
    unscored: Mapping[str, int]


_NOT_IN_JSON = ("brier", "even", "unscored")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A method against another one on the pairs both scored; ``p_corrected`` accounts for all comparisons made
    (Holm)."""

    name: str
    against: str
    effect: Paired
    p_corrected: float


@dataclass(frozen=True)
class BenchResult:
    """All predictions of a run. ``asked[i]`` is what ``methods[m].verdicts[i]`` answers."""

    data: str
    protocol: str
    seed: int
    folds: int
    population: str | None
    asked: tuple[Asked, ...]
    methods: tuple[MethodResult, ...]

    @cached_property
    def people(self) -> Codes:
        """An integer code of the person behind each pair, shape (pairs,)."""
        codes: dict[str, int] = {}
        return np.array([codes.setdefault(one.user, len(codes)) for one in self.asked], dtype=np.int64)

    @cached_property
    def probabilities(self) -> dict[str, Floats]:
        """For each method the probability it gave to the preferred response, NaN where unscored, shape (pairs,)."""
        return {one.name: self._of_preferred(one.verdicts) for one in self.methods}

    def _of_preferred(self, verdicts: tuple[Verdict, ...]) -> Floats:
        a = np.array([np.nan if one.probability is None else one.probability for one in verdicts], dtype=np.float64)
        return np.where(np.array([one.preferred == "a" for one in self.asked], dtype=bool), a, 1.0 - a)

    def scored_by(self, name: str) -> NDArray[np.bool_]:
        """Which pairs a method scored, shape (pairs,)."""
        return ~np.isnan(self.probabilities[name])

    def rows(self, only: NDArray[np.bool_] | None = None) -> list[Row]:
        """A row a method, in the order of the methods; on the pairs marked in ``only``, shape (pairs,), or on all."""
        chosen = np.ones(len(self.asked), dtype=bool) if only is None else only
        return [self._row(one, chosen) for one in self.methods]

    def _row(self, method: MethodResult, only: NDArray[np.bool_]) -> Row:
        probability, people = self.probabilities[method.name][only], self.people[only]
        scored = ~np.isnan(probability)
        bounds = interval(scoring.correctness(probability), people, self.seed) or (None, None)
        unscored: dict[str, int] = {}
        for verdict in (one for one, wanted in zip(method.verdicts, only, strict=True) if wanted):
            if verdict.probability is None:
                reason = verdict.unscored or "no reason given"
                unscored[reason] = unscored.get(reason, 0) + 1
        return Row(
            name=method.name,
            model=method.model,
            accuracy=scoring.accuracy(probability),
            low=bounds[0],
            high=bounds[1],
            people=len(np.unique(people[scored])),
            pairs=int(scored.sum()),
            coverage=scoring.coverage(probability),
            log_loss=scoring.log_loss(probability) if method.probabilistic else None,
            calls=method.spend.calls,
            prompt_tokens=method.spend.prompt_tokens,
            completion_tokens=method.spend.completion_tokens,
            cost=0.0 if method.spend.cost is None and not method.spend.calls else method.spend.cost,
            seconds=round(method.seconds, 3),
            brier=scoring.brier(probability) if method.probabilistic else None,
            even=int((probability == 0.5).sum()),
            unscored=unscored,
        )

    def comparisons(self, against: str) -> list[Comparison]:
        """Every other method against one, pair by pair, by a permutation test by person, Holm-corrected."""
        right = {name: scoring.correctness(p) for name, p in self.probabilities.items()}
        effects = [
            (name, paired(ours, right[against], self.people, self.seed))
            for name, ours in right.items()
            if name != against
        ]
        known = [(name, effect) for name, effect in effects if effect is not None]
        corrected = holm([effect.p for _, effect in known])
        return [Comparison(name, against, effect, p) for (name, effect), p in zip(known, corrected, strict=True)]

    def partial(self) -> list[str]:
        """Names of the methods that scored some pairs but not all; others are compared with them on those pairs."""
        return [name for name in self.probabilities if 0 < self.scored_by(name).mean() < 1]

    def as_json(self) -> dict[str, Any]:
        """The promised JSON: data, protocol, seed, methods."""
        methods = [{k: v for k, v in asdict(row).items() if k not in _NOT_IN_JSON} for row in self.rows()]
        return {"data": self.data, "protocol": self.protocol, "seed": self.seed, "methods": methods}


def baseline(result: BenchResult, surface: tuple[str, ...]) -> str | None:
    """What others are tested against: the first surface baseline that was run, else the first method; None if alone."""
    names = [one.name for one in result.methods]
    chosen = next((name for name in names if name in surface), names[0] if names else None)
    return chosen if len(names) > 1 else None


def report_of(result: BenchResult, against: str | None) -> dict[str, Any]:
    """Everything a report shows: the promised JSON, then the settings, comparisons and the same-pairs tables."""
    return {
        "schema": SCHEMA,
        **result.as_json(),
        "folds": result.folds,
        "population": result.population,
        "asked": {"people": len(set(result.people.tolist())), "pairs": len(result.asked)},
        "details": [
            {name: asdict(row)[name] for name in ("name", *_NOT_IN_JSON)} | {"prompts": dict(method.prompts)}
            for row, method in zip(result.rows(), result.methods, strict=True)
        ],
        "comparisons": [asdict(one) for one in result.comparisons(against)] if against else [],
        "same_pairs": {
            name: [asdict(row) for row in result.rows(result.scored_by(name)) if row.pairs] for name in result.partial()
        },
    }


def lines(result: BenchResult) -> Iterator[dict[str, Any]]:
    """One record for each judged pair and method, as written to ``pairs.jsonl``."""
    for method in result.methods:
        right = scoring.correctness(result.probabilities[method.name])
        for index, (asked, verdict) in enumerate(zip(result.asked, method.verdicts, strict=True)):
            of_preferred = result.probabilities[method.name][index]
            yield {
                "user": asked.user,
                "id": asked.id,
                "group": asked.group,
                "method": method.name,
                "model": method.model,
                "seed": result.seed,
                "fold": asked.fold,
                "history": asked.history,
                "preferred": asked.preferred,
                "probability": None if np.isnan(of_preferred) else float(of_preferred),
                "correct": None if np.isnan(right[index]) else float(right[index]),
                "unscored": verdict.unscored,
                "reasoning": verdict.reasoning,
            }


def write(result: BenchResult, directory: str | Path, against: str | None) -> Path:
    """Write ``results.json`` and ``pairs.jsonl`` into a directory, made if needed; gives the directory.

    ``probability`` in ``pairs.jsonl`` is that of the response the person preferred.

    Raises:
        StorageError: the directory cannot be written.
    """
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / PAIRS, (orjson.dumps(line) + b"\n" for line in lines(result)))
        _replace(folder / RESULTS, [orjson.dumps(report_of(result, against), option=orjson.OPT_INDENT_2)])
    except OSError as error:
        raise StorageError(f"the results cannot be written to {folder}: {error.strerror or error}") from error
    return folder


def _replace(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file whole or not at all, so that a full disk leaves the earlier results as they were."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as out:
            out.writelines(parts)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def read_report(directory: str | Path) -> dict[str, Any]:
    """What `report_of` gave, from a directory that `write` wrote.

    Raises:
        DataError: there are no results, they are damaged, or they come from a newer version.
    """
    path = Path(directory) / RESULTS
    try:
        report = orjson.loads(path.read_bytes())
    except OSError as error:
        raise DataError(
            f"there are no results in {directory}: write them with `personalrm bench … --out DIR`"
        ) from error
    except orjson.JSONDecodeError as error:
        raise DataError(f"{path} is damaged: {error}") from error
    if not isinstance(report, dict) or not isinstance(report.get("schema"), int):
        raise DataError(f"{path} holds no benchmark results")
    if report["schema"] > SCHEMA:
        raise DataError(f"{path} was written by a newer personalrm; update to read it")
    if lacking := _lacking(report):
        raise DataError(f"{path} is damaged: {lacking} is missing; run the benchmark again")
    return report


def _lacking(report: dict[str, Any]) -> str:
    """The first part of a report that is not there, by name; empty if all are."""
    row = {one.name for one in fields(Row)} - set(_NOT_IN_JSON)
    parts = {"asked": dict, "methods": list, "details": list, "comparisons": list, "same_pairs": dict}
    for name, kind in parts.items():
        if not isinstance(report.get(name), kind):
            return f"'{name}'"
    for method in report["methods"]:
        if not isinstance(method, dict) or row - set(method):
            return "a figure of a method"
    return ""
