"""inspect_ai: a scorer of a user's preferences, a solver that adds the user's persona to the prompt, and a task.

inspect eval personalrm/preferences --model openai/gpt-4o-mini -T choices=later.jsonl -T profiles=profiles/

from personalrm.integrations.inspect_ai import personal_preference
Task(dataset=…, solver=generate(), scorer=personal_preference("profiles/"))

A sample names its user in ``metadata["user_id"]``. If the target holds a reference answer, the score is 1 if the user
is predicted to prefer the model's answer, 0.5 for equal probability and 0 otherwise; ``metadata["probability"]`` holds
the predicted probability. Without a target the score is the user's standardised reward. Answers that could not be
scored get `Score.unscored`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageUser
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, mean, metric, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver

from personalrm.data.reading import read_people
from personalrm.errors import DataError
from personalrm.integrations.users import UserRewards
from personalrm.preferences import History, Message
from personalrm.synthesis.prompting import generation_prompt

USER = "user_id"
"""The key of a sample's metadata that names the user; standard errors are clustered by it."""


@metric(name="stderr")
def stderr_by_user() -> Metric:
    """inspect_ai's standard error, clustered by the user in each score's metadata; samples need not name the user."""
    clustered: Any = stderr(cluster=USER)

    def measured(scores: list[SampleScore]) -> Any:
        named = [(one, (one.score.metadata or {}).get(USER)) for one in scores]
        return clustered(
            [
                one.model_copy(update={"sample_metadata": {**(one.sample_metadata or {}), USER: who}})
                for one, who in named
            ]
        )

    return measured


@scorer(metrics=[mean(), stderr_by_user()])
def personal_preference(profiles: str, user: str | None = None) -> Scorer:
    """Score answers by the predicted preference of the sample's user (see the module's docstring).

    Args:
        profiles: a folder of ``USER.json``.
        user: the user of samples that name none.
    """
    rewards = UserRewards(profiles)

    async def score(state: TaskState, target: Target) -> Score | None:
        who = state.metadata.get(USER, user)
        profile = rewards.profiles.of(None if who is None else str(who))
        if profile is None:
            return Score.unscored(reason="no_profile", explanation=f"no profile of user '{who}' in {profiles}")
        if not state.output.choices:
            return Score.unscored(reason="no_answer", explanation="the model gave no answer")
        answer, context = state.output.completion, _context(state)
        if not target.text:
            return await _reward(rewards, str(who), context, answer)
        predictor = await rewards.open(profile)
        verdict = await predictor.compare(context, answer, target.text)
        if verdict.probability is None:
            return Score.unscored(reason="unreadable_verdict", answer=answer, explanation=verdict.unscored)
        value = 0.5 if verdict.winner is None else float(verdict.winner == "a")
        told = {USER: str(who), "probability": verdict.probability}
        return Score(value=value, answer=answer, explanation=verdict.reasoning, metadata=told)

    return score


@solver
def personalize(profiles: str, user: str | None = None) -> Solver:
    """Insert the user's generation prompt as the first message; samples of users without a profile are unchanged."""
    rewards = UserRewards(profiles)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        who = state.metadata.get(USER, user)
        profile = rewards.profiles.of(None if who is None else str(who))
        if profile is not None:
            state.messages.insert(0, ChatMessageSystem(content=generation_prompt(profile)))
        return state

    return solve


@task
def preferences(choices: str, profiles: str, personal: bool = True) -> Task:
    """Task whose samples are the prompts of held-out choices; the target is the response that the user chose.

    Args:
        choices: a file of choices that the profiles were not fitted on.
        profiles: a folder of ``USER.json``.
        personal: insert each user's generation prompt before the conversation.

    Raises:
        DataError: no user of the file has a profile in the folder.
    """
    people = list(read_people(choices))
    known = {path.stem for path in Path(profiles).glob("*.json")}
    samples = [sample for person in people if person.user in known for sample in _samples(person)]
    if not samples:
        raise DataError(f"{choices}: none of its {len(people)} users has a profile in {profiles}")
    steps = [personalize(profiles), generate()] if personal else [generate()]
    return Task(dataset=MemoryDataset(samples), solver=steps, scorer=personal_preference(profiles))


def _samples(person: History) -> Iterator[Sample]:
    for one in person.decided:
        if not one.context:
            continue
        turns: list[ChatMessage] = [_chat(turn) for turn in one.context]
        yield Sample(id=f"{person.user}/{one.id}", input=turns, target=one.chosen, metadata={USER: person.user})


def _chat(turn: Message) -> ChatMessage:
    made: dict[str, Any] = {"system": ChatMessageSystem, "assistant": ChatMessageAssistant}
    message: ChatMessage = made.get(turn.role, ChatMessageUser)(content=turn.content)
    return message


def _context(state: TaskState) -> tuple[Message, ...]:
    """The conversation before the answer, without the message that `personalize` inserted."""
    if isinstance(state.input, str):
        return (Message("user", state.input),)
    return tuple(Message(one.role, one.text) for one in state.input)


async def _reward(rewards: UserRewards, user: str, context: tuple[Message, ...], answer: str) -> Score:
    [reward] = await rewards.score([user], [context], [answer])
    if reward is None:
        return Score.unscored(reason="unreadable_verdict", answer=answer)
    return Score(value=reward, answer=answer, metadata={USER: user})
