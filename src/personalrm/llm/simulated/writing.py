"""The simulated LLM's texts: verdicts, personas and short replies, as prose or JSON for any schema (for tests only).

Phrases are taken from its own lexicon, so it can parse its own personas.

    write_verdict(judgement, "A")                      # why A, in two to four sentences
    persona_claims(shown)                              # [("short, concise answers", [1, 4], [2]), …]
    fill({"type": "object", …}, Facts(reasoning=…, verdict=0, …))
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from personalrm.llm.simulated.judge import Judgement, Shown
from personalrm.llm.simulated.tastes import PHRASES, TRAITS, described_taste

NOTICED = 0.45
MOST_CLAIMS = 4
INSTRUCTIONS = (
    "Read the numbered past choices above; a <why> marks reasoning that foresaw the choice. Say what this person likes "
    "in a response, so that a stranger can predict the next choice. At most two claims, each with the numbers of the "
    "choices for and against it. Do not retell topics, and never guess who the person is.",
    "Compare the preferred response of each past choice above with the other one. Write a persona of the person: at "
    "most one claim, the preference that most choices support, with their numbers. Name no topics.",
    "Study every past choice of this person, also those that nobody foresaw. Write a persona for a judge: at most "
    "three claims about length, structure, tone or directness, the best supported first, and a summary in two "
    "sentences.",
    "Describe what this person rewards and what they reject in responses. At most four claims; each needs more choices "
    "for it than against it. Speak of style and stance, not of the subjects that were discussed.",
)
"""Instructions it proposes when asked to write an instruction."""
POINTS = 1.25
"""Difference of two scores on the ten-point scale per unit of log-odds."""
INVENTED = "Is about 40 years old and works as a nurse in a large city"
_WORD = re.compile(r"[^\W\d_]{5,}")
_COUNTS = ("one", "two", "three", "four", "five", "six")
_MOST = re.compile(rf"\bat most ({'|'.join(_COUNTS)}) claims?\b", re.IGNORECASE)
_PROPOSE = re.compile(r"\b(?:propos|improv|generat|suggest)\w*\b[^.\n]{0,40}\binstruction", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: the phrase of what is liked, with the numbers of the choices for and against it."""

    phrase: str
    supporting: tuple[str, ...]
    opposing: tuple[str, ...]

    @property
    def text(self) -> str:
        """The claim as a sentence."""
        return f"Prefers {self.phrase}."


@dataclass(frozen=True, slots=True)
class Facts:
    """The contents of an answer; ``verdict`` 0 is A, 1 is B, None: there is none."""

    text: str
    verdict: int | None = None
    probability: float = 0.5
    speculations: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    scores: tuple[tuple[float, float], ...] = ()


def write_verdict(judgement: Judgement, letter: str, criteria: int = 0) -> Facts:
    """Reasoning of 60 to 150 tokens: the largest trait differences of the preferred response and their meaning; with
    a score of A and of B for each criterion of a rubric."""
    other, sign = ("B", 1) if letter == "A" else ("A", -1)
    towards = sign * judgement.difference
    order = [at for at in np.argsort(-np.abs(towards)) if abs(towards[at]) > NOTICED][:3]
    liked = [PHRASES[TRAITS[at]][0 if towards[at] > 0 else 1] for at in order]
    if not liked:
        liked = ["what was asked, said plainly"]
    values = _listed(liked)
    text = (
        f"The two responses deal with the same request in different ways. Response {letter} offers {values}, "
        f"where response {other} leans the other way, and this is what sets the two apart most. "
        f"The person probably values {values}, so response {letter} should suit them more than response {other}."
    )
    guesses = tuple(f"The person probably values {one}." for one in liked)
    probability = float(1 / (1 + np.exp(-sign * judgement.logit)))
    ahead = float(np.clip(judgement.logit, -6, 6)) * POINTS / 2
    scores = ((round(5.5 + ahead, 1), round(5.5 - ahead, 1)),) * criteria
    return Facts(text, "AB".index(letter), probability, guesses, scores=scores)


