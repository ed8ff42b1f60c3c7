"""A served reward model as an engine: ``--model vllm-classify:NAME@URL``.

    engine = engine_named("vllm-classify:Skywork@http://localhost:8000", EndpointOptions())
    profile = await engine.fit(history)
    await (await engine.open(profile)).score(context, "Yes.")                # log-odds

| name | server | user information |
|---|---|---|
| `vllm-classify:NAME@URL` | vLLM | none: one reward for all users |
| `vllm-classify+persona:NAME@URL` | vLLM | the persona, as the system turn, if it lowers the log loss |
| `sglang-classify:NAME@URL`, `sglang-classify+persona:…` | SGLang (NAME also locates the tokenizer) | the same |

Without ``@URL`` the base URL of the options is used. Nothing is trained. Rewards are divided by a temperature so that
their differences are log-odds: it is fitted to a population's choices, and is 1 without a population.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalrm import __version__
from personalrm.data.reading import read_people
from personalrm.data.splits import leave_group_out
from personalrm.errors import NotEnoughChoices, ProfileError
from personalrm.llm.connect import EndpointOptions
from personalrm.models.base import Ranking
from personalrm.models.population import Population
from personalrm.models.reward_model.user_prompts import user_prompt
from personalrm.models.served_connection import Connection, turns_of
from personalrm.models.served_name import parse_served
from personalrm.models.worker import in_fitting_worker, in_worker
from personalrm.preferences import History, Message, Pair, Preference, Verdict
from personalrm.profile.options import Options, VerdictMode
from personalrm.profile.provenance import fingerprint_of_history
from personalrm.profile.records import Arm, ArmScore, ArmSelection, Profile, ServedState

MOST_CALIBRATED = 2_000
"""Choices of the population that the temperature is fitted to, which gives it a standard error of 3 %."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ServedPredictor:
    """One user's reward from a served model.

    Attributes:
        connection: to the server.
        temperature: rewards are divided by it.
        system: the user's text; None without user information.
    """

    connection: Connection
    temperature: float = 1.0
    system: str | None = None

    async def compare(self, context: Sequence[Message], a: str, b: str, verdicts: VerdictMode = "reasoned") -> Verdict:
        """``verdicts`` has no effect: a reward model gives no reasons."""
        return (await self.compare_many([(context, a, b)]))[0]

    async def compare_many(self, pairs: Sequence[Pair], verdicts: VerdictMode = "token") -> list[Verdict]:
        """Each response is scored separately, so the order of a pair has no effect."""
        found = await self._scores([(context, one) for context, a, b in pairs for one in (a, b)])
        gaps = [found[at] - found[at + 1] for at in range(0, len(found), 2)]
        return [Verdict(1.0 / (1.0 + math.exp(-max(-700.0, min(700.0, gap))))) for gap in gaps]

    async def score(self, context: Sequence[Message], response: str) -> float | None:
        """Reward over temperature."""
        return (await self._scores([(context, response)]))[0]

    async def score_many(self, context: Sequence[Message], responses: Sequence[str]) -> list[float | None]:
        """All requests are concurrent; the options limit the number in flight."""
        return [*await self._scores([(context, one) for one in responses])]

    async def rank(
        self, context: Sequence[Message], responses: Sequence[str], verdicts: VerdictMode = "token"
    ) -> Ranking:
        """By the scores, without pairwise comparisons."""
        return Ranking.of_scores(await self._scores([(context, one) for one in responses]))

    async def gaps(self, choices: Sequence[Preference]) -> Floats:
        """Score of the chosen response minus that of the rejected one (n,)."""
        sides = [(one.context, side) for one in choices for side in (one.chosen, one.rejected)]
        found = np.array(await self._scores(sides), dtype=np.float64)
        return found[0::2] - found[1::2]

    async def _scores(self, items: Sequence[tuple[Sequence[Message], str]]) -> list[float]:
        rewards = await self.connection.rewards([turns_of(self.system, context, one) for context, one in items])
        return [one / self.temperature for one in rewards]


