"""Runs an optimiser and converts its errors. No other module outside `dspy_backend` imports DSPy."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import Literal

from personalrm import __version__
from personalrm.errors import MissingExtra, PersonalrmError
from personalrm.llm.endpoint import Endpoint
from personalrm.optimizing.trials import MIXING, Trials
from personalrm.privacy import refuse_mixing

Optimizer = Literal["miprov2", "gepa"]
PACKAGES = ("dspy", "gepa", "optuna")


def check_installed() -> None:
    """Import DSPy. MissingExtra if it, or a package it needs, is not installed."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # otherwise importing LiteLLM downloads a price list
    try:
        import dspy  # noqa: F401
        import gepa  # noqa: F401
        import optuna  # noqa: F401
    except ImportError as error:
        raise MissingExtra(f"Optimising prompts needs: pip install 'personalrm[optimize]' ({error}).") from None


def drive(
    optimizer: Optimizer, trials: Trials, proposer: Endpoint, candidates: int, seed: int, *, private: bool = False
) -> None:
    """Run an optimiser for ``candidates`` instructions; the results are in ``trials``.

    Raises:
        PrivacyRefused: the optimiser is one of `MIXING`, and ``private`` is true or PERSONALRM_PRIVATE set.
        MissingExtra: DSPy is not installed.
        PersonalrmError: from model calls; or an error of the optimiser itself.
    """
    if optimizer in MIXING:
        refuse_mixing(MIXING[optimizer], private=private)
    check_installed()
    from personalrm.optimizing.dspy_backend import gepa, miprov2
    from personalrm.optimizing.dspy_backend.asking import Stop
    from personalrm.optimizing.dspy_backend.quiet import quiet

    run = gepa.run if optimizer == gepa.NAME else miprov2.run
    try:
        with quiet():
            run(trials, proposer, candidates, seed)
    except Stop as stop:
        raise stop.error from None
    except Exception as error:
        if os.environ.get("PERSONALRM_DEBUG"):
            raise
        raise PersonalrmError(f"{optimizer} failed ({type(error).__name__}: {_short(error)})") from error


def versions() -> dict[str, str]:
    """Versions of the packages involved."""
    return {"personalrm": __version__, **{name: version(name) for name in PACKAGES}}


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
