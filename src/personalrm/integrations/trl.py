"""TRL: a user's reward for GRPO, RLOO and Online DPO, a judge, and preference rows with the user in the prompt.

from trl import GRPOTrainer
from personalrm.integrations.trl import reward_function

GRPOTrainer(model, reward_funcs=reward_function("profiles/"), train_dataset=prompts_with_a_user_id_column, …)
"""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any

from personalrm.client import Client
from personalrm.errors import DataError
from personalrm.formatting.texts import encodable
from personalrm.integrations.messages import Turns, answered, context_of, same_length
from personalrm.integrations.users import UserRewards
from personalrm.llm import background_loop
from personalrm.models.reward_model.rows import ProfileOf, training_rows
from personalrm.models.reward_model.user_prompts import Kind
from personalrm.preferences import History, Message
from personalrm.profile.collection import Profiles
from personalrm.prompts.marks import break_marks

Reward = Callable[..., list[float | None]]
AsyncReward = Callable[..., Awaitable[list[float | None]]]
METRIC = "personalrm/population_reward"
"""Name under which the population's mean reward is logged; it is no part of the reward."""


def reward_function(
    profiles: Profiles | Client, column: str = "user_id", *, standardise: bool = True, log_population: bool = True
) -> Reward:
    """A reward function as TRL's trainers call it.

    Args:
        profiles: a mapping from user to a profile or its file, a folder of ``USER.json``, or a `Client`.
        column: the dataset column that names the user of each row.
        standardise: z-scores against each user's own history; false gives raw log-odds.
        log_population: also log the mean reward of people in general, as `METRIC`, with weight 0.

    Returns:
        ``reward(prompts, completions, **columns) -> list[float | None]``; None where the user has no profile, the
        completion is None or empty of messages, or could not be scored, which TRL leaves out.

    Raises (when called):
        DataError: the dataset has no such column, or a prompt or completion is neither text nor messages.
    """
    rewards = UserRewards(profiles, standardise=standardise)

    def personal_reward(prompts: Sequence[Turns], completions: Sequence[Turns], **columns: Any) -> list[float | None]:
        return background_loop.run(_rewarded(rewards, column, log_population, prompts, completions, columns))

    return personal_reward


def async_reward_function(
    profiles: Profiles | Client, column: str = "user_id", *, standardise: bool = True, log_population: bool = True
) -> AsyncReward:
    """`reward_function` as a coroutine: TRL awaits it beside its other asynchronous rewards."""
    rewards = UserRewards(profiles, standardise=standardise)

    async def personal_reward(
        prompts: Sequence[Turns], completions: Sequence[Turns], **columns: Any
    ) -> list[float | None]:
        work = _rewarded(rewards, column, log_population, prompts, completions, columns)
        return await background_loop.join(work)

    return personal_reward


async def _rewarded(
    rewards: UserRewards,
    column: str,
    log_population: bool,
    prompts: Sequence[Turns],
    completions: Sequence[Turns],
    columns: dict[str, Any],
) -> list[float | None]:
    if column not in columns:
        names = ", ".join(sorted(columns)) or "none"
        raise DataError(f"the dataset has no column '{column}' that names the user of each row (columns: {names})")
    same_length(len(completions), prompts=prompts, **{column: columns[column]})
    users: list[str | None] = [None if one is None else str(one) for one in columns[column]]
    contexts, responses = [context_of(one) for one in prompts], [answered(one) for one in completions]
    found = await rewards.score(users, contexts, responses)
    log = columns.get("log_metric")
    if log_population and log is not None:
        known = [one for one in await rewards.population(users, contexts, responses) if one is not None]
        if known:
            log(METRIC, math.fsum(known) / len(known))
    return found


class PersonalJudge:
    """Judges completions as one user would; has the ``judge`` method that TRL's judge classes had until 1.1.0.

    Args:
        profiles: as for `reward_function`.
        user: whose taste, where ``judge`` is not told the users; None takes the only one.
        seed: of the shuffled order.
    """

    def __init__(self, profiles: Profiles | Client, user: str | None = None, seed: int = 0) -> None:
        self._rewards = UserRewards(profiles, standardise=False)
        self._user, self._random = user, random.Random(seed)

    def judge(
        self,
        prompts: Sequence[Turns],
        completions: Sequence[Sequence[Turns]],
        shuffle_order: bool = True,
        users: Sequence[str] | None = None,
    ) -> list[int]:
        """Position of the best completion of each prompt; -1 where none could be scored.

        Args:
            prompts: n prompts.
            completions: of each prompt the completions to choose from.
            shuffle_order: show the completions in random order, so that ties and position bias favour no place.
            users: whose taste, of each prompt.
        """
        whose = users if users is not None else [self._only()] * len(prompts)
        same_length(len(prompts), completions=completions, users=whose)
        return background_loop.run(self._judged(whose, prompts, completions, shuffle_order))

    async def _judged(
        self, users: Sequence[str], prompts: Sequence[Turns], completions: Sequence[Sequence[Turns]], shuffle: bool
    ) -> list[int]:
        orders = [list(range(len(some))) for some in completions]
        if shuffle:
            for order in orders:
                self._random.shuffle(order)
        asked = [
            (user, context_of(prompt), answered(some[at]))
            for user, prompt, some, order in zip(users, prompts, completions, orders, strict=True)
            for at in order
        ]
        rewards = iter(await self._rewards.score(*map(list, zip(*asked, strict=True))) if asked else ())
        return [_best(order, [next(rewards) for _ in order]) for order in orders]

    def _only(self) -> str:
        if self._user is not None:
            return self._user
        if len(self._rewards.profiles.users) != 1:
            raise DataError(
                f"the profiles hold {len(self._rewards.profiles.users)} users: give PersonalJudge(…, user=NAME)"
            )
        return self._rewards.profiles.users[0]


def _best(order: Sequence[int], rewards: Sequence[float | None]) -> int:
    scored = [(reward, at) for at, reward in zip(order, rewards, strict=True) if reward is not None]
    return -1 if not scored else max(scored, key=lambda one: one[0])[1]


def preference_rows(
    people: Iterable[History], user_prompt: Kind = "persona", profile_of: ProfileOf | None = None, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """Conversational preference rows as TRL reads them, each with the user in its system message.

    What a row's prompt tells of the user is learned from their *other* choices only.

    Args:
        people: whose choices; ties are left out.
        user_prompt: what of the user stands in the prompt: ``none``, ``persona``, ``persona+demonstrations``,
            ``history`` or ``demographics``.
        profile_of: makes profiles; None takes the embedded engine with the prior that ships.
        seed: deals each user's groups into two halves.

    Yields:
        ``{"prompt": [{role, content}], "chosen": […], "rejected": […], "user_id": str}``.
    """
    for row in training_rows(people, user_prompt, profile_of, seed):
        told = [] if row.system is None else [Message("system", row.system)]
        yield {
            "prompt": _turns(*told, *row.context),
            "chosen": _turns(Message("assistant", row.chosen)),
            "rejected": _turns(Message("assistant", row.rejected)),
            "user_id": row.user,
        }


def _turns(*messages: Message) -> list[dict[str, str]]:
    """Without marks of chat templates, which the trainer's tokenizer would read as turns."""
    return [{"role": one.role, "content": break_marks(encodable(one.content), fences=False)} for one in messages]
