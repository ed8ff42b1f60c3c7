"""One person's evidence with complete rankings and thumbs as well as pairs; used by `person` if there are any.

    whole = WholeEvidence.of(history, group_names, rewards)
    departure, spread = whole.posterior(covariance)           # of the person's own weights (p,), (p, p)
    logit, variance = whole.leave_out(evidence, covariance)   # of each decided pair, from the other groups

For a person who gave only pairs, `posterior` is used instead; it gives the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from personalrm.models.traits.features import Array, last_message
from personalrm.models.traits.posterior import root_of
from personalrm.models.traits.prior import Prior
from personalrm.models.traits.rankings import Stage, stages_of
from personalrm.models.traits.reader import TraitReader
from personalrm.models.traits.softmax import Stages, mode_of, without_groups
from personalrm.models.traits.thumbs import USUAL, Threshold, learned
from personalrm.models.traits.thumbs import rows as thumb_rows
from personalrm.preferences import History, Message, RankedChoice, Thumb

if TYPE_CHECKING:
    from personalrm.models.encoders import Encoder

_CHUNK = 64
Rewards = Callable[[Sequence[tuple[Sequence[Message], str]]], tuple[Array, Array]]
"""Maps responses (context, response) to log-odds by the population's weights (n,) and personal traits (n, p)."""


def rewards_of(
    prior: Prior, reader: TraitReader, encoder: Encoder | None, items: Sequence[tuple[Sequence[Message], str]]
) -> tuple[Array, Array]:
    """Log-odds of responses (context, response) by the population's weights (n,), and their personal traits (n, p)."""
    asked = [(last_message(context), response) for context, response in items]
    sides = [prior.units(reader, asked[at : at + _CHUNK], encoder) for at in range(0, len(asked), _CHUNK)]
    return np.concatenate([prior.population_logits(one) for one in sides]), np.concatenate(
        [one.personal for one in sides]
    )


def is_needed(history: History) -> bool:
    """Whether there is feedback other than pairs of equal weight."""
    return bool(single_thumbs(history)) or any(one.ranking is not None or one.weight != 1.0 for one in history.decided)


def single_thumbs(history: History) -> list[Thumb]:
    """Thumbs without a pair: a thumb up and a thumb down that form a pair are already in that pair."""
    if not history.thumbs:
        return []
    compared = {(one.context, text) for one in history.decided for text in (one.chosen, one.rejected)}
    return [one for one in history.thumbs if (one.context, one.response) not in compared]


