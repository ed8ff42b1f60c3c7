"""What a preset hands to `fitting`: everything learned, before it becomes a Profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from personalrm.profile.records import ArmSelection, CandidateSet, Persona, Reasoning
from personalrm.stats.position_bias import PositionBias
from personalrm.synthesis.judging import FewShotExample


@dataclass(frozen=True)
class FitResult:
    """One person's reasonings, persona, demonstrations (of the arm that is used), the competition behind
    them, and how often the judge went by position."""

    reasonings: tuple[Reasoning, ...]
    persona: Persona | None
    demonstrations: tuple[FewShotExample, ...]
    fallback: ArmSelection
    candidates: tuple[CandidateSet, ...] = ()
    worth: Mapping[str, float] = field(default_factory=dict)
    position: PositionBias = field(default_factory=PositionBias)
    notes: tuple[str, ...] = ()
