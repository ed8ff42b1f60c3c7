"""TRL: per-user rewards for GRPO, RLOO and Online DPO, a judge, and preference rows with the user in the prompt.

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
"""Name under which the mean population reward is logged; it is not part of the reward."""


def reward_function(
    profiles: Profiles | Client, column: str = "user_id", *, standardise: bool = True, log_population: bool = True
) -> Reward:
    """A reward function as TRL's trainers call it.

    Args:
        profiles: a mapping from user to a profile or its file, a folder of ``USER.json``, or a `Client`.
        column: the dataset column that names the user of each row.
        standardise: z-scores relative to each user's own history; false gives raw log-odds.
        log_population: also log the batch's mean raw reward under the population model, as `METRIC`.

    Returns:
        ``reward(prompts, completions, **columns) -> list[float | None]``, n rewards. A reward is None if the user has
        no profile, the completion is None or has no messages, or it could not be scored; TRL ignores None.

    Raises (when called):
        DataError: the dataset has no such column, or a prompt or completion is neither a string nor messages.
    """
    rewards = UserRewards(profiles, standardise=standardise)

    def personal_reward(prompts: Sequence[Turns], completions: Sequence[Turns], **columns: Any) -> list[float | None]:
        return background_loop.run(_rewarded(rewards, column, log_population, prompts, completions, columns))

    return personal_reward


def async_reward_function(
    profiles: Profiles | Client, column: str = "user_id", *, standardise: bool = True, log_population: bool = True
) -> AsyncReward:
    """`reward_function` as a coroutine function, which TRL awaits together with its other asynchronous rewards."""
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
    """Selects the completion that a user would prefer; has the ``judge`` method of TRL's judge classes before 1.1.0.

    Args:
        profiles: as for `reward_function`.
        user: the user if ``judge`` is called without ``users``; None takes the only user of the profiles.
        seed: random seed of the shuffled order.
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
        """Index of the best completion of each prompt; -1 if none could be scored.

        Args:
            prompts: n prompts.
            completions: the candidate completions of each prompt.
            shuffle_order: score the completions in random order, so that ties are broken at random.
            users: the user of each prompt.

        Raises:
            DataError: the lists differ in length, or no user is given and the profiles hold several.
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
    """Conversational preference rows for TRL, with a description of the user in the system message.

    The description in a row is learned only from the user's *other* choices.

    Args:
        people: the users' choices; ties are left out.
        user_prompt: the description of the user: ``none``, ``persona``, ``persona+demonstrations``, ``history`` or
            ``demographics``.
        profile_of: fits profiles; None uses the embedded engine with the shipped prior.
        seed: random seed of the split of each user's groups into two halves.

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
