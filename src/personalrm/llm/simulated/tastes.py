"""The simulated LLM's lexicon: traits of a response, and tastes in a description of a person (for tests only).

Both are computed from the text with rules that are independent of how the simulated people's texts are generated.

    response_traits("Short answer: 3 days. 🙂")            # one number per trait, with a deviation of about 1
    described_taste("Likes brief answers; dislikes lists.")   # length −1, lists −1
"""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

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

# For each trait: patterns for a high value and for a low value (regular expressions, lower case).
LEXICON: dict[str, tuple[str, str]] = {
    "length": (
        r"long|longer|lengthy|length|detail(?:ed|s)?|thorough(?:ly)?|in-depth|comprehensive|elaborate|extensive|exhaustive",
        r"short|shorter|concise(?:ly)?|brief(?:ly)?|succinct|terse|compact|few words|brevity",
    ),
    "lists": (
        r"bullets?|bulleted|bullet points?|lists?|structured?|step[- ]by[- ]step|numbered|headings|itemi[sz]ed",
        r"prose|paragraphs|unstructured|running text",
    ),
    "hedging": (
        r"hedg(?:ed|es|ing)|caveats?|cautious|careful|nuanced?|tentative|qualified|qualifications|uncertainty|balanced",
        r"confident|certain|certainty|decisive|assertive|unequivocal|definite",
    ),
    "warmth": (
        r"warm(?:th)?|friendly|kind|encourag(?:ing|ement)|empath(?:y|etic)|supportive|caring|reassur(?:ing|ance)",
        r"sober|matter-of-fact|cold|detached|businesslike|unemotional",
    ),
    "questions": (
        r"(?:follow-up |return )?questions?(?: back)?|asks? back|interactive|inviting replies",
        r"closed statements|plain statements",
    ),
    "anecdote": (
        r"anecdot(?:e|es|al)|first[- ]person|personal (?:stor(?:y|ies)|experiences?)|stor(?:y|ies)|lived experience",
        r"objective|impersonal|neutral voice",
    ),
    "numbers": (
        r"numbers?|figures|specifics?|concrete|precise|quantities|measurements|statistics|exact",
        r"general advice|vague|abstract|unspecific",
    ),
    "formality": (
        r"formal|professional|polished|academic|official",
        r"casual|informal|conversational|chatty|colloquial|relaxed|slang",
    ),
    "emoji": (r"emojis?|emoticons?|smileys?", r"emoji-free|plain symbols"),
    "directness": (
        r"direct(?:ly|ness)?|straight(?:forward)?|up ?front|answers? first|to the point|no preamble|immediate answers?",
        r"background|introductions?|preambles?|context first|build-up|lead-in",
    ),
}

# The LLM's own phrases (high, low), which its lexicon parses back correctly.
PHRASES: dict[str, tuple[str, str]] = {
    "length": ("detailed, thorough answers", "short, concise answers"),
    "lists": ("structured answers with bullet lists", "running text in paragraphs"),
    "hedging": ("careful, nuanced answers with caveats", "confident, decisive answers"),
    "warmth": ("a warm, encouraging tone", "a sober, matter-of-fact tone"),
    "questions": ("follow-up questions", "plain statements throughout"),
    "anecdote": ("personal stories in the first person", "an objective, impersonal voice"),
    "numbers": ("concrete numbers and precise figures", "general advice, rather abstract"),
    "formality": ("a formal, professional register", "a casual, conversational register"),
    "emoji": ("emoji", "emoji-free text"),
    "directness": ("direct answers that come up front", "some background and introduction"),
}

_NAMES = {f"{name}_{side}": (at, sign) for at, name in enumerate(TRAITS) for side, sign in (("more", 1), ("less", -1))}
_OF_TASTE = "|".join(
    [
        r"(?P<against>dislik\w+|hat(?:es?|ed|ing)|avoid\w*|reject(?:s|ed|ing)?|(?:annoyed|bothered|put off) by"
        r"|(?:does|do|did|would|is|are|was|has|have|had)(?: not|n't|n’t)(?: \w+)? "
        r"(?:like|want|value|enjoy|prefer|appreciate|care|choose|need|fond)\w*"
        r"|never (?:likes?|wants?|chooses?|prefers?))",
        r"(?P<without>not|no|without|never|n't|less|fewer|rather than|instead of|over|too|than)",
        r"(?P<towards>likes?|liked|prefers?|preferred|wants?|values?|valued|enjoys?|enjoyed|appreciates?|favou?rs?"
        r"|chooses?|chose|picks?|loves?|rewards?)",
        *(
            rf"(?P<{name}_{side}>{words})"
            for name, pair in LEXICON.items()
            for side, words in (("less", pair[1]), ("more", pair[0]))
        ),
    ]
)
_SPOKEN = re.compile(rf"(?P<end>[.;:!?\n]|\bbut\b|\bhowever\b|\bwhile\b)|(?P<comma>,)|\b(?=[a-z])(?:{_OF_TASTE})\b")


