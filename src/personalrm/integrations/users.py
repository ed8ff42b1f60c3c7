"""Rewards of named users for a batch of responses: what every framework's plug calls.

rewards = UserRewards("profiles/")                                     # a folder of USER.json
await rewards.score(["ada", "bob"], [context, context], ["Yes.", "It depends."])      # [0.4, -1.2]

Rewards are z-scores against the user's own history by default: a reward r becomes (r − m) / s, where m and s are the
mean and the standard deviation of the user's rewards for the responses of their past choices. Without that, users with
large weights dominate the advantage of a batch (P-GRPO, arXiv 2603.10009).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from personalrm.client import Client
from personalrm.errors import DataError
from personalrm.llm.gather import gather
from personalrm.models.base import Predictor
from personalrm.preferences import Message
from personalrm.profile.collection import ProfileCollection, Profiles
from personalrm.profile.records import Profile
from personalrm.stats.scale import Scale

Context = tuple[Message, ...]


class UserRewards:
    """Rewards of the users of some profiles; opened predictors and scales are kept.

    Args:
        profiles: whose rewards there are, see `Profiles`.
        standardise: give z-scores against each user's own history instead of raw log-odds.
        client: opens the profiles; None takes one with default settings.

    Raises:
        DataError: the folder does not exist, or a Client has no profiles.
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
        self, users: Sequence[str | None], contexts: Sequence[Sequence[Message]], responses: Sequence[str]
    ) -> list[float | None]:
        """Reward of each response for the user at the same position.

        Returns:
            n rewards; None where the user has no profile or the model gave no readable answer.
        """

        async def of(user: str, context: Context, texts: Sequence[str]) -> list[float | None]:
            profile = self.profiles.of(user)
            if profile is None:
                return [None] * len(texts)
            predictor = await self.open(profile)
            rewards = await predictor.score_many(context, texts)
            if not self.standardise:
                return rewards
            scale = await self._scale(user, profile, predictor)
            return [scale.standardised(one) for one in rewards]

        return await _by_conversation(of, users, contexts, responses)

    async def population(
        self, users: Sequence[str | None], contexts: Sequence[Sequence[Message]], responses: Sequence[str]
    ) -> list[float | None]:
        """Reward of each response for people in general, raw log-odds; None where the user has no profile."""

        async def of(user: str, context: Context, texts: Sequence[str]) -> list[float | None]:
            profile = self.profiles.of(user)
            if profile is None:
                return [None] * len(texts)
            return await (await self._client.aopen_population(profile)).score_many(context, texts)

        return await _by_conversation(of, users, contexts, responses)

    async def open(self, profile: Profile) -> Predictor:
        """What predicts for a profile; kept by the client."""
        return await self._client.aopen(profile)

    async def _scale(self, user: str, profile: Profile, predictor: Predictor) -> Scale:
        """The user's mean and deviation over the responses of their past choices, computed once."""
        if user not in self._scales:
            found: list[float | None] = []
            for one in profile.history:
                found += await predictor.score_many(one.context, [one.chosen, one.rejected])
            self._scales[user] = Scale.of(found)
        return self._scales[user]


async def _by_conversation(
    score: Callable[[str, Context, Sequence[str]], Coroutine[Any, Any, list[float | None]]],
    users: Sequence[str | None],
    contexts: Sequence[Sequence[Message]],
    responses: Sequence[str],
) -> list[float | None]:
    """Score the responses of one user to one conversation together; nobody's are None."""
    places: dict[tuple[str, Context], list[int]] = {}
    for at, (user, context, _) in enumerate(zip(users, contexts, responses, strict=True)):
        if user is not None:
            places.setdefault((user, tuple(context)), []).append(at)
    found: list[float | None] = [None] * len(responses)
    scored = await gather(
        score(user, context, [responses[at] for at in some]) for (user, context), some in places.items()
    )
    for some, rewards in zip(places.values(), scored, strict=True):
        for at, reward in zip(some, rewards, strict=True):
            found[at] = reward
    return found
