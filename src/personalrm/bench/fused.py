"""The benchmark method ``fused``: the traits model combined with verdicts of other members into one reward.

    method = fused("fused:judge:gpt-4o+judge:command-r-plus", Recipe(seed=0))
    predictor = await method.learn(lambda: plan.population_of(0), 0)

``fused`` alone uses every judge with cached verdicts in the data. Members are joined by ``+``: ``judge:NAME``, a
surface baseline or ``trained:DIR``. The weight of each member is learned on the users of the other folds, with
out-of-fold predictions of the traits model (neither their users nor their texts were in its training data), never on
predicted users. A member with fewer than 100 labelled verdicts has weight 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from personalrm.bench import origins
from personalrm.bench.origins import Origin
from personalrm.bench.protocols import Population, Prediction, Question, Task, questions
from personalrm.errors import DataError
from personalrm.models.from_population import Recipe, surface
from personalrm.models.fusion.weights import Array, JudgeWeight, as_form, earned_weight, fused_logit, log_odds
from personalrm.models.registry import FUSED, RECORDED, SURFACE, TRAINED
from personalrm.models.traits.fit import sigmoid
from personalrm.models.worker import in_fitting_worker
from personalrm.preferences import History, Preference, Side, Verdict

if TYPE_CHECKING:
    from personalrm.models.base import ScalarModel
    from personalrm.models.fusion.out_of_fold import Labelled
    from personalrm.models.traits import TraitsModel

_BEGINS = re.compile(rf"\+(?={RECORDED}|{TRAINED}|(?:{'|'.join(SURFACE)})(?:\+|$))")


def members_of(name: str) -> tuple[str, ...]:
    """Parse the member names from the name of a fused method; empty for ``fused`` and for other methods.

    Raises:
        DataError: an unknown member, or one named twice.
    """
    if not name.startswith(f"{FUSED}:"):
        return ()
    found = tuple(_BEGINS.split(name.removeprefix(f"{FUSED}:")))
    for one in found:
        named = one.startswith((RECORDED, TRAINED)) and not one.endswith(":")
        if not named and one not in SURFACE:
            known = f"{RECORDED}NAME, {TRAINED}DIR, {', '.join(SURFACE)}"
            raise DataError(f"'{name}': '{one}' cannot be a member; members are {known}, joined by '+'")
    if len(set(found)) < len(found):
        raise DataError(f"'{name}' names a member twice")
    return found


def fused(name: str, recipe: Recipe) -> FusedMethod:
    """Create the fused method of that name. Raises DataError for an unknown member."""
    return FusedMethod(name, members_of(name), recipe)


@dataclass(frozen=True, slots=True)
class FusedMethod:
    """The fused method.

    Attributes:
        members: names of the members; empty for all judges in the data.
        recipe: how the traits are learned; methods of one run share what they can.
    """

    name: str
    members: tuple[str, ...]
    recipe: Recipe
    model: str = "traits"
    probabilistic: bool = True
    personal: bool = True
    asks: bool = False
    prompts: Mapping[str, str] = field(default_factory=dict)

    def origin(self, alone: bool) -> Origin:
        """Combined origin of the traits model and the trained members."""
        parts = [origins.of_traits(encoder=False)(alone)]
        parts += [origins.of_folder(one)(alone) for one in self.members if one.startswith(TRAINED)]
        stamps = [one.stamp for one in parts if one.stamp]
        people = tuple(lineage for one in parts for lineage in one.learned_from)
        return Origin("/".join(stamps) or None, people, parts[0].what if len(parts) == 1 else self.name)

    async def learn(self, population: Population, fold: int) -> _Fused:
        """Learn the traits model of the population and the weight of each member."""
        return await in_fitting_worker(self._learned, population, fold)

    def _learned(self, population: Population, fold: int) -> _Fused:
        recipe, seed = self.recipe, self.recipe.seed
        traits = recipe.populations.of(population, fold, False, seed, recipe.new_texts)
        labels = recipe.populations.outside(population, fold, seed, recipe.new_texts)
        names = self.members or sorted({f"{RECORDED}{name}" for one in labels for name in one.choice.judges})
        members = tuple(_member(name, recipe) for name in names)
        return _Fused(traits, members, tuple(_weigh(one, labels, seed) for one in members))


@dataclass(frozen=True, slots=True)
class _Member:
    """A member whose verdicts are combined with the traits model.

    ``model`` computes the verdicts; None where they are cached in the data. A ``personal`` member is fitted to each
    user and contributes its log-odds; others contribute only the preferred side.
    """

    name: str
    model: ScalarModel | None = None
    personal: bool = False

    def verdicts(self, history: History, asked: Sequence[Question]) -> Array:
        """Verdicts for response a of each question, shape (n,): ±1 or log-odds, NaN where there is none."""
        if self.model is None:
            sides: Mapping[Side | None, float] = {"a": 1.0, "b": -1.0, None: np.nan}
            return np.array([sides[one.judges.get(self.name.removeprefix(RECORDED))] for one in asked], dtype=float)
        model = self.model.fit(history) if self.personal and history.decided else self.model
        found = log_odds(model.compare_many([(one.context, one.a, one.b) for one in asked]))
        return as_form(found, "log-odds" if self.personal else "sign")


def _member(name: str, recipe: Recipe) -> _Member:
    if name.startswith(RECORDED):
        return _Member(name)
    if name.startswith(TRAINED):
        from personalrm.models.trained import load_trained

        return _Member(name, load_trained(Path(name.removeprefix(TRAINED)), recipe.training.device), personal=True)
    return _Member(name, surface(name, recipe, tuple, 0))  # type: ignore[arg-type]


def _weigh(member: _Member, labels: Sequence[Labelled], seed: int) -> JudgeWeight:
    verdict = _signed(member, labels, seed)
    known = ~np.isnan(verdict)
    logit = np.array([one.logit for one in labels], dtype=float)
    longer = np.array([np.sign(len(one.choice.chosen) - len(one.choice.rejected)) for one in labels], dtype=float)
    return earned_weight(logit[known], verdict[known], longer[known])


def _signed(member: _Member, labels: Sequence[Labelled], seed: int) -> Array:
    """Verdicts, shape (n,), positive where they favour the chosen response; personal members are fitted to the user's
    other groups."""
    if not member.personal:
        return _for_chosen(member, History("", ()), [one.choice for one in labels], seed)
    found = np.full(len(labels), np.nan)
    by_user: dict[str, list[int]] = {}
    for at, one in enumerate(labels):
        by_user.setdefault(one.user, []).append(at)
    for user, places in by_user.items():
        own = [labels[at].choice for at in places]
        for group in dict.fromkeys(one.group for one in own):
            rest = History(user, tuple(one for one in own if one.group != group))
            inside = [at for at, one in zip(places, own, strict=True) if one.group == group]
            found[inside] = _for_chosen(member, rest, [labels[at].choice for at in inside], seed)
    return found


def _for_chosen(member: _Member, history: History, choices: Sequence[Preference], seed: int) -> Array:
    sign = np.array([1.0 if one.preferred_side(seed) == "a" else -1.0 for one in choices])
    return sign * member.verdicts(history, questions(choices, seed))


@dataclass(frozen=True, slots=True)
class _Fused:
    """The traits model and the members, fitted to the population of a fold."""

    traits: TraitsModel
    members: tuple[_Member, ...]
    weights: tuple[JudgeWeight, ...]

    async def predict(self, task: Task) -> Prediction:
        return await in_fitting_worker(self._predicted, task)

    def _predicted(self, task: Task) -> Prediction:
        model = self.traits.fit(task.history) if len(task.history) else self.traits
        logit = log_odds(model.compare_many([(one.context, one.a, one.b) for one in task.questions]))
        if self.members:
            heard = np.stack([one.verdicts(task.history, task.questions) for one in self.members], axis=1)
            logit = fused_logit(logit, heard, np.array([one.weight for one in self.weights]))
        weighed = zip(self.members, self.weights, strict=True)
        learned = {"weights": {one.name: {"weight": own.weight, "labels": own.labels} for one, own in weighed}}
        return Prediction([Verdict(float(one)) for one in sigmoid(logit)], learned=learned)
