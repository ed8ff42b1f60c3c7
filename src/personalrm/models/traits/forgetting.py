"""Whether recent choices are more informative than old ones: a half-life learned on choices predicted in order of time.

    found = learn_half_life(people, covariance)
    found.half_life                                          # None: forgetting gives no gain
    mean, spread = posterior_over_time(offset, t, covariance, found.half_life)

A choice followed by h others has half the weight of the latest one in the log likelihood (exponential forgetting;
Koychev & Schwab 2000). Each choice of a person is predicted from the earlier ones outside its group; a half-life is
used only if its gain over no forgetting is significant after Holm's correction, paired by person.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from personalrm.models.traits.fit import Array, integrated, softplus
from personalrm.models.traits.newton import Rows, SharedRows, newton
from personalrm.models.traits.posterior import Person, person_posterior, root_of
from personalrm.stats.intervals import Paired, holm, paired

HALF_LIVES = (8.0, 16.0, 32.0, 64.0)
"""Candidate half-lives, in choices."""
LEAST_PEOPLE = 30
FIRST, LEAST_CHOICES = 12, 24
"""Minimum choices before the first predicted one, and minimum choices of a person."""
MOST_PEOPLE = 80
_TARGETS = 16  # predicted choices per person, spread evenly over the later ones
_LEVEL = 0.05


class Gain(NamedTuple):
    """Gain of one half-life over no forgetting: nats per choice, paired by person, and Holm's p over all candidates."""

    half_life: float
    test: Paired
    p: float


class Forgetting(NamedTuple):
    """The half-life in choices, None for no forgetting, with the gain of each candidate."""

    half_life: float | None
    gains: tuple[Gain, ...]
    people: int


def age_weights(choices: int, half_life: float | None) -> Array:
    """Weight of each choice (n,), oldest first: 0.5 to the power of age over half-life."""
    ages = np.arange(choices - 1, -1, -1, dtype=float)
    weights: Array = np.ones(choices) if half_life is None else 0.5 ** (ages / half_life)
    return weights


def posterior_over_time(offset: Array, t: Array, covariance: Array, half_life: float | None) -> tuple[Array, Array]:
    """Mean (p,) and covariance (p, p) of a person's weights from their choices, oldest first."""
    if half_life is None:
        return person_posterior(offset, t, covariance)
    return forgetful_posterior(offset, t, covariance, age_weights(len(offset), half_life))


def forgetful_posterior(offset: Array, t: Array, covariance: Array, weights: Array) -> tuple[Array, Array]:
    """`person_posterior` with a weight for each choice (n,): mean (p,) and covariance (p, p)."""
    root = root_of(covariance)
    x = t @ root
    mode, hessian = newton(SharedRows(offset, x, weights[None]), np.zeros((1, x.shape[1])))
    return root @ mode[0], root @ np.linalg.inv(hessian[0]) @ root.T


def learn_half_life(people: Sequence[Person], covariance: Array) -> Forgetting:
    """The best half-life, if it predicts significantly better than no forgetting.

    Args:
        people: choices oldest first; ``groups`` are the choices that belong together. People with fewer than
            ``LEAST_CHOICES`` choices are ignored; with fewer than ``LEAST_PEOPLE`` people nothing is learned.
        covariance: of people's weights.
    """
    losses = [found for one in people if (found := prequential_losses(one, covariance)) is not None]
    if len(losses) < LEAST_PEOPLE:
        return Forgetting(None, (), len(losses))
    codes = np.repeat(np.arange(len(losses)), [one.shape[1] for one in losses])
    together = np.concatenate(losses, axis=1)
    tests = [paired(together[0], together[at], codes) for at in range(1, len(together))]
    made = [one for one in tests if one is not None]
    gains = tuple(map(Gain, HALF_LIVES, made, holm([one.p for one in made])))
    best = max(gains, key=lambda one: one.test.difference)
    helps = best.test.difference > 0.0 and best.p < _LEVEL
    return Forgetting(best.half_life if helps else None, gains, len(losses))


def people_in_time(timed: NDArray[np.bool_] | None, offset: Array, t: Array, person: Rows, group: Rows) -> list[Person]:
    """People with ordered and enough choices, at most `MOST_PEOPLE`.

    Args:
        timed: for each person, whether their choices are in order of time; None: for no person.
        offset, t: of all choices (n,), (n, p).
        person, group: of each choice (n,), numbered.
    """
    if timed is None:
        return []
    enough = np.flatnonzero(timed & (np.bincount(person, minlength=len(timed)) >= LEAST_CHOICES))[:MOST_PEOPLE]
    found = []
    for one in enough:
        rows = np.flatnonzero(person == one)
        own = group[rows]
        found.append(Person(offset[rows], t[rows], [np.flatnonzero(own == each) for each in np.unique(own)]))
    return found


def prequential_losses(person: Person, covariance: Array) -> Array | None:
    """Log loss of later choices, each predicted from the earlier ones outside its group: no forgetting, then each
    half-life (1 + len(HALF_LIVES), targets). None with too few choices."""
    n = len(person.offset)
    if n < LEAST_CHOICES:
        return None
    group = np.empty(n, dtype=np.intp)
    for number, rows in enumerate(person.groups):
        group[rows] = number
    targets = np.unique(np.linspace(FIRST, n - 1, min(_TARGETS, n - FIRST)).astype(int))
    return np.stack([_losses(person, group, targets, root_of(covariance), one) for one in (None, *HALF_LIVES)])


def _losses(person: Person, group: Rows, targets: Rows, root: Array, half_life: float | None) -> Array:
    weights = np.zeros((len(targets), len(person.offset)))
    for row, target in zip(weights, targets, strict=True):
        row[:target] = age_weights(int(target), half_life) * (group[:target] != group[target])
    return softplus(-weighted_logits(person.offset, person.t @ root, weights, targets))


def weighted_logits(offset: Array, x: Array, weights: Array, targets: Rows) -> Array:
    """Moderated log-odds (m,) of some choices, each from all n with its own weights (m, n); weights z ~ N(0, I)."""
    modes, hessians = newton(SharedRows(offset, x, weights), np.zeros((len(targets), x.shape[1])))
    rows = x[targets]
    variance = (rows * np.linalg.solve(hessians, rows[..., None])[..., 0]).sum(axis=1)
    return integrated(offset[targets] + (rows * modes).sum(axis=1), variance)