def persona_claims(shown: Sequence[Shown], most: int = MOST_CLAIMS) -> list[Claim]:
    """The claims with most support in past choices: each has more choices for than against it.

    A choice supports a trait if the preferred response has clearly more (or less) of it; a `<why>` that names the trait
    in that direction adds weight.
    """
    if not shown:
        return []
    towards = np.stack([one.towards for one in shown])
    spoken = np.stack([one.why for one in shown])
    weight = np.clip(towards, -2, 2).sum(0) + 0.7 * (spoken * (np.sign(spoken) == np.sign(towards))).sum(0)
    claims: list[Claim] = []
    for at in np.argsort(-np.abs(weight)):
        sign = 1 if weight[at] > 0 else -1
        supporting = tuple(one.number for one in shown if sign * one.towards[at] > NOTICED)
        opposing = tuple(one.number for one in shown if sign * one.towards[at] < -NOTICED)
        if len(supporting) > len(opposing) and len(claims) < most:
            claims.append(Claim(PHRASES[TRAITS[at]][0 if sign > 0 else 1], supporting, opposing))
    return claims


def remembered(memory: str, claims: Sequence[Claim]) -> list[Claim]:
    """New claims, and remembered ones about traits that no new claim covers."""
    new = {at for claim in claims for at in np.flatnonzero(described_taste(claim.text))}
    phrases = (line.removeprefix("- Prefers ").rstrip(".") for line in memory.strip().splitlines())
    kept = [one for one in phrases if one and not new & set(np.flatnonzero(described_taste(one)))]
    return [*claims, *(Claim(one, (), ()) for one in kept)]


def write_persona(claims: Sequence[Claim], invent: bool = False) -> Facts:
    """A persona of 100 to 300 tokens from its claims; ``invent`` adds a claim without support in the prompt."""
    if not claims:
        return Facts("The choices shown do not say enough about this person to describe a taste.")
    text = (
        f"The person likes {_listed([one.phrase for one in claims])}. "
        f"Most telling are {claims[0].phrase}: {len(claims[0].supporting)} of the choices speak for it"
        f" and {len(claims[0].opposing)} against it. "
    )
    text += " ".join(f"In choices {', '.join(one.supporting)} the person went for {one.phrase}." for one in claims[1:])
    if invent:
        text += f" {INVENTED}."
        claims = [*claims, Claim("being addressed as a nurse of about 40", (), ())]
    return Facts(text, claims=tuple(claims), speculations=tuple(one.text for one in claims))


def most_claims(asked: str) -> int:
    """Maximum number of claims of a persona: four, or fewer if the prompt says "at most two claims"."""
    found = _MOST.search(asked)
    return min(MOST_CLAIMS, _COUNTS.index(found[1].lower()) + 1) if found else MOST_CLAIMS


def asks_for_instruction(prompt: str) -> bool:
    """Whether the prompt asks for an instruction for a language model."""
    return bool(_PROPOSE.search(prompt))


def write_instruction(draw: str) -> str:
    """One of a few instructions for writing a persona, selected by ``draw``."""
    return INSTRUCTIONS[blake2b(draw.encode("utf-8", "replace"), digest_size=1).digest()[0] % len(INSTRUCTIONS)]


def write_reply(system: str, question: str) -> Facts:
    """A short reply to the question, in a style given by the words of the system prompt."""
    style = dict(zip(TRAITS, described_taste(system), strict=True))
    words = list(dict.fromkeys(_WORD.findall(question.lower())))[:9] or ["matter", "question"]
    points = [f"look at the {word} with care before you go on" for word in words]
    points = points[: max(2, round(4 + 4 * style["length"]))]
    if style["numbers"] > 0:
        points = [f"{one} (allow {7 + 3 * at} minutes)" for at, one in enumerate(points)]
    if style["hedging"] > 0:
        points = [f"{one}, though that may depend on the situation" for one in points]
    body = (
        "\n".join(f"- {one}" for one in points) if style["lists"] > 0 else " ".join(f"{_upper(one)}." for one in points)
    )
    said = (
        (style["directness"] > 0, f"Short answer: begin with the {words[0]}."),
        (style["directness"] < 0, "To begin with some background, the question has many sides."),
        (style["warmth"] > 0, "What a lovely plan, you can be proud of it."),
        (style["anecdote"] > 0, "When I did this myself, I learned a lot."),
        (style["formality"] > 0, "It is advisable to proceed accordingly."),
        (style["formality"] < 0, "It's kinda simple, don't worry."),
        (True, body),
        (style["questions"] > 0, f"How do you feel about the {words[-1]}?"),
        (style["emoji"] > 0, "🙂"),
    )
    return Facts("\n".join(text for wanted, text in said if wanted))


