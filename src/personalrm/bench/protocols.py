"""Who is predicted from what: the protocols of `personalrm bench`.

    for task, answers in tasks(history, "new-people", seed=0):
        task.history            # what may be learned of the person
        task.questions          # what is to be predicted, without its label
        answers                 # the sides that were preferred; never shown to a method

| protocol | what of the person may be learned from | whom the population may hold |
|---|---|---|
| new-people | each group is predicted from the person's other groups | other people (folds by person) |
| new-people-and-new-texts | the same | other people, without their choices in the group that is predicted |
| context-target | the choices marked as context; where nothing is marked, the earlier groups | other people |

Where several people judged the same texts, the population of *new-people* has seen the pairs that are predicted through
other people. With *new-people-and-new-texts* it has not: groups that several people share are dealt into folds, too.
A person with a single group is predicted from the population alone. Three more protocols serve studies: ``in-order``
predicts each group from all earlier ones, ``growing`` the targets of context-target from more and more of the context,
``cross-context`` the later groups of each domain from its own earlier groups and from as many choices of each other
domain.

A method sees no label of what it predicts: a `Question` holds the two responses in the order in which they are shown,
which a hash of the choice's id decides.
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
    """A pair whose label is held back: response ``a`` is shown first.

    ``judges`` holds the cached verdicts of LLM judges on this very pair: the side each one chose.
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
    """One person's history to learn from (possibly empty), and questions to predict."""

    history: History
    questions: tuple[Question, ...]

    @property
    def user(self) -> str:
        """Whose choices are predicted."""
        return self.history.user


MOST_PARTS = 256
"""Groups of one person are held out one at a time up to so many; above, several together."""
_Held = tuple[History, tuple[Preference, ...]]
Holding = Callable[[History, int], Iterator[_Held]]
"""From a person and the seed: what may be learned and what is predicted, once or several times."""


def _every_group(history: History, seed: int) -> Iterator[_Held]:
    """Each group from the others; of a person of very many groups, several groups at once."""
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
    """What the data marks: contexts teach, decided targets are predicted; what is marked as neither does nothing."""
    check_marks(history)
    target = tuple(one for one in history.decided if one.split == "target")
    if target:
        yield history.only(one for one in history if one.split == "context"), target


def _across_domains(history: History, seed: int) -> Iterator[_Held]:
    """The later groups of each domain, from its earlier groups, then from as many choices of each other domain."""
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
    """How a method is evaluated.

    Attributes:
        parts: what of one person may be learned and what is predicted.
        new_texts: whether the population must not hold the groups that are predicted.
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
"""The protocols by the names used on the command line; the last three are those of studies."""
OLD_NAMES: Mapping[str, str] = {"leave-group-out": "new-people"}


def tasks(
    history: History,
    protocol: str,
    seed: int = 0,
    context_pairs: int | None = None,
    text_fold: Mapping[str, int] | None = None,
) -> Iterator[tuple[Task, tuple[Side, ...]]]:
    """What is asked of one person, with the answers; nothing where the protocol leaves nothing to predict.

    Args:
        history: the person's choices, oldest first.
        protocol: a name in ``PROTOCOLS``.
        seed: of the order in which responses are shown.
        context_pairs: the most decided choices to learn from, the newest ones; all if None.
        text_fold: fold of each group that other people share; the questions of a task are of one fold.
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
    """The newest ``count`` decided choices (larger counts contain smaller ones); everything if None."""
    if count is None:
        return history
    return history.only(history.decided[-count:] if count else ())


def protocol_named(name: str) -> EvaluationProtocol:
    """The protocol of that name; DataError names the known ones."""
    name = current_name(name)
    if name not in PROTOCOLS:
        raise DataError(f"there is no protocol '{name}'; known are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def current_name(name: str) -> str:
    """Today's name of a protocol; an old one is told."""
    if name in OLD_NAMES:
        renamed.warn(f"protocol '{name}'", f"'{OLD_NAMES[name]}'")
    return OLD_NAMES.get(name, name)


def questions(choices: Iterable[Preference], seed: int) -> tuple[Question, ...]:
    """The choices as pairs whose labels are held back."""
    return tuple(_question(one, seed) for one in choices)


def _question(one: Preference, seed: int) -> Question:
    a, b = one.shown(seed)
    right = one.preferred_side(seed)
    wrong: Side = "b" if right == "a" else "a"
    judges: dict[str, Side] = {name: right if correct else wrong for name, correct in one.judges.items()}
    return Question(one.id, one.group, one.context, a, b, judges, one.domain)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a method answered to one task.

    Attributes:
        answers: one for each question, in their order; a Judgement also knows the orders that were asked.
        spend: what it takes to learn and to answer; a cached answer counts like one that was asked.
        learned: what was learned of the person, as JSON values, for readers.
    """

    answers: Sequence[Verdict | Judgement]
    spend: Spend = field(default_factory=lambda: Spend(cost=0.0))
    learned: Mapping[str, Any] = field(default_factory=dict)


class TaskPredictor(Protocol):
    """A method that has seen the population of one fold."""

    async def predict(self, task: Task) -> Prediction:
        """Learn from ``task.history`` and answer each of ``task.questions``, in their order."""
        ...


@runtime_checkable
class BatchPredictor(TaskPredictor, Protocol):
    """One that answers several tasks of one person in less time than one after the other."""

    async def predict_many(self, tasks: Sequence[Task]) -> list[Prediction]:
        """`predict` of each; what it says of a task may not depend on which others stand beside it beyond rounding."""
        ...


Population = Callable[[], Iterable[History]]
"""Gives other people's whole histories when it is called; a method that needs none does not call it."""


class Method(Protocol):
    """A way to predict choices.

    Attributes:
        name: as asked for.
        model: the model behind it: "traits", an LLM's name, or the name itself.
        probabilistic: whether its probabilities mean more than the side they favour; if not, there is no log loss.
        personal: whether it learns from the person's own choices.
        asks: whether it waits for a language model; many of its tasks are then under way at once.
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
        """Learn from other people's whole histories; ``fold`` tells populations apart."""
        ...
