"""Scores of many responses for many people at once, as in a trainer's reward call.

    await score_each([ada, ada, bob], [context] * 3, ["Yes.", "It depends.", "No."])        # [0.4, -1.2, 0.1]

Responses for people with the same prior of the embedded engine are processed together, in one step of a worker thread.
The scores are bit-identical to `Predictor.score`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from personalrm.llm import background_loop
from personalrm.llm.gather import gather
from personalrm.models.base import Item, Predictor
from personalrm.models.engines import LocalPredictor, finite
from personalrm.models.worker import in_worker
from personalrm.preferences import Message

Context = Sequence[Message]


async def score_each(
    predictors: Sequence[Predictor], contexts: Sequence[Context], responses: Sequence[str]
) -> list[float | None]:
    """Score of each response by the predictor at the same position (n,); None if unscored."""
    items = list(zip(contexts, responses, strict=True))
    local = [at for at, one in enumerate(predictors) if isinstance(one, LocalPredictor)]
    asked = [at for at, one in enumerate(predictors) if not isinstance(one, LocalPredictor)]
    found: list[float | None] = [None] * len(items)
    if local:
        some = [predictors[at] for at in local]
        computed = await in_worker(_computed, some, [items[at] for at in local])
        for at, score in zip(local, computed, strict=True):
            found[at] = score
    if asked:
        some = [predictors[at] for at in asked]
        answered = await background_loop.join(_requested(some, [items[at] for at in asked]))
        for at, answer in zip(asked, answered, strict=True):
            found[at] = answer
    return found


def _computed(predictors: Sequence[Any], items: Sequence[Item]) -> list[float]:
    from personalrm.models.traits import TraitsModel

    found = [0.0] * len(items)
    groups: dict[tuple[bool, int], list[int]] = {}
    for at, one in enumerate(predictors):
        traits = isinstance(one.model, TraitsModel)
        groups.setdefault((traits, id(one.model.prior if traits else one.model)), []).append(at)
    for (traits, _), places in groups.items():
        some = [items[at] for at in places]
        models = [predictors[at].model for at in places]
        scores = TraitsModel.scores_of_each(models, some) if traits else models[0].scores(some)
        for at, score in zip(places, finite(scores), strict=True):
            found[at] = score
    return found


async def _requested(predictors: Sequence[Predictor], items: Sequence[Item]) -> list[float | None]:
    """Responses to one conversation for one person are scored in one call."""
    places: dict[tuple[int, tuple[Message, ...]], list[int]] = {}
    for at, (one, (context, _)) in enumerate(zip(predictors, items, strict=True)):
        places.setdefault((id(one), tuple(context)), []).append(at)
    groups = list(places.values())
    scored = await gather(
        predictors[some[0]].score_many(items[some[0]][0], [items[at][1] for at in some]) for some in groups
    )
    found: list[float | None] = [None] * len(items)
    for some, scores in zip(groups, scored, strict=True):
        for at, score in zip(some, scores, strict=True):
            found[at] = score
    return found