def fill(
    schema: Mapping[str, object], facts: Facts, name: str = "", root: Mapping[str, object] | None = None
) -> object:
    """A value that conforms to a JSON schema, filled by the names and types of its properties."""
    root = schema if root is None else root
    schema = _resolved(schema, root)
    options = schema.get("enum")
    if isinstance(options, list) and options:
        return options[min(facts.verdict or 0, len(options) - 1)]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties")
        inner = properties if isinstance(properties, dict) else {}
        return {key: fill(value, facts, key, root) for key, value in inner.items()}
    if kind == "array":
        items = schema.get("items")
        return _array(items if isinstance(items, dict) else {}, facts, name, root)
    return _scalar(str(kind), schema, facts, name)


def prose(facts: Facts) -> str:
    """A persona as plain text: the summary, then its claims with their evidence."""
    lines = [
        f"- {one.text} (for: {', '.join(one.supporting) or 'none'}; against: {', '.join(one.opposing) or 'none'})"
        for one in facts.claims
    ]
    return "\n".join([facts.text, *lines])


def _array(items: Mapping[str, object], facts: Facts, name: str, root: Mapping[str, object]) -> list[object]:
    items = _resolved(items, root)
    if name == "scores":
        return [{"criterion": at, "a": a, "b": b} for at, (a, b) in enumerate(facts.scores, 1)]
    if items.get("type") == "object" or "properties" in items:
        return [fill(items, Facts(one.text, claims=(one,)), name, root) for one in facts.claims]
    if _FOR.search(name) or _AGAINST.search(name):
        claim = facts.claims[0] if facts.claims else Claim("", (), ())
        numbers = claim.opposing if _AGAINST.search(name) else claim.supporting
        return [int(one) if items.get("type") in ("integer", "number") and one.isdigit() else one for one in numbers]
    return list(facts.speculations)


def _scalar(kind: str, schema: Mapping[str, object], facts: Facts, name: str) -> object:
    if kind in ("number", "integer"):
        highest = schema.get("maximum")
        top = float(highest) if isinstance(highest, int | float) else (1.0 if kind == "number" else 10.0)
        return facts.probability * top if kind == "number" else round(facts.probability * top)
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    if facts.verdict is not None and _VERDICT.search(name):
        return "AB"[facts.verdict]
    return facts.text


def fill_keys(keys: Mapping[str, bool], facts: Facts) -> dict[str, object]:
    """An object with the keys (and whether each is a list) that a prompt names instead of a schema."""
    numbers = {"type": "array", "items": {"type": "integer"}}
    claim = {"properties": {"claim": {"type": "string"}, "for": numbers, "against": numbers}}
    if facts.verdict is None:
        wanted = {"summary": {"type": "string"}, "claims": {"type": "array", "items": claim}}
    else:
        names = keys or {"reasoning": False, "preference": False}
        wanted = {one: {"type": "array" if many else "string"} for one, many in names.items()}
    filled = fill({"type": "object", "properties": wanted}, facts)
    return filled if isinstance(filled, dict) else {}


_VERDICT = re.compile(r"prefer|verdict|choice|winner|answer|better|decision|letter|label", re.IGNORECASE)
_FOR = re.compile(r"^(?:for|pro)$|support|evidence", re.IGNORECASE)
_AGAINST = re.compile(r"against|contra|oppos", re.IGNORECASE)


def _resolved(schema: Mapping[str, object], root: Mapping[str, object]) -> Mapping[str, object]:
    """Resolve one ``$ref`` into ``$defs`` and the first non-null option of an ``anyOf``."""
    reference, options = schema.get("$ref"), schema.get("anyOf")
    if isinstance(reference, str):
        found: object = root
        for step in reference.removeprefix("#/").split("/"):
            found = found.get(step, {}) if isinstance(found, dict) else {}
        return found if isinstance(found, dict) else {}
    if isinstance(options, list):
        return _resolved(next((one for one in options if one.get("type") != "null"), {}), root)
    return schema


def _listed(phrases: Sequence[str]) -> str:
    return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " and " + phrases[-1]


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
