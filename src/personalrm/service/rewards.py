"""Scores as rewards: for one person or many, raw or as z-scores relative to the person's history.

A raw score is in log-odds; only differences within one conversation are meaningful. A z-score is (score − mean) /
standard deviation, both over the responses of the person's latest choices, chosen and rejected. It has one scale for
all people, as trainers expect.
"""

from __future__ import annotations

from collections.abc import Sequence

from personalrm.models.base import Predictor
from personalrm.models.worker import blocking
from personalrm.preferences import Message
from personalrm.service.person_cache import PersonCache
from personalrm.service.predictors import Opened, Predictors
from personalrm.service.problems import FieldProblem, Problem
from personalrm.service.threads import Threads
from personalrm.stats.scale import Scale
from personalrm.store.people import PersonState
from personalrm.store.store import SpaceStore

Turns = Sequence[Message]
Scores = list[float | None]
JUDGED, JUDGED_BY_MODEL = 200, 8
"""Number of latest choices that the scale is computed from; fewer if each score is a call to a model."""


class Rewards:
    """See the module's docstring."""

    def __init__(self, predictors: Predictors, threads: Threads, most: int) -> None:
        self._predictors, self._threads = predictors, threads
        self._scales = PersonCache[Scale](most)
        predictors.register(self._scales)

    async def of(
        self, space: SpaceStore, user: str, turns: Turns, responses: Sequence[str], *, normalize: bool = False
    ) -> tuple[Opened, Scores]:
        """Scores of responses to one conversation for one person."""
        items = [(turns, one) for one in responses]
        return await self._threads.predict(self._of, space, user, items, normalize)

    async def of_items(
        self, space: SpaceStore, user: str, items: Sequence[tuple[Turns, str]], *, normalize: bool
    ) -> tuple[Opened, Scores]:
        """Scores of (conversation, response) pairs for one person."""
        return await self._threads.predict(self._of, space, user, items, normalize)

    async def of_many(
        self, space: SpaceStore, users: Sequence[str], turns: Turns, responses: Sequence[str], *, normalize: bool
    ) -> tuple[list[Scores | None], list[int | None]]:
        """One row of scores per person (None if they have no profile yet), and the profile versions used.

        Raises:
            Problem: 404, with the positions of the names that the space does not contain.
        """
        return await self._threads.predict(self._of_many, space, users, turns, responses, normalize)

    def _of(
        self, space: SpaceStore, user: str, items: Sequence[tuple[Turns, str]], normalize: bool
    ) -> tuple[Opened, Scores]:
        opened = self._predictors.ready(space, user)
        scores = scores_of(opened.predictor, items)
        return opened, self._scaled(opened, scores) if normalize else scores

    def _of_many(
        self, space: SpaceStore, users: Sequence[str], turns: Turns, responses: Sequence[str], normalize: bool
    ) -> tuple[list[Scores | None], list[int | None]]:
        people = _known(space, users)
        opened = [self._predictors.maybe(space, people[name]) for name in users]
        ready = [one for one in opened if one is not None]
        rows = iter(_scores_of_people(ready, [(turns, one) for one in responses]))
        found: list[Scores | None] = []
        for one in opened:
            row = None if one is None else next(rows)
            found.append(self._scaled(one, row) if normalize and one is not None and row is not None else row)
        return found, [None if one is None else one.version for one in opened]

    def _scaled(self, opened: Opened, scores: Scores) -> Scores:
        scale = self._scale(opened)
        return [scale.standardised(one) for one in scores]

    def _scale(self, opened: Opened) -> Scale:
        """Mean and standard deviation of the person's own responses; cached with the predictor."""
        known = self._scales.get(opened.person.id, opened.version)
        if known is not None:
            return known
        latest = opened.profile().history.choices[-(JUDGED if opened.computes_here else JUDGED_BY_MODEL) :]
        items = [(one.context, text) for one in latest for text in (one.chosen, one.rejected)]
        found = Scale.of(scores_of(opened.predictor, items))
        self._scales.keep(opened.person.id, opened.version, found)
        return found


def scores_of(predictor: Predictor, items: Sequence[tuple[Turns, str]]) -> Scores:
    """Scores in order; the responses of one conversation are scored in one call."""
    by_turns: dict[tuple[Message, ...], list[int]] = {}
    for at, (turns, _) in enumerate(items):
        by_turns.setdefault(tuple(turns), []).append(at)
    found: Scores = [None] * len(items)
    for turns, places in by_turns.items():
        scores = blocking(predictor.score_many)(turns, [items[at][1] for at in places])
        for at, score in zip(places, scores, strict=True):
            found[at] = score
    return found


def _known(space: SpaceStore, users: Sequence[str]) -> dict[str, PersonState]:
    people = space.people.several(list(dict.fromkeys(users)))
    unknown = [(at, name) for at, name in enumerate(users) if name not in people]
    if unknown:
        fields = tuple(FieldProblem(f"users.{at}", "this space has no person of this name") for at, _ in unknown[:20])
        detail = f"this space has no person for {len(unknown)} of these names, the first at position {unknown[0][0]}"
        raise Problem(404, "unknown-person", detail, "omit them, or send their choices first", fields)
    return people


def _scores_of_people(opened: Sequence[Opened], items: Sequence[tuple[Turns, str]]) -> list[Scores]:
    """One row per person; the people of the embedded engine share one matrix product."""
    if not opened:
        return []
    models = [getattr(one.predictor, "model", None) for one in opened]
    if all(one.is_embedded for one in opened):
        from personalrm.models.traits.crowd import scores_of_people

        rows: list[Scores] = scores_of_people([one for one in models if one is not None], items).tolist()
        return rows
    return [scores_of(one.predictor, items) for one in opened]
