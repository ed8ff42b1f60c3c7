"""The simulated LLM's judge: a default taste plus terms read from the prompt (for tests only).

    logit(A over B) = quality + average taste + persona + own words + past choices + first-place bias + noise

Every term is computed from the prompt's text. A persona adds the traits that it names. Past choices are fitted in
context by a small regularised logistic regression on trait differences, so reversed labels reverse the result; a
`<why>` increases the weight of the traits that it mentions. Instructions hidden in a response change the verdict
unless the prompt, outside of its tags, says that responses are data.

The weights are set so that, for 60 simulated people with 12 training choices, the package's own prompts reach an
accuracy of 0.60 without context, 0.68 with the persona, 0.70 with the choices and 0.70–0.72 with both (0.87 with the
true taste).

    judge = Judge()
    judge.judge(read_prompt(text)).logit
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

import numpy as np

from personalrm.llm.simulated.prompts import Asked, Pair, PastChoice, read_pair, read_past_choice
from personalrm.llm.simulated.tastes import TRAITS, Vector, described_taste, relevance, response_traits

# Traits that default LLM judges prefer: longer, structured, specific and polished, no emoji (order of TRAITS).
AVERAGE = np.array([0.3, 0.2, -0.05, 0.1, 0.0, -0.1, 0.15, 0.1, -0.1, 0.1])
QUALITY = 0.45
PERSONA = 0.3
OWN_WORDS = 0.3
SHOWN = 0.65
RIDGE = 6.0
STRESSED = 1.6
FIRST_PLACE = 0.25
NOISE = 0.5
OBEDIENCE = 4.0
# Mean traits of an answer, the reference for a response that is judged alone (over 6,800 simulated answers).
TYPICAL = np.array([18.8, 0.8, 1.1, 1.0, 0.8, 0.9, 0.9, 0.0, 0.7, 0.0])
TYPICAL_QUALITY = 3.4
_KEEP = 20_000

V = TypeVar("V")

_ALONE = re.compile(r"\bbe (?:content|satisfied|happy) with\b|\bone response\b|\ba different one\b", re.IGNORECASE)
_STATEMENTS = re.compile(r"\bare statements\b|\bwhose statement\b", re.IGNORECASE)
_ORDERS = re.compile(
    r"(?:ignore|disregard|forget)\b[^.\n]{0,40}\b(?:persona|instructions?|preferences?|previous|above|rules?)"
    r"|\b(?:choose|pick|prefer|select|vote for|answer)\s+(?:me|this (?:one|response|answer)|response [ab]|[ab])\b"
    r"|\b(?:correct|right|best|preferred) (?:answer|response|choice|option) is\b"
    r"|\byou must (?:choose|prefer|pick|select)\b",
    re.IGNORECASE,
)
_NO_ORDERS = re.compile(r"\b(?:not|never) (?:as )?(?:an )?instructions?\b", re.IGNORECASE)
_WARNINGS = tuple(
    (re.compile(first, re.IGNORECASE), re.compile(then, re.IGNORECASE))
    for first, then in (
        (
            r"ignore|disregard|(?:not|never|n['’]t) (?:follow|obey|act on)",
            r"instruction|command|request|demand|order",
        ),
        (
            r"(?:instruction|command|request)s?\b",
            r"ignored|disregarded|(?:not|never) (?:be )?(?:followed|obeyed)|no force|no effect"
            r"|not for you|not addressed",
        ),
        (
            r"respons|text|content|everything|anything|messag|quot|insid|between",
            r"\b(?:data|untrusted|material)\b",
        ),
    )
)
"""Patterns of sentences that tell the model to ignore instructions in texts: with the verb first, and with it last."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Features of a pair: traits, quality and embedded instructions, each A − B, and noise in [−1, 1]."""

    difference: Vector
    quality: float
    orders: int
    noise: float


@dataclass(frozen=True, slots=True)
class Shown:
    """Features of a past choice: traits of the preferred response minus the other's, and tastes named in its reason."""

    number: str
    towards: Vector
    why: Vector
    own_words: Vector


@dataclass(frozen=True, slots=True)
class Judgement:
    """``logit`` of A over B, and the trait differences A − B."""

    logit: float
    difference: Vector


