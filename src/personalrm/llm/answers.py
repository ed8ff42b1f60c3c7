r"""Parses a model's answer: the preferred side, its probability from log-probabilities, and embedded JSON.

    parse_choice('```json\\n{"reasoning": "…", "preference": "B"}\\n```')        # "b"
    parse_choice("Both are equally good.")                                        # None: unscored, never a guess
    why_unparsed("Both are equally good.")                                        # "tie"
    choice_probability(completion.tokens)                                         # P(a), from log-probabilities

`verdicts` finds the verdict, `loose_json` reads malformed JSON. Of the 8,770 raw verdicts of six models with a recorded
winner in llmbar_cot.jsonl.gz, all but three are read, and those three prefer neither side
(benchmarks/parser_real_verdicts.py prints the table). 1,500 characters of prose take about 40 µs.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from math import exp

from personalrm.llm.endpoint import ABSENT, TokenLogprob
from personalrm.llm.loose_json import parse_json
from personalrm.llm.thoughts import answer_start
from personalrm.llm.verdict_forms import says_even, verdict_of
from personalrm.llm.verdict_sides import SIDES, Found, normal
from personalrm.llm.verdicts import says_tie
from personalrm.preferences import Side

__all__ = ["choice_probability", "parse_choice", "parse_json", "why_unparsed"]

_REFUSAL = re.compile(
    r"\b(?:i['’]?m|i am|we are) (?:very |so |really )?(?:sorry|unable|not able)\b"
    r"|\bi (?:can['’]?t|cannot|won['’]t|will not|must decline|apologi[sz]e)\b|\bas an ai\b"
    r"|\b(?:unable to|can(?:not|['’]t)) (?:assist|help|comply|fulfil|provide)",
    re.IGNORECASE,
)
_FAMILIES = {"1": ("1", "2"), "2": ("1", "2"), "first": ("first", "second"), "second": ("first", "second")}


def parse_choice(text: str) -> Side | None:
    """Return the side that an answer prefers: ``"a"`` (shown first) or ``"b"``; None if it states none.

    None covers ties, refusals, empty answers and answers cut off before the verdict; ``why_unparsed`` names which.
    """
    found = _locate(text)
    return found.side if found else None


def why_unparsed(text: str) -> str:
    """Return why ``parse_choice(text)`` is None: "empty answer", "refusal", "tie" or "no verdict found (cut off?)"."""
    answer = text[answer_start(text) :]
    if not text.strip():
        return "empty answer"
    if says_tie(answer) or says_even(answer):
        return "tie"  # also in "Both are equally good, I cannot decide"
    return "refusal" if _REFUSAL.search(answer[:300]) else "no verdict found (cut off?)"


def choice_probability(tokens: Sequence[TokenLogprob]) -> float | None:
    """Return P(a) / (P(a) + P(b)) at the token that decides the verdict, in [0, 1]; None if neither side is listed
    there.

    The deciding token holds the letter, digit or word that ``parse_choice`` reads; if nothing can be read, it is the
    first position whose alternatives name a side. All spellings of a side are summed ("A", " a", '"A'), digits only if
    the answer uses digits. A side missing from the listed alternatives gets the smallest listed probability, or the
    unlisted mass if that is less: an upper bound, so that the result errs towards 0.5.
    """
    found = _locate("".join(one.token for one in tokens))
    if found is None:
        return next((share for one in tokens if (share := _share(one)) is not None), None)
    ends = list(accumulate(len(one.token) for one in tokens))
    return _share(tokens[bisect_right(ends, found.start)])


@lru_cache(maxsize=16)  # an answer is read for its side, for its probability and by its tokens
def _locate(text: str) -> Found | None:
    start = answer_start(text)
    found = verdict_of(text[start:] if start else text)
    return Found(found.side, found.start + start, found.end + start) if found else None


@lru_cache(maxsize=1024)  # the same few tokens are alternatives in nearly every verdict
def _word(token: str) -> str:
    return normal(token.strip(" \t\r\n\"'`*_()[]{}<>:.,;“”‘’▁Ġ#|"))


def _share(one: TokenLogprob) -> float | None:
    listed = {one.token: one.logprob, **dict(one.top)}
    known = {token: exp(min(logprob, 0.0)) for token, logprob in listed.items() if logprob > ABSENT}
    family = _FAMILIES.get(_word(one.token), ("a", "b"))
    mass: dict[Side, float] = {"a": 0.0, "b": 0.0}
    for token, probability in known.items():
        word = _word(token)
        if word in family:
            mass[SIDES[word]] += probability
    if not any(mass.values()):
        return None
    # At least 1e-6, so that a host which lists one token at probability 1 does not make a verdict infinitely sure.
    most = min(min(known.values()), max(1.0 - sum(known.values()), 1e-6))
    a, b = mass["a"] or most, mass["b"] or most
    return a / (a + b)
