"""Read the examples of a report from the folder of a run: personas with their evidence, and the worst predictions.

    evidence = read_evidence("out", record)
    evidence.worst["traits"][0].probability        # of the response the user preferred: 0.011
    evidence.personas["synthesizeme"][0].learned   # {"persona": …, "claims": […], "arm": …}

Files are read line by line; memory holds a few numbers for each user, and ten predictions and three personas for each
method. The personas shown are those of the users with the lowest, the median and the highest log loss.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from personalrm.bench.entries import ResultKey
from personalrm.bench.record import RunRecord
from personalrm.bench.report.lines import ranked
from personalrm.bench.run_log import rows_as_written
from personalrm.errors import DataError
from personalrm.regular_files import reading

WORST = 10
PLACES = ("predicted best", "in the middle", "predicted worst")
_SURE = 1e-9


@dataclass(frozen=True, slots=True)
class Miss:
    """A wrong prediction; ``probability`` is that of the response the user preferred.

    ``reasoning`` is the judge's text for the order with the larger error; None if it gave none.
    """

    user: str
    id: str
    domain: str | None
    probability: float
    reasoning: str | None = None

    @property
    def log_loss(self) -> float:
        """Log loss in nats."""
        return -math.log(max(self.probability, _SURE))


@dataclass(frozen=True, slots=True)
class Learned:
    """Result of a method's fit to one user, with the mean log loss in nats over the user's ``pairs``."""

    place: str
    user: str
    history: int
    log_loss: float
    pairs: int
    learned: RunRecord


@dataclass(frozen=True, slots=True)
class Evidence:
    """Examples by label; ``absent`` has a sentence for each file that is missing in the folder."""

    worst: Mapping[str, list[Miss]] = field(default_factory=dict)
    personas: Mapping[str, list[Learned]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()


@dataclass(slots=True)
class _Line:
    """Accumulator for one line: (sum of log losses, pairs) of each user, and a heap of the worst predictions."""

    people: dict[str, tuple[float, int]] = field(default_factory=dict)
    worst: list[tuple[float, str, str, str | None, float]] = field(default_factory=list)

    def add(self, row: RunRecord) -> None:
        one = Miss(row["user"], row["id"], row["domain"], row["probability"])
        total, pairs = self.people.get(one.user, (0.0, 0))
        self.people[one.user] = (total + one.log_loss, pairs + 1)
        entry = (one.log_loss, one.user, one.id, one.domain or "", one.probability)
        (heapq.heappush if len(self.worst) < WORST else heapq.heappushpop)(self.worst, entry)

    def misses(self) -> list[Miss]:
        """The worst predictions, highest log loss first."""
        found = sorted(self.worst, key=lambda one: (-one[0], one[1], one[2]))
        return [Miss(user, id_, domain or None, probability) for _, user, id_, domain, probability in found]


def read_evidence(directory: str | Path, record: RunRecord) -> Evidence:
    """Read the examples for a report.

    Raises:
        DataError: a damaged file; the message names file and line.
    """
    folder = Path(directory)
    entries = _shown(record)
    if not (folder / "pairs.jsonl").exists():
        return Evidence(absent=("The individual predictions are no longer in the folder (pairs.jsonl).",))
    with rows_as_written(folder / "pairs.jsonl"):
        lines = _read_pairs(folder, entries)
    worst, personas = {}, {}
    for entry, label in entries.items():
        if entry in lines:
            with rows_as_written(folder / "judgements" / entry.file):
                worst[label] = _with_reasoning(folder / "judgements" / entry.file, lines[entry].misses())
            with rows_as_written(folder / "tasks" / entry.file):
                if shown := _personas(folder / "tasks" / entry.file, lines[entry].people):
                    personas[label] = shown
    return Evidence(worst, personas)


def _shown(record: RunRecord) -> dict[ResultKey, str]:
    """Label of each line with probabilities; for each method and model only the line with the most choices."""
    most: dict[tuple[str, str], tuple[ResultKey, str]] = {}
    for row in ranked(record):
        entry = ResultKey(row["name"], row["model"], row["context_pairs"])
        known = most.get((entry.method, entry.model))
        if row["log_loss"] is not None and (known is None or _limit(entry) > _limit(known[0])):
            most[entry.method, entry.model] = (entry, row["label"])
    return dict(most.values())


def _limit(entry: ResultKey) -> float:
    return math.inf if entry.context_pairs is None else entry.context_pairs


def _read_pairs(folder: Path, entries: Mapping[ResultKey, str]) -> dict[ResultKey, _Line]:
    lines: dict[ResultKey, _Line] = {}
    for row in _rows(folder / "pairs.jsonl", ("method", "model", "context_pairs", "user", "id", "domain")):
        entry = ResultKey(row["method"], row["model"], row["context_pairs"])
        if entry in entries and row["probability"] is not None:
            lines.setdefault(entry, _Line()).add(row)
    return lines


def _with_reasoning(path: Path, misses: list[Miss]) -> list[Miss]:
    """The predictions with the judge's text for the order with the larger error."""
    wanted = {(one.user, one.id) for one in misses}
    said: dict[tuple[str, str], tuple[float, str]] = {}
    for row in _rows(path, ("user", "id", "preferred", "probability", "reasoning")):
        key = (row["user"], row["id"])
        if key in wanted and row["reasoning"] and row["probability"] is not None:
            of_preferred = row["probability"] if row["preferred"] == "a" else 1.0 - row["probability"]
            said[key] = min(said.get(key, (2.0, "")), (of_preferred, row["reasoning"]))
    return [replace(one, reasoning=said.get((one.user, one.id), (0.0, None))[1]) for one in misses]


def _personas(path: Path, people: Mapping[str, tuple[float, int]]) -> list[Learned]:
    """Among users with a persona: the one predicted best, the median one, and the one predicted worst."""
    most: dict[str, int] = {}
    for row in _rows(path, ("user", "history", "learned")):
        if row["learned"].get("persona") and row["user"] in people:
            most[row["user"]] = max(most.get(row["user"], 0), row["history"])
    order = sorted(most, key=lambda user: (people[user][0] / people[user][1], user))
    chosen = dict(zip(_spread(order), PLACES, strict=False)) if order else {}
    found: dict[str, Learned] = {}
    for row in _rows(path, ("user", "history", "learned")) if chosen else ():
        user = row["user"]
        if user in chosen and user not in found and row["history"] == most[user] and row["learned"].get("persona"):
            total, pairs = people[user]
            found[user] = Learned(chosen[user], user, row["history"], total / pairs, pairs, row["learned"])
    return [found[user] for user in chosen if user in found]


def _spread(order: list[str]) -> list[str]:
    """The first, the middle and the last element, without repeats."""
    return list(dict.fromkeys((order[0], order[len(order) // 2], order[-1])))


def _rows(path: Path, needed: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The rows of a file; empty if it does not exist. An incomplete last line of a killed run is skipped."""
    if not path.exists():
        return
    with reading(path) as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                if not line.endswith(b"\n"):
                    return
                raise DataError(f"{path}, line {number}: damaged ({error}); run the benchmark again") from None
            if not isinstance(row, dict) or not set(needed) <= set(row):
                raise DataError(f"{path}, line {number}: expected a row with {', '.join(needed)}")
            yield row