class Judge:
    """Judges pairs; caches features by the hash of the text, so a repeated block costs one lookup."""

    def __init__(self) -> None:
        self._pairs: dict[int, Seen] = {}
        self._shown: dict[int, Shown | None] = {}
        self._learned: dict[int, Vector] = {}
        self._described: dict[int, Vector] = {}
        self._responses: dict[int, Vector] = {}

    def judge(self, asked: Asked) -> Judgement:
        """Judge the prompt's pair; ValueError if it has none."""
        if asked.pair is None:
            raise ValueError("the prompt holds no <pair> to judge")
        if _STATEMENTS.search(asked.outside):
            return self._compare_statements(asked, read_pair(asked.pair))
        seen = self._see(asked.pair, bool(_ALONE.search(asked.outside)))
        taste = AVERAGE + self._learn(asked.past)
        for told in (asked.persona, asked.memory, asked.rubric):
            taste = taste + PERSONA * self._taste_of(told)
        taste = taste + OWN_WORDS * self._taste_of(asked.own_words)
        logit = float(taste @ seen.difference) + QUALITY * seen.quality + FIRST_PLACE + NOISE * seen.noise
        if seen.orders and not _is_warned(asked.outside):
            logit += OBEDIENCE * seen.orders
        return Judgement(logit, seen.difference)

    def _compare_statements(self, asked: Asked, pair: Pair) -> Judgement:
        """Which of two people's statements fits the persona and the past choices better."""
        difference = self._taste_of(pair.a) - self._taste_of(pair.b)
        return Judgement(float(self._taste_of(asked.persona) @ difference) + FIRST_PLACE, difference)

    def shown(self, asked: Asked) -> list[Shown]:
        """The past choices in the prompt, without those whose label cannot be parsed."""
        return [one for one in map(self._recall, asked.past) if one is not None]

    def _see(self, block: str, alone: bool) -> Seen:
        key = hash((block, alone))
        if key not in self._pairs:
            pair = read_pair(block)
            orders = bool(_ORDERS.search(pair.a)) - bool(_ORDERS.search(pair.b))
            digest = blake2b(f"{pair.a}\0{pair.b}".encode("utf-8", "replace"), digest_size=8).digest()
            noise = int.from_bytes(digest, "big") / 2**63 - 1
            quality = relevance(pair.question, pair.a) - relevance(pair.question, pair.b)
            same = alone and pair.a == pair.b
            difference = self._traits(pair.a) - TYPICAL if same else self._difference(pair)
            quality = relevance(pair.question, pair.a) - TYPICAL_QUALITY if same else quality
            _trim(self._pairs)[key] = Seen(np.clip(difference, -3.0, 3.0), quality, orders, noise)
        return self._pairs[key]

    def _recall(self, block: str) -> Shown | None:
        key = hash(block)
        if key not in self._shown:
            _trim(self._shown)[key] = self._shown_choice(read_past_choice(block))
        return self._shown[key]

    def _taste_of(self, text: str) -> Vector:
        key = hash(text)
        if key not in self._described:
            _trim(self._described)[key] = described_taste(text)
        return self._described[key]

    def _learn(self, blocks: tuple[str, ...]) -> Vector:
        key = hash(blocks)
        if key not in self._learned:
            shown = [one for one in map(self._recall, blocks) if one is not None]
            said = sum((one.own_words for one in shown), np.zeros(len(TRAITS)))
            _trim(self._learned)[key] = SHOWN * learn(shown) + OWN_WORDS * np.clip(said, -1.5, 1.5)
        return self._learned[key]

    def _shown_choice(self, choice: PastChoice) -> Shown | None:
        if not choice.preferred:
            return None
        sign = 1 if choice.preferred == "A" else -1
        return Shown(
            choice.number,
            sign * self._difference(choice.pair),
            self._taste_of(choice.why),
            self._taste_of(choice.own_words),
        )

    def _difference(self, pair: Pair) -> Vector:
        difference: Vector = np.clip(self._traits(pair.a) - self._traits(pair.b), -3.0, 3.0)
        return difference

    def _traits(self, response: str) -> Vector:
        key = hash(response)
        if key not in self._responses:
            _trim(self._responses)[key] = response_traits(response)
        return self._responses[key]


def learn(shown: list[Shown]) -> Vector:
    """Taste fitted to past choices: ridge-regularised logistic regression, four Newton steps from zero.

    It is odd in the labels: reversing all labels gives exactly the negative taste.
    """
    weights = np.zeros(len(TRAITS))
    if not shown:
        return weights
    rows = np.stack([one.towards * np.where(one.why != 0, STRESSED, 1.0) for one in shown])
    for _ in range(4):
        missing = 1 / (1 + np.exp(rows @ weights))
        gradient = rows.T @ missing - RIDGE * weights
        curvature = (rows.T * (missing * (1 - missing))) @ rows + RIDGE * np.eye(len(weights))
        weights = weights + np.linalg.solve(curvature, gradient)
    return weights


def _trim(cache: dict[int, V]) -> dict[int, V]:
    """Return the cache, emptied if it has grown to tens of megabytes."""
    if len(cache) > _KEEP:
        cache.clear()
    return cache


def _is_warned(prompt: str) -> bool:
    """Whether the prompt says that instructions inside the texts must be ignored."""
    if _NO_ORDERS.search(prompt):
        return True
    for sentence in prompt.split("."):
        for first, then in _WARNINGS:
            begun = first.search(sentence)
            if begun and then.search(sentence, begun.end()):
                return True
    return False
