"""Selects the pairs to label next for one user, with the posterior of the profile's model.

asked = await select_questions(pool, "traits", profile, profile.options, "pairs.jsonl", top=3)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from personalrm.data.given import Candidates, candidates_of
from personalrm.errors import ProfileError
from personalrm.models.engine_pool import EnginePool
from personalrm.models.engines import UncertainLocalPredictor
from personalrm.models.registry import DEFAULT, is_fused
from personalrm.models.worker import in_worker
from personalrm.profile.options import Options
from personalrm.profile.records import Profile

if TYPE_CHECKING:
    from personalrm.models.acquisition import Criterion, Question


async def select_questions(
    pool: EnginePool,
    model: str,
    profile: Profile,
    options: Options,
    candidates: Candidates,
    top: int = 1,
    criterion: Criterion = "information",
) -> list[Question]:
    """Return the most informative pairs, best first; see `personalrm.models.acquisition`.

    Args:
        pool: opens the predictor.
        model, options: of the predictor; for a fused model, its embedded engine.
        profile: the user's profile.
        candidates: a file or a list of pairs or choices, whose labels are ignored.
        top: number of pairs.
        criterion: what a pair is to be informative about.

    Raises:
        ProfileError: the model gives no posterior uncertainty.
    """
    name = DEFAULT if is_fused(model) else model  # a judge has no posterior, and nobody is asked for this
    predictor = None if pool.asks(name) else await pool.predictor(name, profile, options)
    if not isinstance(predictor, UncertainLocalPredictor):
        raise ProfileError(
            f"the profile of {profile.user} was fitted with {name}, which gives no posterior uncertainty: "
            "use a profile fitted with traits, or with trained:DIR of a gpo, vpl, pal, lore or pref model"
        )
    return await in_worker(_selected, profile, candidates, predictor, top, criterion)


def _selected(
    profile: Profile, candidates: Candidates, predictor: UncertainLocalPredictor, top: int, criterion: Criterion
) -> list[Question]:
    from personalrm.models.acquisition import next_questions  # numpy, 0.1 s: not on an event loop

    pairs = candidates_of(candidates)
    return next_questions(profile.history, pairs, predictor.of_pairs, top=top, criterion=criterion)
