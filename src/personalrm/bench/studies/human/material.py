"""The claims that participants rate, from their own choices, a stranger's choices, and the population mean.

A claim names a trait from a fixed list and a direction, in fixed words: it contains no text of any participant, so a
stranger's claims reveal none of the stranger's texts. All three kinds of claims are worded alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personalrm.models.traits import TraitsModel
from personalrm.models.traits.features import Array
from personalrm.models.traits.posterior import person_posterior
from personalrm.models.traits.prior import PERSONAL
from personalrm.models.traits.wording import in_words, sayable
from personalrm.preferences import Preference

ARMS = ("own", "stranger", "generic")


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim, and the personas (arms) it belongs to; participants see the text only."""

    text: str
    arms: tuple[str, ...]


def texts() -> frozenset[str]:
    """All claims that can be shown."""
    return frozenset(_text(name, more=more) for name in PERSONAL if sayable(name) for more in (True, False))


def own_claims(model: TraitsModel, choices: Sequence[Preference], most: int) -> list[str]:
    """The ``most`` strongest claims of a participant, relative to the population mean.

    Strength is the posterior mean divided by the prior's standard deviation.
    """
    evidence = model.evidence([one for one in choices if not one.tie])
    mean, _ = person_posterior(evidence.offset, evidence.t, model.prior.covariance)
    return _strongest(mean / np.sqrt(np.diag(model.prior.covariance)), most)


def generic_claims(model: TraitsModel, most: int) -> list[str]:
    """The ``most`` strongest claims of the population mean."""
    return _strongest(model.prior.personal_weights(), most)


def statements(arms: Mapping[str, Sequence[str]], rng: np.random.Generator) -> list[Statement]:
    """The claims of all personas in random order; a claim of several personas is shown once."""
    found: dict[str, list[str]] = {}
    for arm, claims in arms.items():
        for text in claims:
            found.setdefault(text, []).append(arm)
    made = [Statement(text, tuple(whose)) for text, whose in sorted(found.items())]
    return [made[at] for at in rng.permutation(len(made))]


def _strongest(weights: Array, most: int) -> list[str]:
    order = [int(at) for at in np.argsort(-np.abs(weights[: len(PERSONAL)]), kind="stable")]
    return [_text(PERSONAL[at], more=bool(weights[at] > 0)) for at in order if sayable(PERSONAL[at])][:most]


def _text(trait: str, *, more: bool) -> str:
    return f"More than most people, I prefer {in_words(trait, more=more)}."
