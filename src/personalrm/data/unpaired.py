"""Responses that nothing is compared with: liked or not, or rated above or below the person's threshold.

unpaired([Judged("Hello!", score=90)], lambda: scales.of("ada"), min_gap=0).rated     # a thumb up, or down
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import NamedTuple

from personalrm.data.rating_scales import RatingScale
from personalrm.data.ratings import Judged

_ROUNDING = 1e-9


class Unpaired(NamedTuple):
    """Thumbs as they were given, ratings as thumbs, and how many ratings say nothing."""

    liked: Sequence[Judged]
    rated: Sequence[Judged] = ()
    undecided: int = 0


def unpaired(judged: Sequence[Judged], scale: Callable[[], RatingScale] | None, min_gap: float) -> Unpaired:
    """What single responses say of themselves.

    A rating above the middle of the person's scale is a thumb up, one below it a thumb down. One at the middle, or
    nearer to it than ``min_gap`` points of the common scale, says nothing. Ratings of the same text are averaged.

    Args:
        judged: responses with a thumb or a score; others are left out.
        scale: the person's, which is looked up only if there is a rating; None leaves ratings out.
        min_gap: points.
    """
    liked = [one for one in judged if one.liked is not None]
    scores: dict[str, list[float]] = {}
    for one in judged:
        if one.liked is None and one.score is not None:
            scores.setdefault(one.response, []).append(one.score)
    if scale is None or not scores:
        return Unpaired(liked)
    own = scale()
    rated = []
    for text, some in scores.items():
        score = fmean(some)
        above = own.above(score)
        if abs(above) >= min_gap and abs(above) > _ROUNDING * max(1.0, math.fabs(score)):
            rated.append(Judged(text, score, liked=above > 0))
    return Unpaired(liked, rated, len(scores) - len(rated))
