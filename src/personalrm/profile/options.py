"""How a profile is fitted: the presets and what can be turned on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from personalrm.errors import DataError

VerdictMode = Literal["token", "reasoned"]
"""How a verdict is asked for: by the answer's letter alone, or with an explanation first."""
Preset = Literal["default", "paper", "frugal"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to fit.

    Attributes:
        preset: ``default`` races few candidates with log-probabilities; ``paper`` follows the released algorithm;
            ``frugal`` asks for a persona and whether it helps, with the fewest calls.
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


def check_options(options: Options) -> None:
    """DataError if no fit is possible with these."""
    for name, value, known in (
        ("preset", options.preset, get_args(Preset)),
        ("verdicts", options.verdicts, get_args(VerdictMode)),
    ):
        if value not in known:
            raise DataError(f"{name}: expected {' or '.join(known)}, found '{value}'")
    if options.samples < 1:
        raise DataError(f"samples: expected at least 1 reasoning for each choice, found {options.samples}")
    if not 0.0 < options.validation < 1.0:
        raise DataError(f"validation: expected a share between 0 and 1, found {options.validation}")
    if options.persona_prompt is not None and not options.persona_prompt.strip():
        raise DataError("persona_prompt: expected an instruction, found an empty text")
    if options.seed < 0:
        raise DataError(f"seed: expected a whole number from 0 on, found {options.seed}")
