"""What stands behind the figures, from the folder of a run: personas with their evidence, and the worst predictions.

    evidence = read_evidence("out", record)
    evidence.worst["traits"][0].probability        # of the response the person preferred: 0.011
    evidence.personas["synthesizeme"][0].learned   # {"persona": …, "claims": […], "arm": …}

Files are read line by line, and only what is shown is kept: a few numbers a person, ten predictions and three personas
a method. Which personas are shown is no choice of anyone's: the people predicted best, in the middle and worst.
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
    """A prediction and what was chosen: ``probability`` is that of the response the person preferred.

    ``reasoning`` is the judge's, in the order of the pair that was further off; None if it gave none.
    """

    user: str
    id: str
    domain: str | None
    probability: float
    reasoning: str | None = None

    @property
    def log_loss(self) -> float:
        """Nats."""
        return -math.log(max(self.probability, _SURE))


@dataclass(frozen=True, slots=True)
class Learned:
    """What a method learned of one person, and how well it predicts them (mean log loss in nats of so many pairs)."""

    place: str
    user: str
    history: int
    log_loss: float
    pairs: int
    learned: RunRecord


@dataclass(frozen=True, slots=True)
class Evidence:
    """By the labels of the lines that have any; ``absent`` says in sentences what the folder no longer holds."""

    worst: Mapping[str, list[Miss]] = field(default_factory=dict)
    personas: Mapping[str, list[Learned]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()


@dataclass(slots=True)
class _Line:
    """What is gathered of one line: (sum of log losses, pairs) of each person, and a heap of the worst."""

    people: dict[str, tuple[float, int]] = field(default_factory=dict)
    worst: list[tuple[float, str, str, str | None, float]] = field(default_factory=list)

    def add(self, row: RunRecord) -> None:
        one = Miss(row["user"], row["id"], row["domain"], row["probability"])
        total, pairs = self.people.get(one.user, (0.0, 0))
        self.people[one.user] = (total + one.log_loss, pairs + 1)
        entry = (one.log_loss, one.user, one.id, one.domain or "", one.probability)
        (heapq.heappush if len(self.worst) < WORST else heapq.heappushpop)(self.worst, entry)

    def misses(self) -> list[Miss]:
        """The worst predictions, the worst first."""
        found = sorted(self.worst, key=lambda one: (-one[0], one[1], one[2]))
        return [Miss(user, id_, domain or None, probability) for _, user, id_, domain, probability in found]


def read_evidence(directory: str | Path, record: RunRecord) -> Evidence:
    """Read what a report shows beside the figures.

    Raises:
        DataError: a file is damaged; it is named with the line.
    """
    folder = Path(directory)
    entries = _shown(record)
    if not (folder / "pairs.jsonl").exists():
        return Evidence(absent=("The single predictions are no longer in the folder (pairs.jsonl).",))
    with rows_as_written(folder / "pairs.jsonl"):
        lines = _gathered(folder, entries)
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
    """Lines with probabilities; of those that differ in the number of choices alone, the one that has most."""
    most: dict[tuple[str, str], tuple[ResultKey, str]] = {}
    for row in ranked(record):
        entry = ResultKey(row["name"], row["model"], row["context_pairs"])
        known = most.get((entry.method, entry.model))
        if row["log_loss"] is not None and (known is None or _limit(entry) > _limit(known[0])):
            most[entry.method, entry.model] = (entry, row["label"])
    return dict(most.values())


def _limit(entry: ResultKey) -> float:
    return math.inf if entry.context_pairs is None else entry.context_pairs


def _gathered(folder: Path, entries: Mapping[ResultKey, str]) -> dict[ResultKey, _Line]:
    lines: dict[ResultKey, _Line] = {}
    for row in _rows(folder / "pairs.jsonl", ("method", "model", "context_pairs", "user", "id", "domain")):
        entry = ResultKey(row["method"], row["model"], row["context_pairs"])
        if entry in entries and row["probability"] is not None:
            lines.setdefault(entry, _Line()).add(row)
    return lines


def _with_reasoning(path: Path, misses: list[Miss]) -> list[Miss]:
    """With what the judge said where it was furthest off."""
    wanted = {(one.user, one.id) for one in misses}
    said: dict[tuple[str, str], tuple[float, str]] = {}
    for row in _rows(path, ("user", "id", "preferred", "probability", "reasoning")):
        key = (row["user"], row["id"])
        if key in wanted and row["reasoning"] and row["probability"] is not None:
            of_preferred = row["probability"] if row["preferred"] == "a" else 1.0 - row["probability"]
            said[key] = min(said.get(key, (2.0, "")), (of_preferred, row["reasoning"]))
    return [replace(one, reasoning=said.get((one.user, one.id), (0.0, None))[1]) for one in misses]


def _personas(path: Path, people: Mapping[str, tuple[float, int]]) -> list[Learned]:
    """Of the people for whom a persona was written: the one predicted best, one in the middle, and the worst."""
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
    """The first, the middle and the last; fewer if there are fewer."""
    return list(dict.fromkeys((order[0], order[len(order) // 2], order[-1])))


def _rows(path: Path, needed: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The rows of a file, which may be absent; a half line at its end belongs to a run that was killed."""
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
