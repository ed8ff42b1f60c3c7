"""The claims that are rated: of one's own choices, of somebody else's, and of people in general.

A claim is a trait from a fixed list and a direction, in the package's own words: it holds no word of anybody's texts,
so that rating a stranger's persona shows nothing of the stranger. All three kinds of claim read alike.
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
    """A claim, and the personas that make it; who rates it sees the text alone."""

    text: str
    arms: tuple[str, ...]


def texts() -> frozenset[str]:
    """Every claim that can ever be shown."""
    return frozenset(_text(name, more=more) for name in PERSONAL if sayable(name) for more in (True, False))


def own_claims(model: TraitsModel, choices: Sequence[Preference], most: int) -> list[str]:
    """What somebody wants more, or less, than people in general, the surest first.

    Surest by the posterior mean over the prior's standard deviation: how far the choices have moved the belief.
    """
    evidence = model.evidence([one for one in choices if not one.tie])
    mean, _ = person_posterior(evidence.offset, evidence.t, model.prior.covariance)
    return _strongest(mean / np.sqrt(np.diag(model.prior.covariance)), most)


def generic_claims(model: TraitsModel, most: int) -> list[str]:
    """What people in general want."""
    return _strongest(model.prior.personal_weights(), most)


def statements(arms: Mapping[str, Sequence[str]], rng: np.random.Generator) -> list[Statement]:
    """The claims of all personas in a drawn order; one that several make is shown once."""
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
