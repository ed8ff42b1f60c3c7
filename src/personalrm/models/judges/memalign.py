"""``memalign``: guidelines distilled from the choices, and the five past choices most similar to the judged pair.

After MemAlign, the judge alignment of MLflow (``judge.align``, 2026): guidelines are its semantic memory, the nearest
examples its episodic memory. As there, nothing is validated on held-out choices. Similarity is the cosine of TF-IDF
vectors of words, which needs no encoder; MemAlign uses embeddings.

    EpisodicMemory(examples).nearest(context, "Six minutes.", "It depends.")        # the most similar last
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from personalrm import prompts
from personalrm.errors import RequestRefused
from personalrm.llm.endpoint import Endpoint, SamplingParams
from personalrm.models.judges import FittedJudge
from personalrm.models.judges.memory import as_text, sentences_of, sentences_schema
from personalrm.models.judges.pair_judge import Judge
from personalrm.preferences import History, Message
from personalrm.profile.options import Options, VerdictMode
from personalrm.synthesis import rendering
from personalrm.synthesis.demonstrations import fitting
from personalrm.synthesis.judging import FewShotExample, JudgeContext, Judgement

NEAREST = 5
"""MemAlign's default number of retrieved examples."""
MOST_GUIDELINES = 10
LONGEST_ANSWER = 800
SCHEMA = sentences_schema("guidelines", "guidelines")
_WORD = re.compile(r"\w+")
Vector = Mapping[str, float]


async def memalign(endpoint: Endpoint, history: History, options: Options) -> FittedJudge:
    """Distil guidelines from the choices, as many per request as fit into a prompt; then show them with the nearest."""
    shown = [FewShotExample(one) for one in history.decided]
    guidelines: list[str] = []
    left = shown
    while left:
        part = fitting(left, options.seed)
        left = [one for one in left if one not in part]
        guidelines = await _distilled(endpoint, guidelines, part, options.seed)
    judge = _NearestExamples(
        endpoint, EpisodicMemory(shown), as_text(guidelines) or None, options.seed, options.verdicts
    )
    return FittedJudge(judge, {"guidelines": guidelines, "examples": len(shown)})


async def _distilled(endpoint: Endpoint, known: Sequence[str], part: Sequence[FewShotExample], seed: int) -> list[str]:
    """The guidelines after some more choices; unchanged if the answer contains none."""
    told = JudgeContext(tuple(part), seed=seed, memory=as_text(known) or None).text
    messages = [Message("system", prompts.load("system")), Message("user", f"{told}\n{prompts.load('guidelines')}")]
    try:
        completion = await endpoint.complete(messages, SamplingParams(LONGEST_ANSWER, schema=SCHEMA))
    except RequestRefused:  # too long for this model: these choices are used as examples only
        return list(known)
    return read_guidelines(completion.text) or list(known)


def read_guidelines(answer: str) -> list[str]:
    """The guidelines in a model's JSON answer; empty if there are none."""
    return sentences_of(answer, "guidelines")[:MOST_GUIDELINES]


@dataclass(frozen=True)
class _NearestExamples:
    """Judges each pair with the past choices most similar to it."""

    endpoint: Endpoint
    memory: EpisodicMemory
    guidelines: str | None
    seed: int
    verdicts: VerdictMode

    async def __call__(self, context: Sequence[Message], a: str, b: str) -> Judgement:
        near = self.memory.nearest(context, a, b)
        shown = tuple(fitting(near, self.seed)) if near else ()
        seen = JudgeContext(shown, seed=self.seed, memory=self.guidelines)
        return await Judge(self.endpoint, seen).judge(context, a, b, self.verdicts)


class EpisodicMemory:
    """Past choices, retrieved by similarity.

    Args:
        examples: n past choices, oldest first.
    """

    def __init__(self, examples: Sequence[FewShotExample]) -> None:
        self._examples = list(examples)
        counts = [_words(one.choice.context, one.choice.chosen, one.choice.rejected) for one in self._examples]
        seen = Counter(word for one in counts for word in one)
        self._rarity = {word: math.log((1 + len(counts)) / (1 + count)) + 1.0 for word, count in seen.items()}
        self._vectors = [self._vector(one) for one in counts]

    def nearest(self, context: Sequence[Message], a: str, b: str, most: int = NEAREST) -> list[FewShotExample]:
        """The ``most`` similar ones, the most similar last; the newer one first in a tie."""
        asked = self._vector(_words(context, a, b))
        similar = [sum(weight * one.get(word, 0.0) for word, weight in asked.items()) for one in self._vectors]
        order = sorted(range(len(similar)), key=lambda at: (similar[at], at))
        return [self._examples[at] for at in order[-most:]]

    def _vector(self, counts: Counter[str]) -> Vector:
        """A vector of unit length; words that occur in no past choice are ignored."""
        weights = {word: count * self._rarity[word] for word, count in counts.items() if word in self._rarity}
        length = math.sqrt(sum(one * one for one in weights.values())) or 1.0
        return {word: weight / length for word, weight in weights.items()}


def _words(context: Sequence[Message], a: str, b: str) -> Counter[str]:
    """Words of the last user message and of both responses; their order does not matter."""
    texts = [*(one.content for one in context[-1:]), a, b]
    return Counter(word for one in texts for word in _WORD.findall(one[: rendering.LONGEST_TEXT].lower()))