def described_taste(text: str) -> Vector:
    """The taste that an English description of a person expresses: one number per trait in [−1, 1].

    "Dislikes" and similar words negate what follows until the sentence ends or a word of liking comes; "no", "rather
    than" and similar words negate what follows until the next comma.
    """
    found = np.zeros(len(TRAITS))
    lasting, passing = 1, 1
    for match in _SPOKEN.finditer(text.lower()):
        kind = match.lastgroup or ""
        if kind in _NAMES:
            at, sign = _NAMES[kind]
            found[at] += sign * lasting * passing
        elif kind == "without":
            passing = -1
        elif kind == "against":
            lasting = -1
        elif kind == "comma":
            passing = 1
        else:
            lasting, passing = 1, 1
    return np.clip(found, -1.0, 1.0)


_SENTENCE = re.compile(r"[.!?](?:\s|$)")
_BULLET = re.compile(r"^[^\S\n]*(?:[-*•]|\d+[.)])\s", re.MULTILINE)
_WORDS = re.compile(r"[^\W\d_]+(?:[’'][^\W\d_]+)?")
_NUMBER = re.compile(r"\d+")
_EMOJI = re.compile("[\U0001f300-\U0001faff☀-➿]")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HEDGE = _words("perhaps maybe may might could possible possibly depend depends seem seems unsure uncertain generally")
_WARM = _words(
    "lovely wonderful glad proud kind alone understandable happy congratulations beautifully sorry hope great"
)
_OWN = _words("i i'm i've my mine myself")
_FORMAL = _words(
    "advisable furthermore moreover therefore consequently subsequently accordingly ought prudent upon thus hence"
    " regarding facilitate facilitates considerably comparatively frequently entirely"
)
_CASUAL = _words("cause gonna wanna kinda folks yeah stuff hey guys cool")
_AT_ONCE = re.compile(r"\W{0,20}(?:short answer|in short|in one line|the answer is|tl;dr|yes\b|no\b)", re.IGNORECASE)
_AT_LENGTH = re.compile(
    r"\W{0,20}(?:before |to begin with|there are many|when it comes to|this is an? (?:interesting|complex)|as an ai)",
    re.IGNORECASE,
)


def response_traits(text: str) -> Vector:
    """The traits of one response, each scaled to a deviation of about 1 over ordinary answers; shape (10,)."""
    words = _WORDS.findall(text.lower().replace("’", "'"))
    sentences = max(1, len(_SENTENCE.findall(text)))
    formal = _count(_FORMAL, words) - _count(_CASUAL, words) - sum("'" in word for word in words)
    return np.array(
        [
            math.log(len(text) + 20) / 0.37,
            2.0 if len(_BULLET.findall(text)) > 1 else 0.0,
            min(1.5, _count(_HEDGE, words) / sentences) / 0.33,
            min(3, _count(_WARM, words)) / 1.1,
            min(3, text.count("?")) / 0.9,
            min(1.5, _count(_OWN, words) / sentences) / 0.5,
            min(2.0, len(_NUMBER.findall(text)) / sentences) / 0.45,
            max(-1.5, min(1.5, formal / sentences)) / 0.6,
            min(1.0, len(_EMOJI.findall(text)) / sentences) / 0.2,
            (1.2 if _AT_ONCE.match(text) else 0.0) - (1.2 if _AT_LENGTH.match(text) else 0.0),
        ]
    )


def _count(listed: frozenset[str], words: list[str]) -> int:
    return sum(map(listed.__contains__, words))


_CONTENT = re.compile(r"[^\W\d_]{4,}")


def relevance(question: str, response: str) -> float:
    """Relevance of a response: the share of its longer words that occur in the question, with a deviation near 1."""
    asked = set(_CONTENT.findall(question.lower()))
    said = _CONTENT.findall(response.lower())
    return sum(word in asked for word in said) / max(1, len(said)) / 0.07
