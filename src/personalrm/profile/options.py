"""How a profile is fitted: the presets and what can be turned on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VerdictMode = Literal["token", "reasoned"]
"""How a verdict is asked for: by the answer's letter alone, or with an explanation first."""
Preset = Literal["default", "paper"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to fit.

    Attributes:
        preset: ``default`` races few candidates with log-probabilities; ``paper`` follows the released algorithm.
        verdicts: ``token`` asks scoring calls for the answer's letter alone, ``reasoned`` for an explanation each time.
        samples: reasonings asked for each training choice.
        both_orders: a reasoning is verified only if its prediction holds in both orders.
        validation: share of the choices that is held back, in (0, 1).
        seed: of everything that is drawn.
        verification: false also shows explanations whose prediction was wrong (an ablation).
        selection: false shows every training choice, in the order made, without a competition (an ablation).
        persona_prompt: another instruction for writing the persona, such as `personalrm optimize-prompt` writes; None
            takes the one that ships.
    """

    preset: Preset = "default"
    verdicts: VerdictMode = "token"
    samples: int = 1
    both_orders: bool = False
    validation: float = 0.3
    seed: int = 0
    verification: bool = True
    selection: bool = True
    persona_prompt: str | None = None
