"""What a preset hands to `fitting`: everything learned, before it becomes a Profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from personalrm.profile.records import CandidateSet, Fallback, Persona, Reasoning
from personalrm.synthesis.judging import Shown


@dataclass(frozen=True)
class Learned:
    """One person's reasonings, persona, demonstrations (of the arm that is used) and the competition behind them."""

    reasonings: tuple[Reasoning, ...]
    persona: Persona | None
    demonstrations: tuple[Shown, ...]
    fallback: Fallback
    candidates: tuple[CandidateSet, ...] = ()
    worth: Mapping[str, float] = field(default_factory=dict)
