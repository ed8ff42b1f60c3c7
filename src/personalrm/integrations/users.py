"""Rewards of named users for a batch of responses; every framework adapter calls this module.

rewards = UserRewards("profiles/")                                     # a folder of USER.json
await rewards.score(["ada", "bob"], [context, context], ["Yes.", "It depends."])      # [0.4, -1.2]

Rewards are z-scores against the user's own history by default: a reward r becomes (r − m) / s, where m and s are the
mean and the standard deviation of the user's rewards for the responses of their past choices. Without that, users with
large weights dominate the advantage of a batch (P-GRPO, arXiv 2603.10009).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from personalrm.client import Client
from personalrm.errors import DataError
from personalrm.llm.gather import gather
from personalrm.models.base import Predictor
from personalrm.models.batches import score_each
from personalrm.preferences import Message
from personalrm.profile.collection import ProfileCollection, Profiles
from personalrm.profile.records import Profile
from personalrm.stats.scale import Scale


class UserRewards:
    """Rewards of the users of some profiles; opened predictors and scales are kept.

    Args:
        profiles: the users' profiles, see `Profiles`; a `Client` provides its own.
        standardise: return z-scores relative to each user's own history instead of raw log-odds.
        client: opens the profiles; None creates a `Client` with default settings.

    Raises:
        DataError: the folder does not exist, the `Client` has no profiles, or ``profiles`` has another type.
    """

    def __init__(self, profiles: Profiles | Client, *, standardise: bool = True, client: Client | None = None) -> None:
        self.standardise = standardise
        if isinstance(profiles, Client):
            if profiles.profiles is None:
                raise DataError("this Client has no profiles: create it with Client(profiles=…)")
            self._client, self.profiles = profiles, profiles.profiles
        else:
            self._client, self.profiles = client or Client(), ProfileCollection(profiles)
        self._scales: dict[str, Scale] = {}

    async def score(
        self, users: Sequence[str | None], contexts: Sequence[Sequence[Message]], responses: Sequence[str | None]
    ) -> list[float | None]:
        """Reward of each response for the user at the same position.

        Returns:
            n rewards; None where the user has no profile, there is no response, or the model gave no readable answer.
        """
        predictors = await self._predictors(users, self.open)
        rewards = await _of_known(users, predictors, contexts, responses)
        if not self.standardise:
            return rewards
        scales = {user: await self._scale(user, one) for user, one in predictors.items()}
        return [
            scales[user].standardised(reward) if user in scales else None
            for user, reward in zip(users, rewards, strict=True)
        ]

    async def population(
        self, users: Sequence[str | None], contexts: Sequence[Sequence[Message]], responses: Sequence[str | None]
    ) -> list[float | None]:
        """Raw log-odds under the population model instead of the user's; otherwise as `score`."""
        predictors = await self._predictors(users, self._client.aopen_population)
        return await _of_known(users, predictors, contexts, responses)

    async def open(self, profile: Profile) -> Predictor:
        """The predictor of a profile; the client caches it."""
        return await self._client.aopen(profile)

    async def _predictors(
        self, users: Sequence[str | None], open_: Callable[[Profile], Coroutine[Any, Any, Predictor]]
    ) -> dict[str, Predictor]:
        """Predictors by user, for the users who have a profile."""
        profiles = {user: self.profiles.of(user) for user in dict.fromkeys(users) if user is not None}
        known = {user: profile for user, profile in profiles.items() if profile is not None}
        return dict(zip(known, await gather(open_(one) for one in known.values()), strict=True))

    async def _scale(self, user: str, predictor: Predictor) -> Scale:
        """Mean and standard deviation of the user's rewards over the responses of their past choices, computed once."""
        if user not in self._scales:
            profile = self.profiles.of(user)
            found: list[float | None] = []
            for one in profile.history if profile is not None else ():
                found += await predictor.score_many(one.context, [one.chosen, one.rejected])
            self._scales[user] = Scale.of(found)
        return self._scales[user]


async def _of_known(
    users: Sequence[str | None],
    predictors: Mapping[str, Predictor],
    contexts: Sequence[Sequence[Message]],
    responses: Sequence[str | None],
) -> list[float | None]:
    """Score of each response for the user at the same position; None without a predictor or without a response."""
    given = [(at, text) for at, text in enumerate(responses) if text is not None and users[at] in predictors]
    scored = await score_each(
        [predictors[str(users[at])] for at, _ in given], [contexts[at] for at, _ in given], [text for _, text in given]
    )
    found: list[float | None] = [None] * len(responses)
    for (at, _), score in zip(given, scored, strict=True):
        found[at] = score
    return found
