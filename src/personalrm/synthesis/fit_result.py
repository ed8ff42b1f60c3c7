"""The result of a preset before `fitting` turns it into a Profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from personalrm.profile.records import Arm, ArmSelection, CandidateSet, Persona, Reasoning
from personalrm.stats.position_bias import PositionBias
from personalrm.synthesis.judging import FewShotExample
from personalrm.synthesis.scoring import Scores


@dataclass(frozen=True)
class FitResult:
    """Result of a fit to one user.

    Attributes:
        reasonings: of the training choices, in order.
        persona: None if nothing could be kept.
        demonstrations: of the selected arm.
        fallback: the selected arm, and why.
        candidates: the demonstration sets that were compared.
        worth: reduction of the validation log loss by choice id, in nats per choice.
        position: how often the judge answered by position.
        notes: remarks for the reader of the profile.
        arms: validation scores of every measured arm.
    """

    reasonings: tuple[Reasoning, ...]
    persona: Persona | None
    demonstrations: tuple[FewShotExample, ...]
    fallback: ArmSelection
    candidates: tuple[CandidateSet, ...] = ()
    worth: Mapping[str, float] = field(default_factory=dict)
    position: PositionBias = field(default_factory=PositionBias)
    notes: tuple[str, ...] = ()
    arms: Mapping[Arm, Scores] = field(default_factory=dict)
