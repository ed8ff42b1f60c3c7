"""Evaluation protocols of `personalrm bench`: which choices are predicted from which.

    for task, answers in tasks(history, "new-people", seed=0):
        task.history            # the user's choices to learn from
        task.questions          # the pairs to predict, without labels
        answers                 # the preferred sides; never shown to a method

| protocol | choices of the user to learn from | population |
|---|---|---|
| new-people | for each group, the user's other groups | other users (folds by user) |
| new-people-and-new-texts | the same | other users, without their choices in the predicted group |
| context-target | the choices marked as context; without marks, the earlier groups | other users |

Where several users judged the same texts, the population of *new-people* includes other users' choices on the predicted
pairs. *new-people-and-new-texts* excludes them: groups that several users share are divided into folds as well. A user
with a single group is predicted from the population alone. Three more protocols are used by studies: ``in-order``
predicts each group from all earlier ones, ``growing`` the targets of context-target from increasing shares of the
context, ``cross-context`` the later groups of each domain from its own earlier groups and from as many choices of each
other domain.

A method never sees labels: a `Question` has the two responses in the order given by a hash of the choice's id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from personalrm import renamed
from personalrm.data.splits import check_marks, context_target, growing, in_order, leave_group_out
from personalrm.errors import DataError
from personalrm.preferences import History, Message, Preference, Side, Verdict
from personalrm.profile.spend import Spend

if TYPE_CHECKING:
    from personalrm.synthesis.judging import Judgement


@dataclass(frozen=True, slots=True)
class Question:
    """A pair without its label; response ``a`` is shown first.

    ``judges`` maps LLM judges with a cached verdict on this pair to the side they preferred.
    """

    id: str
    group: str
    context: tuple[Message, ...]
    a: str
    b: str
    judges: Mapping[str, Side]
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One user's history to learn from (possibly empty), and the questions to predict."""

    history: History
    questions: tuple[Question, ...]

    @property
    def user(self) -> str:
        """Id of the user whose choices are predicted."""
        return self.history.user


MOST_PARTS = 256
"""Maximum number of parts in which a user's groups are held out; with more groups, a part has several."""
_Held = tuple[History, tuple[Preference, ...]]
Holding = Callable[[History, int], Iterator[_Held]]
"""Splits a user's history, given a seed: yields (history to learn from, choices to predict)."""