@dataclass
class ServedEngine:
    """A served reward model as an engine.

    Args:
        name: see the module; with or without a URL.
        settings: of the connection.
        options: written into profiles; they do not change a reward.
        population: other people's choices, to fit the temperature to.
    """

    name: str
    settings: EndpointOptions = field(default_factory=EndpointOptions, repr=False)
    options: Options = field(default_factory=Options)
    population: Population | None = None
    scalar: bool = field(default=True, init=False)
    has_uncertainty: bool = field(default=False, init=False)
    asks_endpoint: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        self._parsed = parse_served(self.name)
        self._connection = Connection(self._parsed, self.settings)

    async def fit(self, history: History, known: Profile | None = None) -> Profile:
        """The profile: the choices, the temperature, and the persona if the name asks for it."""
        if not history.decided:
            raise NotEnoughChoices(f"{history.user} has no decided choice among {len(history)}: nothing to learn from")
        temperature = await self._temperature(history.user, known)
        general = ServedPredictor(self._connection, temperature)
        before = await general.gaps(history.decided)
        whole = await in_fitting_worker(_persona_profile, history) if self._parsed.persona else None
        after = None if whole is None else await self._leave_group_out_gaps(history, general)
        return Profile(
            user=history.user,
            model=self._parsed.plain,
            history=history,
            training=tuple(one.id for one in history.decided),
            validation=(),
            persona=None if whole is None else whole.persona,
            demonstrations=(),
            fallback=_selected(before, after),
            fingerprint=fingerprint_of_history(history),
            options=self.options,
            engine=ServedState(temperature),
            personalrm=__version__,
        )

    async def open(self, profile: Profile) -> ServedPredictor:
        """ProfileError if the profile was not fitted with this model."""
        temperature = self._checked(profile).temperature
        shown = self._parsed.persona and "persona" in profile.fallback.chosen
        system = user_prompt("persona", profile.history, profile) if shown else None
        return ServedPredictor(self._connection, temperature, system)

    async def open_population(self, profile: Profile) -> ServedPredictor:
        """The model without user information."""
        return ServedPredictor(self._connection, self._checked(profile).temperature)

    def _checked(self, profile: Profile) -> ServedState:
        if not isinstance(profile.engine, ServedState) or profile.model != self._parsed.plain:
            raise ProfileError(
                f"the profile of {profile.user} was fitted with {profile.model}, not with {self._parsed.plain}: "
                "fit it again"
            )
        return profile.engine

    async def _temperature(self, user: str, known: Profile | None) -> float:
        if self.population is None:
            same = known is not None and known.model == self._parsed.plain
            return known.engine.temperature if same and isinstance(known.engine, ServedState) else 1.0  # type: ignore[union-attr]
        choices = await in_worker(_others, self.population, user)
        if not choices:
            raise NotEnoughChoices(f"the population holds no decided choice of a person other than {user}")
        return temperature_of(await ServedPredictor(self._connection).gaps(choices))

    async def _leave_group_out_gaps(self, history: History, general: ServedPredictor) -> Floats | None:
        """Leave-group-out margins (n,) with the persona of the user's other groups; None with one group only."""
        if len({one.group for one in history.decided}) < 2:
            return None
        found: dict[str, float] = {}
        for rest, target in leave_group_out(history):
            profile = await in_fitting_worker(_persona_profile, rest)
            personal = replace(general, system=user_prompt("persona", rest, profile))
            found |= zip((one.id for one in target), map(float, await personal.gaps(target)), strict=True)
        return np.array([found[one.id] for one in history.decided])


def temperature_of(gaps: Floats) -> float:
    """The temperature that minimises the mean log loss of σ(gap / temperature), by bisection.

    Parameters
    ----------
    gaps : ndarray of float, shape (n,)
        Reward of the chosen response minus that of the rejected one.

    Returns
    -------
    float
        Between a hundredth of the gaps' root mean square and a hundred times it: a model that is always or never right
        has no finite optimum. 1 where all gaps are 0.
    """
    scale = math.sqrt(float(np.mean(np.square(gaps))))
    if scale == 0.0:
        return 1.0
    low, high, unit = 0.01, 100.0, gaps / scale
    for _ in range(60):  # the likelihood is concave: its gradient has one root
        slope = math.sqrt(low * high)
        wrong = 1.0 / (1.0 + np.exp(np.clip(slope * unit, -500, 500)))
        low, high = (slope, high) if float(np.mean(wrong * unit)) > 0 else (low, slope)
    return scale / math.sqrt(low * high)


def _others(population: Population, user: str) -> list[Preference]:
    people: Iterable[Any] = read_people(population) if isinstance(population, str | Path) else population
    return list(islice((one for person in people if person.user != user for one in person.decided), MOST_CALIBRATED))


def _persona_profile(history: History) -> Profile:
    """The embedded engine's profile, for its persona."""
    from personalrm.models.traits import TraitsModel

    return TraitsModel.shipped().fit(history).profile()


def _selected(before: Floats, after: Floats | None) -> ArmSelection:
    arms: dict[Arm, ArmScore] = {"default": _score(before)}
    if after is None:
        return ArmSelection("default", arms, 0.0, None, "The served model's reward is the same for all users.")
    arms["persona"] = _score(after)
    gain = _loss(before) - _loss(after)
    reason = (
        "In leave-group-out cross-validation over groups of choices, the persona "
        f"{'lowers' if gain > 0 else 'raises'} the log loss by {abs(gain):.3f} a choice."
    )
    if gain <= 0:
        return ArmSelection("default", arms, 0.0, None, f"{reason} It is not used.")
    return ArmSelection("persona", arms, gain, None, reason)


def _score(gaps: Floats) -> ArmScore:
    right = float(np.mean(np.where(gaps > 0, 1.0, np.where(gaps < 0, 0.0, 0.5))))
    return ArmScore(_loss(gaps), right, len(gaps))


def _loss(gaps: Floats) -> float:
    return float(np.mean(np.logaddexp(0.0, -gaps)))
