"""Stage 2: a readable persona from the verified reasonings, in which every claim cites its evidence.

The model sees the past choices with their verified reasonings, in the same order and form as later demonstrations (so
that the host has that text in its prefix cache when scoring begins), and writes a summary and claims that cite choices
by number. Kept are claims that at least one choice supports, that more choices support than oppose, and that state
nothing unsupported about who the user is. (SynthesizeMe, arXiv 2506.05598, section 3.2; the cited claims are ours.)
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from typing import Any

from personalrm import prompts
from personalrm.errors import RequestRefused
from personalrm.llm.answers import parse_json, why_unparsed
from personalrm.llm.endpoint import Endpoint, SamplingParams
from personalrm.llm.thoughts import visible
from personalrm.preferences import Message
from personalrm.profile.records import Claim, Persona
from personalrm.prompts.marks import break_marks
from personalrm.synthesis.grounding import grounded, invents, own_words
from personalrm.synthesis.judging import FewShotExample, JudgeContext

PRIORITY = 1
LONGEST_ANSWER = 800
"""Maximum tokens; a summary and six claims take about 400. The endpoint allows more for a model that reasons first."""
MOST_CLAIMS = 6
"""Maximum number of claims; every later verdict reads the persona."""
FEWEST_WORDS = 3
"""Minimum words of prose that are accepted as a persona."""
_SUMMARIES = ("summary", "persona", "description")
_NUMBERS = {"type": "array", "items": {"type": "integer"}, "maxItems": 40}
SCHEMA: dict[str, Any] = {
    "title": "persona",
    "type": "object",
    "properties": {
        "summary": {"type": "string", "maxLength": 1200},
        "claims": {
            "type": "array",
            "maxItems": MOST_CLAIMS,
            "items": {
                "type": "object",
                "properties": {"claim": {"type": "string", "maxLength": 300}, "for": _NUMBERS, "against": _NUMBERS},
                "required": ["claim", "for", "against"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["summary", "claims"],
    "additionalProperties": False,
}


async def write_persona(
    endpoint: Endpoint,
    shown: Sequence[FewShotExample],
    seed: int,
    instruction: str | None = None,
    *,
    unverified: bool = False,
) -> Persona | None:
    """Return a persona of the user's choices; None if no reasoning is verified or nothing in the answer can be kept.

    Args:
        endpoint: the language model.
        shown: the training choices in prompt order; those with a ``why`` carry a verified reasoning.
        seed: determines which response is shown first.
        instruction: replaces the shipped instruction; the answer format stays.
        unverified: write a persona also from choices without reasonings.
    """
    if not unverified and not any(one.why for one in shown):
        return None
    params = SamplingParams(LONGEST_ANSWER, schema=SCHEMA, priority=PRIORITY)
    try:
        completion = await endpoint.complete(question(shown, seed, instruction), params)
    except RequestRefused:
        if len(shown) < 2:
            return None
        fewer = shown[: len(shown) // 2]  # the most informative come first
        return await write_persona(endpoint, fewer, seed, instruction, unverified=unverified)
    return await asyncio.to_thread(read_persona, completion.text, shown)


def question(shown: Sequence[FewShotExample], seed: int, instruction: str | None = None) -> list[Message]:
    """Return the messages that ask for a persona."""
    told = prompts.load("persona") if instruction is None else break_marks(instruction, fences=False)
    parts = JudgeContext(tuple(shown), seed=seed).text, told
    asked = "\n".join([*parts, "", prompts.load("persona_format")])
    return [Message("system", prompts.load("system")), Message("user", asked)]


def read_persona(answer: str, shown: Sequence[FewShotExample]) -> Persona | None:
    """Parse a model's answer; prose becomes a summary without claims, a refusal None."""
    answer = visible(answer)
    record = parse_json(answer)
    words = own_words(one.choice for one in shown)
    if record is None:
        said_nothing = answer.startswith("{") or len(answer.split()) < FEWEST_WORDS or why_unparsed(answer) == "refusal"
        summary = "" if said_nothing else answer
        claims: list[Claim] = []
    else:
        summary = next((said for key in _SUMMARIES if isinstance(said := record.get(key), str)), "")
        claims = [claim for one in _items(record.get("claims")) if (claim := _claim(one, shown))]
    kept = tuple(claim for claim in claims if not invents(claim.text, words))[:MOST_CLAIMS]
    summary = grounded(summary, words)
    if not summary and not kept:
        return None
    return Persona(summary or " ".join(f"{claim.text.rstrip('.')}." for claim in kept), kept)


def persona_text(persona: Persona) -> str:
    """Return the persona as shown to a judge: the summary, then the claims that the summary does not contain."""
    summary = own_summary(persona)
    return "\n".join([*([summary] if summary else []), *(f"- {claim.text}" for claim in other_claims(persona))])


def own_summary(persona: Persona) -> str:
    """Return the summary, or "" if it only repeats the claims."""
    left = persona.summary
    for claim in persona.claims:
        for said in (_sentence(claim), _sentence(claim).partition(":")[0]):
            left = left.replace(said, "")
    return persona.summary if re.search(r"\w", left) else ""


def other_claims(persona: Persona) -> list[Claim]:
    """Return the claims that `own_summary` does not contain word for word."""
    summary = own_summary(persona)
    return [claim for claim in persona.claims if _sentence(claim) not in summary]


def _sentence(claim: Claim) -> str:
    return claim.text.rstrip(".")


def _items(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _claim(item: dict[str, Any], shown: Sequence[FewShotExample]) -> Claim | None:
    """One claim with its evidence; None if its choices do not support it."""
    text = str(item.get("claim") or item.get("text") or "").strip()
    pro, contra = _cited(item.get("for"), shown), _cited(item.get("against"), shown)
    supporting = tuple(one for one in pro if one not in contra)  # cited on both sides: evidence for neither
    opposing = tuple(one for one in contra if one not in pro)
    if not text or not supporting or len(supporting) <= len(opposing):
        return None
    return Claim(text, supporting, opposing)


def _cited(numbers: Any, shown: Sequence[FewShotExample]) -> tuple[str, ...]:
    """Ids of the choices with these numbers in the prompt; other numbers are ignored."""
    return tuple(shown[one - 1].choice.id for one in dict.fromkeys(_integers(numbers)) if 1 <= one <= len(shown))


def _integers(value: Any) -> Iterable[int]:
    """Choice numbers in the forms that models write: 3, "3", "#3", 3.0, "1, 2 and 4", [1, 2]."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            yield from map(int, re.findall(r"(?<![-\d.])\d{1,6}(?![\d.]*\d)", one))
        elif isinstance(one, float) and one.is_integer():
            yield int(one)
        elif isinstance(one, int) and not isinstance(one, bool):
            yield one
