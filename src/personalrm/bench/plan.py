"""The plan of a run: the fold of each user, the pairs to predict, and the choices to learn from.

    plan = make_plan(lambda: read_people("prism.jsonl.gz"), Design(protocol="new-people", folds=5))
    plan.asked[0]                           # user, id and preferred side of the first pair
    for planned in plan.tasks(): ...        # the tasks; reads the users' choices again
    plan.population_of(0)                   # choices of the users of the other folds

The choices are read once to make the plan and once for each method; the plan keeps a few numbers for each pair, no
texts. The population of a user is the users of the other folds, unless another population is given; a predicted user
is never part of it. With ``people="seen"`` the population is the context choices of all users. For protocols with new
texts, groups that several users share are divided into folds as well, and each fold of users and texts has its own
population.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from personalrm.bench.protocols import Task, current_name, protocol_named, tasks
from personalrm.data.shares import shares
from personalrm.data.splits import folds_by_person, folds_of
from personalrm.errors import DataError, NotEnoughChoices
from personalrm.preferences import History, Side
from personalrm.profile.provenance import DataFingerprint, DataHash, fingerprint_of_people

DEFAULT_FOLDS = 5
TEXT_FOLDS = 5
"""Number of folds of the groups that several users share, for protocols with new texts."""
Source = Callable[[], Iterable[History]]
"""Returns the histories of all users, each user once, in the same order at every call."""


@dataclass(frozen=True, slots=True)
class Design:
    """The evaluation design of a run.

    Attributes:
        protocol: "new-people", "new-people-and-new-texts" or "context-target" (`protocols`).
        folds: number of folds by user; fewer if there are fewer users.
        seed: random seed of folds, response order, random methods and intervals.
        data, population: names in the result; ``population`` is None where the other folds are the population.
        people: "unseen" predicts users who are not in the training population; "seen" trains on the context choices
            of all users and predicts their target choices.
    """

    protocol: str = "new-people"
    folds: int = DEFAULT_FOLDS
    seed: int = 0
    data: str = ""
    population: str | None = None
    people: Literal["unseen", "seen"] = "unseen"

    def __post_init__(self) -> None:
        object.__setattr__(self, "protocol", current_name(self.protocol))


@dataclass(frozen=True, slots=True)
class PlannedPair:
    """One pair to predict, without its texts.

    Attributes:
        user, id, group, domain: as in the choice.
        fold: fold of the user.
        history: number of choices available to learn from.
        preferred: the side that the user chose.
        lengths: lengths of responses a and b in characters.
        weight: weight of the pair; the pairs of one ranking have a total weight of one choice.
    """

    user: str
    id: str
    group: str
    fold: int
    history: int
    preferred: Side
    domain: str | None = None
    lengths: tuple[int, int] = (0, 0)
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One task with its position in the plan.

    Attributes:
        number: index of the task.
        fold: fold of the user.
        population: number of the population to learn from, for `Plan.population_of`.
        first: index of its first question in `Plan.asked`.
        task: the history and the questions.
    """

    number: int
    fold: int
    population: int
    first: int
    task: Task


@dataclass(frozen=True)
class Plan:
    """All pairs and tasks of a run.

    Attributes:
        design: the evaluation design.
        asked: all pairs to predict, in the order of users, tasks and questions.
        starts: index in ``asked`` of each task's first question.
        folds: actual number of folds.
        judges: names of the judges whose cached verdicts are in the data.
        data: fingerprint of all choices of all users.
    """

    design: Design
    asked: tuple[PlannedPair, ...]
    starts: tuple[int, ...]
    folds: int
    judges: frozenset[str]
    data: DataFingerprint
    _people: Source
    _others: Source | None
    _fold: Mapping[str, int] = field(repr=False)
    _text_fold: Mapping[str, int] = field(repr=False)

    def tasks(self, context_pairs: int | None = None) -> Iterator[PlannedTask]:
        """All tasks, user by user; each history is limited to the newest ``context_pairs`` choices (None: all)."""
        starts = iter(enumerate(self.starts))
        for history in self._people():
            design, fold = self.design, self._fold[history.user]
            for task, _ in tasks(history, design.protocol, design.seed, context_pairs, self._text_fold):
                number, first = next(starts)
                texts = self._text_fold.get(task.questions[0].group, -1)
                yield PlannedTask(number, fold, fold + self.folds * (texts + 1), first, task)

    def places(self, number: int) -> range:
        """Indices in ``asked`` of the questions of a task."""
        end = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.asked)
        return range(self.starts[number], end)

    def population_of(self, number: int) -> Iterator[History]:
        """The histories that may be used to predict the users of a fold (see the module's docstring).

        Raises:
            NotEnoughChoices: at the end of iteration, if no other user has choices on other texts.
        """
        texts, fold = number // self.folds - 1, number % self.folds
        if texts < 0:
            return self._population_of_fold(fold)
        return self._with_other_texts(fold, texts)

    def _population_of_fold(self, fold: int) -> Iterator[History]:
        if self.design.people == "seen":
            return (self._context(one) for one in self._people())
        if self._others is not None:
            return (one for one in self._others() if one.user not in self._fold)
        return (one for one in self._people() if self._fold[one.user] != fold)

    def _with_other_texts(self, fold: int, texts: int) -> Iterator[History]:
        found = False
        for one in self._population_of_fold(fold):
            if other := tuple(each for each in one if self._text_fold.get(each.group) != texts):
                found = True
                yield one.only(other)
        if not found:
            raise NotEnoughChoices("no other user judged other texts: new-people-and-new-texts has no population")

    @property
    def alone(self) -> bool:
        """Whether there is no population to learn from."""
        return self.design.people == "unseen" and self._others is None and self.folds < 2

    def people(self) -> Iterable[History]:
        """The histories of all users, read again."""
        return self._people()

    @cached_property
    def population_fingerprint(self) -> str | None:
        """Fingerprint of the given population; None where the other folds are the population."""
        return None if self._others is None else fingerprint_of_people(self.population_of(0)).total

    def _context(self, history: History) -> History:
        """The training choices of a user with ``people="seen"``: all but the targets."""
        parts = [known for known, _ in protocol_named(self.design.protocol).parts(history, self.design.seed)]
        return parts[0] if parts else history