def _every_group(history: History, seed: int) -> Iterator[_Held]:
    """Leave-one-group-out splits; a user with more than `MOST_PARTS` groups has several groups held out at once."""
    groups = list(dict.fromkeys(one.group for one in history))
    if len(groups) == 1:
        decided = history.decided
        yield from [(history.only(()), decided)] if decided else []
    elif len(groups) <= MOST_PARTS:
        yield from leave_group_out(history)
    else:
        part = {group: at * MOST_PARTS // len(groups) for at, group in enumerate(groups)}
        for one in range(MOST_PARTS):
            held = tuple(choice for choice in history.decided if part[choice.group] == one)
            if held:
                yield history.only(choice for choice in history if part[choice.group] != one), held


def _later_groups(history: History, seed: int) -> Iterator[_Held]:
    if {one.split for one in history} >= {"context", "target"}:
        yield from _as_marked(history)
        return
    context, target = context_target(history, seed=seed)
    if target:
        yield context, target


def _as_marked(history: History) -> Iterator[_Held]:
    """The split marked in the data: context choices and decided target choices; unmarked choices are not used."""
    check_marks(history)
    target = tuple(one for one in history.decided if one.split == "target")
    if target:
        yield history.only(one for one in history if one.split == "context"), target


def _across_domains(history: History, seed: int) -> Iterator[_Held]:
    """Splits by domain: the later groups of each domain, from its earlier groups and from each other domain."""
    domains = sorted({one.domain for one in history if one.domain})
    for domain in domains:
        own, target = context_target(history.only(one for one in history if one.domain == domain), seed=seed)
        held = {one.group for one in target}
        if not target or not own.decided:
            continue
        yield own, target
        for other in domains:
            elsewhere = [one for one in history.decided if one.domain == other != domain and one.group not in held]
            if elsewhere:
                yield history.only(elsewhere[-len(own.decided) :]), target


@dataclass(frozen=True, slots=True)
class EvaluationProtocol:
    """An evaluation protocol.

    Attributes:
        parts: splits one user's history into choices to learn from and choices to predict.
        new_texts: whether the predicted groups are excluded from the population.
    """

    parts: Holding
    new_texts: bool = False


PROTOCOLS: Mapping[str, EvaluationProtocol] = {
    "new-people": EvaluationProtocol(_every_group),
    "new-people-and-new-texts": EvaluationProtocol(_every_group, new_texts=True),
    "context-target": EvaluationProtocol(_later_groups),
    "in-order": EvaluationProtocol(in_order),
    "growing": EvaluationProtocol(lambda history, seed: growing(history, seed=seed)),
    "cross-context": EvaluationProtocol(_across_domains),
}
"""The protocols by their command-line names; the last three are for studies."""
OLD_NAMES: Mapping[str, str] = {"leave-group-out": "new-people"}


def tasks(
    history: History,
    protocol: str,
    seed: int = 0,
    context_pairs: int | None = None,
    text_fold: Mapping[str, int] | None = None,
) -> Iterator[tuple[Task, tuple[Side, ...]]]:
    """The tasks of one user with the preferred sides; empty where the protocol leaves nothing to predict.

    Args:
        history: the user's choices, oldest first.
        protocol: a name in ``PROTOCOLS``.
        seed: random seed of the order in which responses are shown.
        context_pairs: maximum number of decided choices to learn from, newest first; all if None.
        text_fold: fold of each group that other users share; the questions of a task are from one fold.
    """
    for known, held in protocol_named(protocol).parts(history, seed):
        for some in _by_fold(held, text_fold or {}):
            answers = tuple(one.preferred_side(seed) for one in some)
            yield Task(newest(known, context_pairs), questions(some, seed)), answers


def _by_fold(held: Sequence[Preference], text_fold: Mapping[str, int]) -> Iterator[tuple[Preference, ...]]:
    parts: dict[int | None, list[Preference]] = {}
    for one in held:
        parts.setdefault(text_fold.get(one.group), []).append(one)
    yield from map(tuple, parts.values())


def newest(history: History, count: int | None) -> History:
    """The newest ``count`` decided choices; the whole history if None."""
    if count is None:
        return history
    return history.only(history.decided[-count:] if count else ())


def protocol_named(name: str) -> EvaluationProtocol:
    """The protocol of that name. Raises DataError, which lists the known names, for an unknown one."""
    name = current_name(name)
    if name not in PROTOCOLS:
        raise DataError(f"unknown protocol '{name}'; known protocols: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def current_name(name: str) -> str:
    """The current name of a protocol; warns if ``name`` is an old one."""
    if name in OLD_NAMES:
        renamed.warn(f"protocol '{name}'", f"'{OLD_NAMES[name]}'")
    return OLD_NAMES.get(name, name)


def questions(choices: Iterable[Preference], seed: int) -> tuple[Question, ...]:
    """The choices as questions, without labels."""
    return tuple(_question(one, seed) for one in choices)


def _question(one: Preference, seed: int) -> Question:
    a, b = one.shown(seed)
    right = one.preferred_side(seed)
    wrong: Side = "b" if right == "a" else "a"
    judges: dict[str, Side] = {name: right if correct else wrong for name, correct in one.judges.items()}
    return Question(one.id, one.group, one.context, a, b, judges, one.domain)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answers of a method to one task.

    Attributes:
        answers: one for each question, in the same order; a Judgement also has the result of each order.
        spend: cost of learning and answering; cached answers count like new ones.
        learned: what was learned of the user, as JSON values, for readers of the log.
    """

    answers: Sequence[Verdict | Judgement]
    spend: Spend = field(default_factory=lambda: Spend(cost=0.0))
    learned: Mapping[str, Any] = field(default_factory=dict)


class TaskPredictor(Protocol):
    """A method fitted to the population of one fold."""

    async def predict(self, task: Task) -> Prediction:
        """Learn from ``task.history`` and answer each of ``task.questions``, in their order."""
        ...


@runtime_checkable
class BatchPredictor(TaskPredictor, Protocol):
    """A predictor with a faster batch call for several tasks of one user."""

    async def predict_many(self, tasks: Sequence[Task]) -> list[Prediction]:
        """`predict` for each task; an answer may depend on the other tasks of the batch only by rounding errors."""
        ...


Population = Callable[[], Iterable[History]]
"""Returns the whole histories of other users; methods that need no population do not call it."""


class Method(Protocol):
    """A method that predicts choices.

    Attributes:
        name: name of the method.
        model: name of its model: "traits", an LLM's name, or the method's name.
        probabilistic: whether its probabilities are graded; if not, no log loss is computed.
        personal: whether it learns from the user's own choices.
        asks: whether it waits for a language model; many of its tasks then run concurrently.
        prompts: hash of each prompt it uses, by name.
    """

    @property
    def name(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def probabilistic(self) -> bool: ...
    @property
    def personal(self) -> bool: ...
    @property
    def asks(self) -> bool: ...
    @property
    def prompts(self) -> Mapping[str, str]: ...

    async def learn(self, population: Population, fold: int) -> TaskPredictor:
        """Learn from other users' whole histories; ``fold`` identifies the population."""
        ...
