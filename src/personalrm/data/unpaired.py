"""Single responses without a counterpart: liked or not, or rated above or below the user's threshold.

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
    """The given thumbs, the ratings converted to thumbs, and the number of ratings that give no thumb."""

    liked: Sequence[Judged]
    rated: Sequence[Judged] = ()
    undecided: int = 0


def unpaired(judged: Sequence[Judged], scale: Callable[[], RatingScale] | None, min_gap: float) -> Unpaired:
    """Thumbs from single responses.

    A rating above the middle of the user's scale is a thumb up, one below it a thumb down. A rating at the middle, or
    closer to it than ``min_gap`` points of the common scale, gives no thumb. Ratings of the same text are averaged.

    Args:
        judged: responses with a thumb or a score; others are left out.
        scale: returns the user's scale; called only if there is a rating. None leaves ratings out.
        min_gap: minimum distance from the middle, in points of the common scale.
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
