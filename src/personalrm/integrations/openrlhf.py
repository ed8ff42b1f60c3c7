"""OpenRLHF: a user's reward as a Python file for ``--reward.remote_url``; ``personalrm serve`` has the HTTP form.

# reward.py, given to OpenRLHF
from personalrm.integrations.openrlhf import reward_function
reward_func = reward_function("profiles/")

The label of each row names the user: a user id, or a mapping (or its JSON) with ``user_id``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson

from personalrm.client import Client
from personalrm.data.templated import response_in, turns_of
from personalrm.integrations.messages import same_length
from personalrm.integrations.users import UserRewards
from personalrm.llm import background_loop
from personalrm.profile.collection import Profiles

RewardFunc = Callable[..., dict[str, Any]]


def reward_function(profiles: Profiles | Client, *, standardise: bool = True, user: str | None = None) -> RewardFunc:
    """``reward_func(queries, prompts, labels)`` as OpenRLHF calls it; further keyword arguments are ignored.

    Args:
        profiles: a mapping from user to a profile or its file, a folder of ``USER.json``, or a `Client`.
        standardise: z-scores relative to each user's own history; false gives raw log-odds.
        user: the user of all rows; None takes the user from each label.

    Returns:
        A function that returns ``{"rewards": [float], "scores": [float], "extra_logs": {"unscored": [float]}}``, n
        numbers each. An unscored response gets reward 0, which is the user's mean if rewards are standardised.

    Raises (when called):
        DataError: the lists differ in length.
    """
    rewards = UserRewards(profiles, standardise=standardise)

    def reward_func(
        queries: Sequence[str | None], prompts: Sequence[str | None], labels: Sequence[Any], **_: Any
    ) -> dict[str, Any]:
        same_length(len(queries), prompts=prompts, labels=labels)
        users = [user if user is not None else user_of(one) for one in labels]
        texts = [one or "" for one in prompts]
        contexts = [turns_of(one) for one in texts]
        responses = [
            None if query is None else response_in(query, text) for query, text in zip(queries, texts, strict=True)
        ]
        found = background_loop.run(rewards.score(users, contexts, responses))
        scored = [one is not None and math.isfinite(one) for one in found]
        values = [float(one) if ok and one is not None else 0.0 for one, ok in zip(found, scored, strict=True)]
        return {"rewards": values, "scores": values, "extra_logs": {"unscored": [float(not ok) for ok in scored]}}

    return reward_func


def user_of(label: Any) -> str | None:
    """The user that a label names; None if it names none."""
    user: Any = label
    if isinstance(label, str) and label.lstrip().startswith("{"):
        with suppress(orjson.JSONDecodeError):
            user = orjson.loads(label)
    if isinstance(user, Mapping):
        user = user.get("user_id", user.get("user"))
    return None if user is None else str(user)
