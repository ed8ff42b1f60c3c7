"""verl: ``compute_score`` as a custom reward function.

reward.custom_reward_function.path=pkg://personalrm.integrations.verl reward.custom_reward_function.name=compute_score
PERSONALRM_PROFILES=profiles/ python -m verl.trainer.main_ppo …

``extra_info["user_id"]`` of each dataset row names the user. ``extra_info["prompt"]`` (a string or messages) optionally
gives the conversation before the response.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from personalrm.errors import DataError
from personalrm.integrations.messages import answered, context_of, same_length
from personalrm.integrations.users import UserRewards
from personalrm.llm import background_loop
from personalrm.preferences import Message

PROFILES = "PERSONALRM_PROFILES"
"""Environment variable: the folder of ``USER.json``."""
RAW = "PERSONALRM_RAW_REWARDS"
"""Environment variable: ``1`` gives raw log-odds instead of z-scores."""


def compute_score(
    data_source: str, solution_str: str | None, ground_truth: Any, extra_info: Mapping[str, Any] | None = None, **_: Any
) -> dict[str, float]:
    """The reward of one response for its user.

    Args:
        data_source, ground_truth: unused.
        solution_str: the response.
        extra_info: ``user_id``, and optionally ``prompt`` as a string or messages.

    Returns:
        ``{"score": reward, "unscored": 0.0 or 1.0}``. An unscored response gets reward 0, which is the user's mean if
        rewards are standardised.

    Raises:
        DataError: no ``user_id``, or PERSONALRM_PROFILES is not set.
    """
    return _score_fields(*background_loop.run(_scored([solution_str], [extra_info])))


async def acompute_score(
    data_source: str, solution_str: str | None, ground_truth: Any, extra_info: Mapping[str, Any] | None = None, **_: Any
) -> dict[str, float]:
    """`compute_score` as a coroutine, which verl awaits."""
    return _score_fields(*await background_loop.join(_scored([solution_str], [extra_info])))


def compute_scores(
    data_sources: Sequence[str],
    solution_strs: Sequence[str | None],
    ground_truths: Sequence[Any],
    extra_infos: Sequence[Mapping[str, Any] | None],
    **_: Any,
) -> list[float]:
    """`compute_score` for verl's batch reward manager, which accepts only numbers: n rewards, 0 if unscored."""
    same_length(len(solution_strs), extra_infos=extra_infos)
    found = background_loop.run(_scored(solution_strs, extra_infos))
    return [_score_fields(one)["score"] for one in found]


def _score_fields(reward: float | None) -> dict[str, float]:
    unscored = reward is None or not math.isfinite(reward)
    return {"score": 0.0 if reward is None or unscored else reward, "unscored": float(unscored)}


async def _scored(
    responses: Sequence[str | None], extra_infos: Sequence[Mapping[str, Any] | None]
) -> list[float | None]:
    rows = [_row(one) for one in extra_infos]
    users, contexts = [user for user, _ in rows], [context for _, context in rows]
    rewards = _rewards(os.environ.get(PROFILES), os.environ.get(RAW) == "1")
    return await rewards.score(users, contexts, [answered(one) for one in responses])


def _row(extra_info: Mapping[str, Any] | None) -> tuple[str, tuple[Message, ...]]:
    """The user and the conversation of a row. DataError if it names no user."""
    told = {} if extra_info is None else extra_info
    if not isinstance(told, Mapping):
        raise DataError(f"extra_info: expected an object with 'user_id', found {type(told).__name__}")
    user = told.get("user_id")
    if user is None:
        raise DataError("extra_info: expected 'user_id', the user of the row, found none")
    return str(user), context_of(told["prompt"]) if told.get("prompt") is not None else ()


@cache
def _rewards(folder: str | None, raw: bool) -> UserRewards:
    if not folder:
        raise DataError(f"set {PROFILES} to the folder of USER.json profiles")
    return UserRewards(folder, standardise=not raw)
