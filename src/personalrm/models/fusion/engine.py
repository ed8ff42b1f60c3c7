"""``fused:MODEL``, the default for a model at an endpoint: the traits engine and SynthesizeMe as one reward.

    engine = FusedEngine(endpoint, VerdictTable(table_path(None)))
    profile = await engine.fit(history)
    await (await engine.open(profile)).compare(context, a, b)

Traits predict; each arm of the judge (plain, persona, demonstrations, both) is added with a weight learned from
labelled verdicts of other people, and is asked only if its verdict can change the prediction. So the selection of an
arm, for which a single person has too few validation choices, is replaced by weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from personalrm.errors import ProfileError
from personalrm.formatting.numbers import signed
from personalrm.llm.endpoint import Endpoint
from personalrm.models.engines import JudgeEngine, LocalPredictor, TraitsEngine, shipped_prior_notes
from personalrm.models.fusion.labels import learn_from_fit
from personalrm.models.fusion.predictor import FusedPredictor, Listener
from personalrm.models.fusion.table import JudgeKey, VerdictTable, prompt_version
from personalrm.models.fusion.weights import ENOUGH
from personalrm.models.judges.pair_judge import Judge
from personalrm.models.population import PopulationPriors
from personalrm.models.traits.model import TraitsModel
from personalrm.models.worker import in_fitting_worker, in_worker
from personalrm.preferences import History
from personalrm.profile.options import Options, VerdictMode
from personalrm.profile.records import Arm, FusedState, JudgeState, Profile, TraitsState
from personalrm.synthesis.arm_selection import ARMS
from personalrm.synthesis.fitting import judge_context_for

PREFIX, ALONE = "fused:", "judge:"
MODES: tuple[VerdictMode, ...] = ("token", "reasoned")


@dataclass(frozen=True)
class FusedEngine:
    """Traits combined with a judge.

    Attributes:
        endpoint: the language model.
        table: labelled verdicts, from which weights are learned; each fit adds some.
        population: choices that the traits' prior is learned from; None is the shipped prior.
        options: options of the fits.
        threshold: minimum expected gain of accuracy for asking; 0 asks whenever an answer can change the prediction.
    """

    endpoint: Endpoint
    table: VerdictTable
    population: PopulationPriors | None = None
    options: Options = field(default_factory=Options)
    threshold: float = 0.0
    scalar: bool = field(default=False, init=False)
    has_uncertainty: bool = field(default=False, init=False)
    asks_endpoint: bool = field(default=True, init=False)

    async def fit(self, history: History, known: Profile | None = None) -> Profile:
        """Fit both; the judge's verdicts on its validation choices are added to the table. ``known`` is reused by
        both."""
        traits = await self._traits.fit(history, known)
        judge = await self._judge.fit(history, None if known is None else self._of_judge(known))
        return await in_fitting_worker(self._fused, traits, judge)

    async def open(self, profile: Profile) -> FusedPredictor:
        """ProfileError if the profile is not from this engine."""
        _state_of(profile)
        traits = await self._traits.open(profile)
        return FusedPredictor(traits, await in_worker(self._listeners, profile), self.threshold)

    async def open_population(self, profile: Profile) -> LocalPredictor:
        """The prior of the traits. ProfileError if the profile is not from this engine."""
        _state_of(profile)
        return await self._traits.open_population(profile)

    @property
    def _traits(self) -> TraitsEngine:
        return TraitsEngine(self.population, options=self.options)

    @property
    def _judge(self) -> JudgeEngine:
        return JudgeEngine(self.endpoint, self.options)

    def _of_judge(self, profile: Profile) -> Profile:
        """The judge's part of a fused profile, as a profile of the judge's engine."""
        state = profile.engine
        part = state.parts.get("judge") if isinstance(state, FusedState) else None
        return profile if part is None else replace(profile, model=profile.model.removeprefix(PREFIX), engine=part)

    def _fused(self, traits: Profile, judge: Profile) -> Profile:
        model, state = self.endpoint.model, judge.engine
        if not isinstance(state, JudgeState) or traits.traits is None:
            raise ProfileError(f"the two parts of the profile of {judge.user} are of other kinds than expected")
        people = TraitsModel.behind_profile(traits)
        learn_from_fit(self.table, model, judge, state, people)
        found = {mode: list(self._weights(judge, mode)) for mode in MODES}
        weights: dict[str, float] = {name: weight for name, weight, _ in found[self.options.verdicts]}
        parts: Mapping[str, JudgeState | TraitsState] = {"traits": traits.traits, "judge": state}
        of_traits = (f"Traits: {traits.fallback.reason}", *shipped_prior_notes(people.prior, judge.history))
        notes = (*judge.notes, *of_traits, *self._notes(found))
        return replace(judge, model=f"{PREFIX}{model}", engine=FusedState(parts, weights), notes=notes)

    def _weights(self, profile: Profile, mode: VerdictMode) -> Iterator[tuple[Arm, float, int]]:
        """Arm, weight and number of labels, for each available arm of this person."""
        for arm in _arms(profile):
            found = self.table.weight(self._key(arm, mode), without=profile.user)
            yield arm, found.weight.weight, found.weight.labels

    def _notes(self, found: Mapping[VerdictMode, Sequence[tuple[Arm, float, int]]]) -> Iterator[str]:
        """The judge's weights, as text."""
        said = [
            f"{arm} {signed(weight, 2)} ({labels} labelled verdicts)"
            if labels >= ENOUGH
            else f"{arm} 0 ({labels} of {ENOUGH})"
            for arm, weight, labels in found[self.options.verdicts]
        ]
        model = self.endpoint.model
        yield f"Weight of {model} in addition to traits, learned on other people: {', '.join(said)}."
        if not any(weight for some in found.values() for _, weight, _ in some):
            yield f"So only traits predict; '{ALONE}{model}' predicts with the model alone."

    def _listeners(self, profile: Profile) -> Mapping[VerdictMode, tuple[Listener, ...]]:
        """The arms with a weight, largest first, by verdict mode."""
        found: dict[VerdictMode, tuple[Listener, ...]] = {}
        for mode in MODES:
            some = []
            for arm in _arms(profile):
                form, weight = self.table.weight(self._key(arm, mode), without=profile.user)
                if weight.weight != 0.0:
                    judge = Judge(self.endpoint, judge_context_for(profile, arm))
                    some.append(Listener(arm, judge, weight.weight, form))
            found[mode] = tuple(sorted(some, key=lambda one: -one.reach))
        return found

    def _key(self, arm: Arm, mode: VerdictMode) -> JudgeKey:
        return JudgeKey(self.endpoint.model, arm, prompt_version(arm, mode), mode)


def _arms(profile: Profile) -> list[Arm]:
    """Inputs about this person that a judge can get."""
    there = {"persona": profile.persona is not None, "demonstrations": bool(profile.demonstrations), "default": True}
    return [arm for arm in ARMS if all(there[part] for part in arm.split("+"))]


def _state_of(profile: Profile) -> FusedState:
    if not isinstance(profile.engine, FusedState):
        raise ProfileError(
            f"the profile of {profile.user} was fitted with {profile.model}, not with {PREFIX}MODEL: fit it again"
        )
    return profile.engine
