"""Simulated people: synthetic histories of choices with known preference weights, for tests and benchmarks only.

They are never presented as people: ids begin with ``simulated-``. A simulated person weighs the traits of a response
(`TRAITS`) with individual weights, the average weights plus a few strong likes and dislikes, and chooses between two
responses by the Bradley–Terry model: P(a over b) = σ((u(a) − u(b)) / noise). The traits are present in the texts, which
are the only source of information about the weights.

    people = simulate(20, Setting(choices=17, seed=1))
    people[0].history, people[0].taste           # input of a method; ground truth for tests
    simulate_people(20, strength=0)              # null case: all have the average weights
    simulate_people(20, drift=1.0)               # all weights change halfway through
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from personalrm.data.simulated_texts import (
    DIRECT,
    EMOJI,
    FILLERS,
    HEDGES,
    PREAMBLES,
    TOPICS,
    WARMTH,
    write_prompt,
    write_response,
)
from personalrm.preferences import History, Message, Preference

TRAITS = (
    "length",
    "lists",
    "hedging",
    "warmth",
    "questions",
    "anecdote",
    "numbers",
    "formality",
    "emoji",
    "directness",
)
"""Traits with individual weights; `QUALITY` is an additional trait with the same weight for all."""

QUALITY = "quality"

AVERAGE: Mapping[str, float] = {
    "length": 0.35, "lists": 0.25, "hedging": -0.2, "warmth": 0.15, "questions": -0.1, "anecdote": -0.1,
    "numbers": 0.25, "formality": 0.05, "emoji": -0.15, "directness": 0.25, QUALITY: 0.8,
}  # fmt: skip
"""Average weights, to which the individual ones are added."""

WORDS: Mapping[str, tuple[str, str]] = {
    "length": ("It goes into detail.", "It is short."),
    "lists": ("I like the list.", "It reads as prose, without bullets."),
    "hedging": ("It is careful and has caveats.", "It sounds certain."),
    "warmth": ("It is friendly and encouraging.", "It is sober and stays matter-of-fact."),
    "questions": ("It asks me questions back.", "It does not bother me with questions."),
    "anecdote": ("I like the personal story.", "It has no personal stories."),
    "numbers": ("It gives concrete numbers.", "It stays general, without numbers."),
    "formality": ("It is formal and professional.", "It is casual."),
    "emoji": ("The emoji are fun.", "It has no emoji."),
    "directness": ("It gives a direct answer first.", "It gives some background first."),
}
"""Reasons that a simulated person gives for a liked and for a disliked trait."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Parameters of the simulation; equal settings give equal people, texts and choices.

    Attributes:
        choices: number of choices of each person.
        seed: random seed.
        noise: temperature of the choice; 0 always chooses the better response.
        drift: change of the weights halfway through: 0 none, 1 to independent weights.
        strength: factor of the individual weights; 0: all have the average weights.
        groups: number of choices that share a prompt, one of its responses and the group id.
        prompt_tokens: length of a prompt in tokens of four characters.
        response_tokens: length of an average response in tokens of four characters.
        reasons: share of choices with a reason in words.
    """

    choices: int = 17
    seed: int = 0
    noise: float = 1.0
    drift: float = 0.0
    strength: float = 1.0
    groups: int = 1
    prompt_tokens: int = 150
    response_tokens: int = 250
    reasons: float = 0.0


@dataclass(frozen=True, slots=True)
class SimulatedPerson:
    """A simulated person: the input of methods (``history``) and the ground truth for tests.

    Attributes:
        taste: weight per trait (log-odds at noise 1), for the choices before ``drift_at``.
        later: weight per trait from choice number ``drift_at`` on; equal to ``taste`` without drift.
        drift_at: index of the first choice made with the later taste; the number of choices without drift.
    """

    history: History
    taste: Mapping[str, float]
    later: Mapping[str, float]
    drift_at: int


def simulate_people(
    n: int,
    choices: int = 17,
    seed: int = 0,
    noise: float = 1.0,
    drift: float = 0.0,
    strength: float = 1.0,
    groups: int = 1,
    prompt_tokens: int = 150,
    response_tokens: int = 250,
    reasons: float = 0.0,
) -> list[History]:
    """Simulate ``n`` people and return their histories only; see `Setting` for the parameters."""
    setting = Setting(choices, seed, noise, drift, strength, groups, prompt_tokens, response_tokens, reasons)
    return [person.history for person in simulate(n, setting)]


def simulate(n: int, setting: Setting | None = None) -> list[SimulatedPerson]:
    """Simulate ``n`` people with their weights; person i does not depend on ``n``."""
    return [_person(i, setting or Setting()) for i in range(n)]


def traits(context: Sequence[Message], response: str) -> dict[str, float]:
    """Strength of each trait in a response, computed from the text; each has a standard deviation near 1."""
    sentences = max(1, len(_SENTENCE.findall(response)))
    lines = response.splitlines()
    bullets = sum(line.startswith("- ") for line in lines)
    asked = set(_WORD.findall(context[-1].content.lower())) if context else set()
    said = _WORD.findall(response.lower())
    on_topic = sum(word in asked for word in said) / max(1, len(said))
    filler = sum(response.count(one) for one in FILLERS) / sentences
    return {
        "length": math.log(max(1, len(response))) / 0.37,
        "lists": 2.0 if bullets > 1 else 0.0,
        "hedging": _HEDGE.subn("", response)[1] / sentences / 0.22,
        "warmth": min(3, sum(response.count(one) for one in WARMTH)) / 0.9,
        "questions": min(3, response.count("?")) / 0.9,
        "anecdote": len(_OWN.findall(response)) / sentences / 0.53,
        "numbers": len(_NUMBER.findall(response)) / sentences / 0.45,
        "formality": (len(_FORMAL.findall(response)) - len(_CASUAL.findall(response))) / sentences / 0.35,
        "emoji": sum(response.count(one) for one in EMOJI) / sentences / 0.2,
        "directness": 1.2 * (bool(_DIRECT.match(response)) - bool(_PREAMBLE.match(response))),
        QUALITY: on_topic / 0.12 - filler / 0.25,
    }


def utility(taste: Mapping[str, float], context: Sequence[Message], response: str) -> float:
    """Utility of a response for these weights, in log-odds; only differences are meaningful."""
    return sum(taste[name] * value for name, value in traits(context, response).items())


def _person(number: int, setting: Setting) -> SimulatedPerson:
    rng = random.Random(f"{setting.seed}/{number}")
    user = f"simulated-{setting.seed}-{number:04d}"
    first, second = _likes(rng), _likes(rng)
    moved = {name: first[name] + setting.drift * (second[name] - first[name]) for name in TRAITS}
    taste, later = _taste(first, setting.strength), _taste(moved, setting.strength)
    drift_at = setting.choices // 2 if setting.drift else setting.choices
    made = [
        _choose(rng, pair, taste if at < drift_at else later, setting)
        for at, pair in enumerate(_pairs(rng, user, setting))
    ]
    return SimulatedPerson(History(user, tuple(made)), taste, later if setting.drift else taste, drift_at)


def _likes(rng: random.Random) -> dict[str, float]:
    """Individual weight of each trait: four strong ones, the others near 0."""
    strong = set(rng.sample(TRAITS, 4))
    return {
        name: rng.choice((-1, 1)) * rng.uniform(0.9, 1.7) if name in strong else rng.gauss(0, 0.1) for name in TRAITS
    }


def _taste(likes: Mapping[str, float], strength: float) -> dict[str, float]:
    return {name: weight + strength * likes.get(name, 0.0) for name, weight in AVERAGE.items()}


def _pairs(rng: random.Random, user: str, setting: Setting) -> Iterator[Preference]:
    """Yield unlabelled pairs in time order; no topic is repeated before all have been used."""
    topics = rng.sample(TOPICS, len(TOPICS))
    clock = datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(minutes=rng.randrange(60 * 24 * 60))
    for at in range(setting.choices):
        group = at // setting.groups
        topic = topics[group % len(topics)]
        if at % setting.groups == 0:
            context = (Message("user", write_prompt(rng, topic, setting.prompt_tokens)),)
            shared = write_response(rng, topic, _levels(rng), setting.response_tokens)
        clock += timedelta(minutes=rng.randint(2, 60 * 30))
        yield Preference(
            id=f"{user}-{at:02d}",
            user=user,
            group=f"{user}-g{group:02d}",
            context=context,
            chosen=shared,
            rejected=write_response(rng, topic, _levels(rng), setting.response_tokens),
            domain=topic.name,
            time=clock.isoformat(),
        )


def _levels(rng: random.Random) -> dict[str, float]:
    return {name: rng.gauss(0, 1) for name in (*TRAITS, QUALITY)}


def _choose(rng: random.Random, pair: Preference, taste: Mapping[str, float], setting: Setting) -> Preference:
    """Label a pair by the Bradley–Terry model, and add a reason to a share of the choices."""
    first, second = traits(pair.context, pair.chosen), traits(pair.context, pair.rejected)
    gains = {name: taste[name] * (first[name] - second[name]) for name in first}
    gain, draw = sum(gains.values()), rng.random()
    if setting.noise:
        likes_first = draw < 1 / (1 + math.exp(-max(-50.0, min(50.0, gain / setting.noise))))
    else:
        likes_first = gain > 0 or (gain == 0 and draw < 0.5)
    if not likes_first:
        pair = pair.flipped()
    if rng.random() < setting.reasons:
        sign = 1 if likes_first else -1
        name = max(TRAITS, key=lambda trait: sign * gains[trait])
        pair = replace(pair, reason=WORDS[name][0 if taste[name] > 0 else 1])
    return pair


_SENTENCE = re.compile(r"[.?](?=\s|$)")
_WORD = re.compile(r"[a-z]{3,}")
_NUMBER = re.compile(r"\d+")
_OWN = re.compile(r"\b(?:I|[Mm]y|mine|myself)\b")
_HEDGE = re.compile("|".join(map(re.escape, HEDGES)))
_FORMAL = re.compile(r"\b(?:advisable|ought|one may|prudent|frequently|attended to|acceptable)\b")
_CASUAL = re.compile(r"wanna|kinda|Folks|have another go|so you can't|Don't skip|bit by bit")


def _starts(frames: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(one.split("{")[0]) for one in frames))


_DIRECT, _PREAMBLE = _starts(DIRECT), _starts(PREAMBLES)