def make_plan(people: Source, design: Design, population: Source | None = None) -> Plan:
    """Read the choices of all users once and make the plan.

    Args:
        people: the users to predict.
        design: the evaluation design.
        population: users to learn from; None for those of the other folds.

    Raises:
        DataError: an unknown protocol, fewer than one fold, or a user with two histories.
        NotEnoughChoices: there is nothing to predict, or ``population`` has no other users.
    """
    protocol = protocol_named(design.protocol)
    if design.folds < 1:
        raise DataError(f"the number of folds must be at least 1, not {design.folds}")
    seen = design.people == "seen"
    if seen and (design.protocol != "context-target" or population is not None):
        raise DataError("--train-on-test-users-context needs --protocol context-target and no --population")
    fold = _fold_of(_users(people), design, alone=seen or population is not None)
    if population is not None and not any(one.user not in fold for one in population()):
        raise NotEnoughChoices("the population has only users who are predicted; leave it out to use folds")
    text_fold = _text_fold_of(people, population, fold, design.seed) if protocol.new_texts else {}
    asked: list[PlannedPair] = []
    starts: list[int] = []
    judges: set[str] = set()
    state = DataHash()
    for history in people():
        state.add(history)
        decided = history.decided
        weights = {one.id: part for one, part in zip(decided, shares(decided), strict=True)}
        for task, answers in tasks(history, design.protocol, design.seed, text_fold=text_fold):
            starts.append(len(asked))
            asked += _planned_pairs(task, answers, fold[history.user], weights)
            judges.update(name for one in task.questions for name in one.judges)
    if not asked:
        raise NotEnoughChoices("there is nothing to predict: no user has decided choices in enough groups")
    folds = max(fold.values()) + 1
    counted = tuple(asked), tuple(starts), folds, frozenset(judges), state.fingerprint()
    return Plan(design, *counted, people, population, fold, text_fold)


def _planned_pairs(
    task: Task, answers: tuple[Side, ...], fold: int, weights: Mapping[str, float]
) -> Iterator[PlannedPair]:
    for one, side in zip(task.questions, answers, strict=True):
        lengths = (len(one.a), len(one.b))
        whose = task.user, one.id, one.group, fold, len(task.history), side, one.domain
        yield PlannedPair(*whose, lengths, weights[one.id])


def _users(people: Source) -> list[str]:
    met: dict[str, None] = {}
    for one in people():
        if one.user in met:
            raise DataError(f"user {one.user} has two histories; expected all choices of a user in one history")
        met[one.user] = None
    return list(met)


def _fold_of(users: list[str], design: Design, *, alone: bool) -> dict[str, int]:
    """Fold of each user; a single fold where the population is given or there is only one user."""
    folds = min(design.folds, len(users))
    if alone or folds < 2:
        return dict.fromkeys(users, 0)
    return folds_by_person(users, folds, design.seed)


def _text_fold_of(people: Source, population: Source | None, fold: Mapping[str, int], seed: int) -> dict[str, int]:
    """Fold of each predicted group that a user of the population has judged as well."""
    judged: dict[str, int] = {}
    for history in people():
        for group in {one.group for one in history}:
            judged[group] = judged.get(group, 0) + 1
    shared = {group for group, number in judged.items() if number > 1}
    if population is not None:
        shared = {one.group for each in population() if each.user not in fold for one in each} & judged.keys()
    if len(shared) < 2:
        return dict.fromkeys(shared, 0)
    return folds_of(shared, min(TEXT_FOLDS, len(shared)), seed)