@dataclass(frozen=True, slots=True)
class WholeEvidence:
    """All feedback of one person.

    Attributes:
        stages: in terms of the personal weights and, last, of the threshold (S, K, p + 1).
        threshold: distribution of people's thresholds.
        groups: groups of the decided pairs; stages of other groups (thumbs only) are numbered after them.
    """

    stages: Stages
    threshold: Threshold
    groups: int

    @classmethod
    def of(
        cls, history: History, names: Sequence[str], rewards: Rewards, threshold: Threshold = USUAL
    ) -> WholeEvidence:
        """Build it from a history.

        Args:
            history: with a decided choice or a thumb.
            names: groups of its decided choices, in the order of their numbers.
            rewards: computes the features of responses.
            threshold: distribution of people's thresholds.
        """
        asked = list(_stages_of_choices(history))
        offset, t = rewards(_items(history))
        thumbs = single_thumbs(history)
        codes = {name: at for at, name in enumerate(names)}
        group = [codes.setdefault(name, len(codes)) for _, _, name, _ in asked]
        group += [codes.setdefault(one.group, len(codes)) for one in thumbs]
        most = max([len(stage[1]) for _, stage, _, _ in asked] + [1])
        total = len(asked) + len(thumbs)
        o, x = np.full((total, most), -np.inf), np.zeros((total, most, t.shape[1] + 1))
        place = 0
        for row, (_, stage, _, _) in enumerate(asked):
            others = slice(place + 1, place + 1 + len(stage[1]))
            o[row, : len(stage[1])] = offset[others] - offset[place]
            x[row, : len(stage[1]), :-1] = t[others] - t[place]
            place = others.stop
        up = [one.liked for one in thumbs]
        o[len(asked) :, 0], sign, x[len(asked) :, 0, -1] = thumb_rows(offset[place:], up, threshold)
        x[len(asked) :, 0, :-1] = sign[:, None] * t[place:]
        weight = np.array([one for _, _, _, one in asked] + [1.0] * len(thumbs))
        return cls(Stages(o, x, weight, np.array(group, dtype=np.intp)), threshold, len(names))

    def shifted(self, departure: Array) -> WholeEvidence:
        """The evidence with weights ``departure`` (p,) added to the population's."""
        offset = self.stages.offset + self.stages.x[..., :-1] @ departure
        return replace(self, stages=self.stages._replace(offset=offset))

    def without(self, group: int) -> WholeEvidence:
        """The evidence without one group; the numbers of later groups decrease by one."""
        kept = self.stages.group != group
        stages = self.stages.some(kept)
        return replace(
            self, stages=stages._replace(group=stages.group - (stages.group > group)), groups=self.groups - 1
        )

    def posterior(self, covariance: Array) -> tuple[Array, Array]:
        """Mean (p,) and covariance (p, p) of the difference between the person's weights and the population's."""
        root = root_of(covariance)
        mode, hessian = mode_of(self._in(root), np.zeros(len(root) + 1))
        return root @ mode[:-1], root @ np.linalg.inv(hessian)[:-1, :-1] @ root.T

    def threshold_posterior(self, covariance: Array) -> tuple[float, float]:
        """Mean and variance of the person's threshold, log-odds."""
        mode, hessian = mode_of(self._in(root_of(covariance)), np.zeros(len(covariance) + 1))
        mean, deviation = self.threshold
        return mean + deviation * float(mode[-1]), deviation**2 * float(np.linalg.inv(hessian)[-1, -1])

    def leave_out(
        self, offset: Array, t: Array, groups: Sequence[NDArray[np.intp]], covariance: Array
    ) -> tuple[Array, Array]:
        """Logit and variance (n,) of each decided pair, predicted from the evidence outside its group."""
        root = root_of(covariance)
        stages, x = self._in(root), t @ root
        mode, hessian = mode_of(stages, np.zeros(len(root) + 1))
        modes, spreads = without_groups(stages, mode, hessian, len(groups))
        logit, variance = offset.copy(), np.zeros(len(offset))
        for rows, own, spread in zip(groups, modes, spreads, strict=True):
            logit[rows] += x[rows] @ own[:-1]
            variance[rows] = ((x[rows] @ spread[:-1, :-1]) * x[rows]).sum(axis=1)
        return logit, variance

    def _in(self, root: Array) -> Stages:
        """The stages in terms of z ~ N(0, I), with the personal weights L z."""
        personal = self.stages.x[..., :-1] @ root
        return self.stages._replace(x=np.concatenate([personal, self.stages.x[..., -1:]], axis=-1))


def _stages_of_choices(history: History) -> list[tuple[Sequence[Message], Stage, str, float]]:
    """Context, stage, group and weight of every decided choice; the pairs of a ranking form one stage."""
    whole: dict[str, list[int]] = {}
    found: list[tuple[Sequence[Message], Stage, str, float]] = []
    decided = history.decided
    for at, one in enumerate(decided):
        if one.ranking is None:
            found.append((one.context, (one.chosen, (one.rejected,)), one.group, one.weight))
        else:
            whole.setdefault(one.ranking, []).append(at)
    for places in whole.values():
        pairs = [decided[at] for at in places]
        first = pairs[0]
        found += [(first.context, stage, first.group, 1.0) for stage in stages_of(RankedChoice.of(pairs).tiers)]
    return found


def learned_threshold(people: Sequence[History], rewards: Rewards, covariance: Array) -> Threshold:
    """Distribution of the thresholds of people who gave thumbs; the default with fewer than five of them."""
    known = [(one, _fixed(rewards(_items(one)))) for one in people if one.thumbs]

    def posterior(at: int, threshold: Threshold) -> tuple[float, float]:
        history, fixed = known[at]
        return WholeEvidence.of(history, (), fixed, threshold).threshold_posterior(covariance)

    return learned(range(len(known)), posterior)


def _fixed(found: tuple[Array, Array]) -> Rewards:
    return lambda _: found


def _items(history: History) -> list[tuple[Sequence[Message], str]]:
    """Every response of the evidence in order: for each stage the chosen one and the others, then those of thumbs."""
    items = [(context, text) for context, stage, _, _ in _stages_of_choices(history) for text in (stage[0], *stage[1])]
    return [*items, *((one.context, one.response) for one in single_thumbs(history))]
