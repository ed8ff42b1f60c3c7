"""What a preset hands to `fitting`: everything learned, before it becomes a Profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from personalrm.profile.records import Arm, ArmSelection, CandidateSet, Persona, Reasoning
from personalrm.stats.position_bias import PositionBias
from personalrm.synthesis.judging import FewShotExample
from personalrm.synthesis.scoring import Scores


@dataclass(frozen=True)
class FitResult:
    """One person's reasonings, persona, demonstrations (of the arm that is used), the competition behind
    them, how often the judge went by position, and the scores of each arm that was asked in both orders."""

    reasonings: tuple[Reasoning, ...]
    persona: Persona | None
    demonstrations: tuple[FewShotExample, ...]
    fallback: ArmSelection
    candidates: tuple[CandidateSet, ...] = ()
    worth: Mapping[str, float] = field(default_factory=dict)
    position: PositionBias = field(default_factory=PositionBias)
    notes: tuple[str, ...] = ()
    arms: Mapping[Arm, Scores] = field(default_factory=dict)
