"""Predictions of choices made before the profile had learned them (prequential evaluation).

The accuracy of a profile on the next choices is the mean over these rows: each choice is predicted once, by the version
in use when it arrived (Dawid 1984). Each row also has the score of always choosing the longer response, as a baseline.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case, func

from personalrm.store.people import PersonState
from personalrm.store.records import StoredChoice
from personalrm.store.schema import choices, people, predictions
from personalrm.store.scope import Scope, SpaceTables

_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Prediction:
    """The probability that a version gave to the chosen response; None if it gave none.

    ``longer`` is the score (1, 0.5 or 0) of always choosing the longer response. ``weight``: the pairs of one ranking
    add up to 1.
    """

    number: int
    version: int
    probability: float | None
    longer: float
    group: str
    made: float = 0.0
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums of one person: choices predicted, choices scored, correct (p = 0.5 counts half), log loss.

    Choices are counted by weight, so a ranking counts as one choice.
    """

    person: str
    predicted: float
    scored: float
    right: float
    loss: float
    longer: float


@dataclass(frozen=True, slots=True)
class PredictionBin:
    """Predictions of one day, or of one confidence range: number, number correct, mean confidence; by weight.

    ``start`` is the day's first second since 1970, or the lower limit of the range; confidence is max(p, 1 − p).
    """

    start: float
    predictions: float
    right: float
    confidence: float


class Predictions(SpaceTables):
    """The predictions of one space."""

    def unlearned(self, person: PersonState, last_number: int) -> list[int]:
        """Numbers of decided choices after ``last_number`` that have no prediction yet."""
        with self._read() as scope:
            known = and_(
                predictions.c.space_id == choices.c.space_id,
                predictions.c.person_id == choices.c.person_id,
                predictions.c.choice_id == choices.c.id,
            )
            statement = (
                scope.select(choices, choices.c.id)
                .join(predictions, known, isouter=True)
                .where(
                    choices.c.person_id == person.id,
                    choices.c.id > last_number,
                    choices.c.tie.is_(False),
                    choices.c.forgotten.is_(None),
                    predictions.c.choice_id.is_(None),
                )
            )
            return [row.id for row in scope.all(statement.order_by(choices.c.id))]

    def of_person(self, person: PersonState, limit: int | None = None) -> list[Prediction]:
        """The newest ``limit`` predictions (all if None), oldest first, without forgotten choices."""
        with self._read() as scope:
            same = and_(choices.c.space_id == predictions.c.space_id, choices.c.id == predictions.c.choice_id)
            mine = predictions.c.person_id == person.id, choices.c.forgotten.is_(None)
            rows = scope.all(
                scope.select(predictions, *predictions.c, choices.c.weight)
                .join(choices, same)
                .where(*mine)
                .order_by(predictions.c.choice_id.desc())
                .limit(limit)
            )
        return [
            Prediction(row.choice_id, row.version, row.probability, row.longer, row.group_id, row.made, row.weight)
            for row in reversed(rows)
        ]

    def count(self, most: int) -> int:
        """Number of predictions in the space, counted up to ``most``."""
        with self._read() as scope:
            return scope.count(scope.select(predictions, predictions.c.made), most)

    def tallies(self, since: float | None = None) -> list[Tally]:
        """One tally per person with predictions, by name; only predictions made ``since`` then."""
        p = predictions.c.probability
        sure = case((p < 1e-9, 1e-9), else_=p)
        weight = choices.c.weight
        columns = (
            people.c.name,
            func.sum(weight),
            func.sum(case((p.is_(None), 0.0), else_=weight)),
            func.sum(case((p.is_(None), 0.0), else_=weight * _right())),
            func.sum(case((p.is_(None), 0.0), else_=-weight * func.ln(sure))),
            func.sum(case((p.is_(None), 0.0), else_=weight * predictions.c.longer)),
        )
        same = and_(people.c.space_id == predictions.c.space_id, people.c.id == predictions.c.person_id)
        what = and_(choices.c.space_id == predictions.c.space_id, choices.c.id == predictions.c.choice_id)
        with self._read() as scope:
            statement = scope.select(predictions, *columns).join(people, same).join(choices, what)
            statement = statement.where(people.c.erasing.is_(None))
            if since is not None:
                statement = statement.where(predictions.c.made >= since)
            rows = scope.all(statement.group_by(people.c.id, people.c.name).order_by(people.c.name))
        return [Tally(*row) for row in rows]

    def by_day(self, since: float) -> list[PredictionBin]:
        """Predictions by day since then, in UTC, oldest first, without erased people."""
        return self._bins(func.floor(predictions.c.made / _DAY_S), _DAY_S, predictions.c.made >= since)

    def by_confidence(self) -> list[PredictionBin]:
        """Predictions in confidence ranges of a tenth; if calibrated, the share correct equals the mean confidence."""
        sure = _confidence()
        tenth = func.floor(case((sure >= 1.0, 0.999), else_=sure) * 10.0)
        return self._bins(tenth, 0.1, predictions.c.probability.is_not(None))

    def _bins(self, number: ColumnElement[float], width: float, wanted: ColumnElement[bool]) -> list[PredictionBin]:
        p, weight = predictions.c.probability, choices.c.weight
        sums = (func.sum(weight * one) for one in (1.0, _right(), _confidence()))
        what = and_(choices.c.space_id == predictions.c.space_id, choices.c.id == predictions.c.choice_id)
        with self._read() as scope:
            statement = scope.select(predictions, number.label("bin"), *sums).join(choices, what)
            statement = statement.where(p.is_not(None), weight > 0, wanted)
            rows = scope.all(statement.group_by("bin").order_by("bin"))
        return [PredictionBin(row[0] * width, row[1], row[2], row[3] / row[1]) for row in rows]


def _confidence() -> ColumnElement[float]:
    p = predictions.c.probability
    return case((p >= 0.5, p), else_=1.0 - p)


def _right() -> ColumnElement[float]:
    """1 if the chosen response had the higher probability, 0.5 if both were equal, else 0."""
    p = predictions.c.probability
    return case((p > 0.5, 1.0), (p == 0.5, 0.5), else_=0.0)


def keep(scope: Scope, person_id: int, made: Sequence[Prediction]) -> None:
    """Store predictions; an existing prediction of a choice is not replaced."""
    now = time.time()
    for one in made:
        values = {"probability": one.probability, "longer": one.longer, "group_id": one.group, "made": now}
        identity = {"person_id": person_id, "choice_id": one.number, "version": one.version}
        scope.upsert(predictions, {**identity, **values}, ("space_id", "person_id", "choice_id"))


def prediction_of(stored: StoredChoice, version: int, probability: float | None) -> Prediction:
    """The prediction of a stored choice: the probability that ``version`` gave to the chosen response."""
    longer = len(stored.preference.chosen) - len(stored.preference.rejected)
    worth = 0.5 if longer == 0 else float(longer > 0)
    choice = stored.preference
    return Prediction(stored.number, version, probability, worth, choice.group, weight=choice.weight)
