"""Options of a fit: the presets and their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from personalrm.errors import DataError

VerdictMode = Literal["token", "reasoned"]
"""How the judge answers: with a letter only (``token``), or with an explanation first (``reasoned``)."""
Preset = Literal["default", "paper", "frugal"]


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a fit.

    Attributes:
        preset: ``default`` compares few candidate sets by log-probabilities (successive halving); ``paper`` follows
            the released algorithm; ``frugal`` writes and validates a persona with the fewest calls.
        verdicts: ``token`` scores by the letter and its log-probabilities, ``reasoned`` asks for an explanation too.
        samples: number of reasonings sampled for each training choice.
        both_orders: a reasoning is verified only if its prediction is right in both orders.
        validation: share of the choices used for validation, in (0, 1).
        seed: random seed.
        verification: false also shows explanations whose prediction was wrong (an ablation).
        selection: false shows every training choice, in the order made, without arm selection (an ablation).
        persona_prompt: instruction for writing the persona, such as one from `personalrm optimize-prompt`; None for
            the built-in prompt.
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
    """Raise DataError if an option is invalid."""
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
