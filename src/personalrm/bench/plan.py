"""What a run asks: who is in which fold, which pairs are predicted, and from which choices.

    plan = make_plan(lambda: read_people("prism.jsonl.gz"), Design(protocol="new-people", folds=5))
    plan.asked[0]                           # whose, which, and the side that was preferred
    for planned in plan.tasks(): ...        # task by task, read anew: people are a stream
    plan.population_of(0)                   # choices of the people of the other folds

Where people are to be *seen*, everybody's context choices are the population of all, and only targets are kept from it.

People are read once to make the plan and once more for each method: what is kept of them is a few numbers a pair, never
their texts. People of the other folds are the population of each person, unless another population is given; who is
predicted is never part of it. Where texts are to be new, groups that several people share are dealt into folds, too,
and each fold of people and texts has a population of its own.
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
"""Folds of the groups that several people share, where texts are to be new."""
Source = Callable[[], Iterable[History]]
"""Gives everybody's whole history, a person once, anew at each call and in the same order."""


@dataclass(frozen=True, slots=True)
class Design:
    """How a run asks.

    Attributes:
        protocol: "new-people", "new-people-and-new-texts" or "context-target" (`protocols`).
        folds: folds by person; fewer if there are fewer people.
        seed: of the folds, the order in which responses are shown, random choices and intervals.
        data, population: what the result calls them; ``population`` is None where the other folds are it.
        people: "unseen" predicts people from whom nothing was learned beforehand; "seen" trains on everybody's context
            choices together and predicts their targets.
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
    """One pair that is predicted.

    Attributes:
        user, id, group, domain: as in the choice.
        fold: the person's.
        history: how many choices could be learned from.
        preferred: the side that the person chose.
        lengths: characters of the responses shown as a and b.
        weight: how much the pair counts: the pairs of one ranking count as one choice together.
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
    """One task.

    Attributes:
        number: of the task.
        fold: the person's.
        population: number of the population from which it may be predicted, for `Plan.population_of`.
        first: where its first question stands among all that are asked.
    """

    number: int
    fold: int
    population: int
    first: int
    task: Task


@dataclass(frozen=True)
class Plan:
    """Everything that is asked in a run.

    Attributes:
        design: how.
        asked: all pairs, in the order of people, tasks and questions.
        starts: where each task's first question stands in ``asked``.
        folds: how many folds there really are.
        judges: whose cached verdicts lie in the data.
        data: fingerprint of everything in the choices of all people.
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
        """All tasks, one person after the other; ``context_pairs`` limits what each may be learned from."""
        starts = iter(enumerate(self.starts))
        for history in self._people():
            design, fold = self.design, self._fold[history.user]
            for task, _ in tasks(history, design.protocol, design.seed, context_pairs, self._text_fold):
                number, first = next(starts)
                texts = self._text_fold.get(task.questions[0].group, -1)
                yield PlannedTask(number, fold, fold + self.folds * (texts + 1), first, task)

    def places(self, number: int) -> range:
        """Where the questions of a task stand in ``asked``."""
        end = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.asked)
        return range(self.starts[number], end)

    def population_of(self, number: int) -> Iterator[History]:
        """Those from whom the people of a fold may be predicted: whole histories, contexts alone, or other texts.

        Raises:
            NotEnoughChoices: when it has been read, if there is nobody with other texts.
        """
        texts, fold = number // self.folds - 1, number % self.folds
        if texts < 0:
            return self._others_than(fold)
        return self._with_other_texts(fold, texts)

    def _others_than(self, fold: int) -> Iterator[History]:
        if self.design.people == "seen":
            return (self._context(one) for one in self._people())
        if self._others is not None:
            return (one for one in self._others() if one.user not in self._fold)
        return (one for one in self._people() if self._fold[one.user] != fold)

    def _with_other_texts(self, fold: int, texts: int) -> Iterator[History]:
        found = False
        for one in self._others_than(fold):
            if other := tuple(each for each in one if self._text_fold.get(each.group) != texts):
                found = True
                yield one.only(other)
        if not found:
            raise NotEnoughChoices("nobody else judged other texts: new-people-and-new-texts has no population")

    @property
    def alone(self) -> bool:
        """Whether nobody else is there to learn from."""
        return self.design.people == "unseen" and self._others is None and self.folds < 2

    def everybody(self) -> Iterable[History]:
        """The people as they were read, anew."""
        return self._people()

    @cached_property
    def others_fingerprint(self) -> str | None:
        """Of the population that was given; None where the other folds are it."""
        return None if self._others is None else fingerprint_of_people(self.population_of(0)).total

    def _context(self, history: History) -> History:
        """What may be known of a person who is seen in training: everything but the targets."""
        parts = [known for known, _ in protocol_named(self.design.protocol).parts(history, self.design.seed)]
        return parts[0] if parts else history


def make_plan(people: Source, design: Design, population: Source | None = None) -> Plan:
    """Read everybody once and lay down what is asked.

    Raises:
        DataError: an unknown protocol, no fold, or a person who comes twice.
        NotEnoughChoices: nothing can be predicted, or nobody of ``population`` is left.
    """
    protocol = protocol_named(design.protocol)
    if design.folds < 1:
        raise DataError(f"the number of folds must be at least 1, not {design.folds}")
    seen = design.people == "seen"
    if seen and (design.protocol != "context-target" or population is not None):
        raise DataError("--train-on-test-users-context needs --protocol context-target and no --population")
    fold = _fold_of(_users(people), design, alone=seen or population is not None)
    if population is not None and not any(one.user not in fold for one in population()):
        raise NotEnoughChoices("the population holds only people who are to be predicted; leave it out to use folds")
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
            asked += _asked(task, answers, fold[history.user], weights)
            judges.update(name for one in task.questions for name in one.judges)
    if not asked:
        raise NotEnoughChoices("there is nothing to predict: nobody has decided choices in enough groups")
    folds = max(fold.values()) + 1
    counted = tuple(asked), tuple(starts), folds, frozenset(judges), state.fingerprint()
    return Plan(design, *counted, people, population, fold, text_fold)


def _asked(task: Task, answers: tuple[Side, ...], fold: int, weights: Mapping[str, float]) -> Iterator[PlannedPair]:
    for one, side in zip(task.questions, answers, strict=True):
        lengths = (len(one.a), len(one.b))
        whose = task.user, one.id, one.group, fold, len(task.history), side, one.domain
        yield PlannedPair(*whose, lengths, weights[one.id])


def _users(people: Source) -> list[str]:
    met: dict[str, None] = {}
    for one in people():
        if one.user in met:
            raise DataError(f"{one.user} comes twice; all choices of a person belong into one history")
        met[one.user] = None
    return list(met)


def _fold_of(users: list[str], design: Design, *, alone: bool) -> dict[str, int]:
    """Everyone's fold; a single one where the population is given or nobody else could be one."""
    folds = min(design.folds, len(users))
    if alone or folds < 2:
        return dict.fromkeys(users, 0)
    return folds_by_person(users, folds, design.seed)


def _text_fold_of(people: Source, population: Source | None, fold: Mapping[str, int], seed: int) -> dict[str, int]:
    """Fold of each group that is predicted and that anybody else who may be learned from has judged as well."""
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
