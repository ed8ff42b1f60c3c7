"""Descriptions of choices by general properties, without any of their text.

describe(choice)                  # "went for the response that is shorter (0.4 times as long), without a list"
describe_choices(shown)           # "12 past choices, 8 of them foreseen; the longer response preferred in 9; …"

These sentences are part of the optimisers' prompts: a change invalidates their cached answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from personalrm.preferences import Preference
from personalrm.synthesis.judging import FewShotExample

_LONGER = 1.25
"""Ratio of lengths from which a response is called longer."""
_FEATURES = (
    ("a list", re.compile(r"^[^\S\n]*(?:[-*•]|\d+[.)])\s", re.MULTILINE)),
    ("headings", re.compile(r"^[^\S\n]*(?:#{1,6}\s|\*\*[^*]+\*\*:?[^\S\n]*$)", re.MULTILINE)),
    ("figures", re.compile(r"\d")),
    ("a question at its end", re.compile(r"\?\W*$")),
    ("a disclaimer", re.compile(r"\bas an ai\b|\blanguage model\b|\bi (?:can't|cannot|don't have)\b", re.IGNORECASE)),
    ("hedges", re.compile(r"\b(?:perhaps|maybe|might|depends?|however|on the other hand)\b", re.IGNORECASE)),
    ("the first person", re.compile(r"\bI\b|\bmy\b")),
    ("an exclamation", re.compile(r"!")),
)


def describe(choice: Preference) -> str:
    """How the preferred response differs from the other."""
    said = [_length(choice)]
    for name, pattern in _FEATURES:
        mine, other = bool(pattern.search(choice.chosen)), bool(pattern.search(choice.rejected))
        if mine != other:
            said.append(f"{'with' if mine else 'without'} {name}")
    return f"went for the response that is {', '.join(said)}"


def describe_choices(shown: Sequence[FewShotExample]) -> str:
    """The number of choices, how many were predicted correctly, and what the preferred responses have in common."""
    choices = [one.choice for one in shown]
    longer = sum(len(one.chosen) > len(one.rejected) for one in choices)
    parts = [
        f"{len(choices)} past choices, {sum(one.why is not None for one in shown)} of them foreseen",
        f"the longer response preferred in {longer}",
    ]
    for name, pattern in _FEATURES:
        differs = [one for one in choices if bool(pattern.search(one.chosen)) != bool(pattern.search(one.rejected))]
        if differs:
            with_it = sum(bool(pattern.search(one.chosen)) for one in differs)
            parts.append(f"where one response alone has {name}, it is preferred in {with_it} of {len(differs)}")
    return "; ".join(parts)


def _length(choice: Preference) -> str:
    times = (len(choice.chosen) + 1) / (len(choice.rejected) + 1)
    if 1 / _LONGER < times < _LONGER:
        return "about as long"
    return f"{'longer' if times > 1 else 'shorter'} ({times:.1f} times as long)"
