"""Who is predicted from what: the protocols of `personalrm bench`.

    folds = PROTOCOLS["leave-group-out"](people, folds=5, seed=0)
    folds[0].population           # whole histories of other people
    folds[0].tasks[0].history     # what may be learned of the person
    folds[0].tasks[0].questions   # what is to be predicted, without its label

``leave-group-out`` uses every choice: each group is predicted from the person's other groups (a person with a single
group from nothing). ``context-target`` is the published one: the earlier groups are context, the last ones targets. In
both, the people of the other folds are the population, unless another one is given. A method sees no label of what it
predicts: a `Question` holds the two responses in the order in which they are shown, which a hash of the choice's id
decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from personalrm.data.splits import context_target, folds_by_person, leave_group_out
from personalrm.errors import DataError, NotEnoughChoices
from personalrm.preferences import History, Message, Preference, Side

DEFAULT_FOLDS = 5


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


@dataclass(frozen=True, slots=True)
class Task:
    """One person's history to learn from (possibly empty), and questions to predict."""

    history: History
    questions: tuple[Question, ...]

    @property
    def user(self) -> str:
        """Whose choices are predicted."""
        return self.history.user


@dataclass(frozen=True, slots=True)
class Fold:
    """People who are predicted together: none of them is in the population.

    ``answers[i]`` are the sides that were preferred in ``tasks[i]``, question by question; never shown to a method.
    """

    number: int
    population: tuple[History, ...]
    tasks: tuple[Task, ...]
    answers: tuple[tuple[Side, ...], ...]


Folding = Callable[..., list[Fold]]


def leave_group_out_folds(
    people: Sequence[History], *, folds: int = DEFAULT_FOLDS, seed: int = 0, population: Sequence[History] | None = None
) -> list[Fold]:
    """Each group of each person from the person's other groups.

    Args:
        people: whole histories, a person once.
        folds: how many folds by person; fewer if there are fewer people.
        seed: of the folds and of the order in which responses are shown.
        population: people to learn the population from; the people of the other folds if None. Who is also in
            ``people`` is left out of it.

    Raises:
        NotEnoughChoices: nothing can be predicted, or nobody of ``population`` is left.
    """
    return _folds(people, _every_group, folds, seed, population)


def context_target_folds(
    people: Sequence[History], *, folds: int = DEFAULT_FOLDS, seed: int = 0, population: Sequence[History] | None = None
) -> list[Fold]:
    """The later groups of each person from the earlier ones; people with a single group are left out.

    Arguments and errors as in `leave_group_out_folds`.
    """
    return _folds(people, lambda history: _later_groups(history, seed), folds, seed, population)


PROTOCOLS: Mapping[str, Folding] = {"leave-group-out": leave_group_out_folds, "context-target": context_target_folds}
"""The protocols by the names used on the command line."""


def protocol_named(name: str) -> Folding:
    """The protocol of that name; DataError names the known ones."""
    if name not in PROTOCOLS:
        raise DataError(f"there is no protocol '{name}'; known are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


_Held = tuple[History, tuple[Preference, ...]]


def _every_group(history: History) -> Iterator[_Held]:
    if len({one.group for one in history}) == 1:
        decided = tuple(one for one in history if not one.tie)
        yield from [(history.only(()), decided)] if decided else []
    else:
        yield from leave_group_out(history)


def _later_groups(history: History, seed: int) -> Iterator[_Held]:
    context, target = context_target(history, seed=seed)
    if target:
        yield context, target


def _folds(
    people: Sequence[History],
    held_out: Callable[[History], Iterator[_Held]],
    folds: int,
    seed: int,
    population: Sequence[History] | None,
) -> list[Fold]:
    if folds < 1:
        raise DataError(f"the number of folds must be at least 1, not {folds}")
    number = _fold_of(people, folds, seed, alone=population is not None)
    others = _strangers(people, population)
    result = []
    for fold in range(max(number.values(), default=-1) + 1):
        held = [pair for one in people if number[one.user] == fold for pair in held_out(one)]
        if population is None:
            others = tuple(one for one in people if number[one.user] != fold)
        tasks = tuple(Task(history, questions(choices, seed)) for history, choices in held)
        answers = tuple(tuple(one.preferred_side(seed) for one in choices) for _, choices in held)
        if tasks:
            result.append(Fold(fold, others, tasks, answers))
    if not result:
        raise NotEnoughChoices("there is nothing to predict: nobody has decided choices in enough groups")
    return result


def _fold_of(people: Sequence[History], folds: int, seed: int, *, alone: bool) -> dict[str, int]:
    """Everyone's fold; a single one where the population is given or nobody else could be one."""
    users = [one.user for one in people]
    folds = min(folds, len(users))
    if alone or folds < 2:
        return dict.fromkeys(users, 0)
    return folds_by_person(users, folds, seed)


def _strangers(people: Iterable[History], population: Sequence[History] | None) -> tuple[History, ...]:
    known = {one.user for one in people}
    others = tuple(one for one in population or () if one.user not in known)
    if population and not others:
        raise NotEnoughChoices("the population holds only people who are to be predicted; leave it out to use folds")
    return others


def questions(choices: Iterable[Preference], seed: int) -> tuple[Question, ...]:
    """The choices as pairs whose labels are held back."""
    return tuple(_question(one, seed) for one in choices)


def _question(one: Preference, seed: int) -> Question:
    a, b = one.shown(seed)
    right = one.preferred_side(seed)
    wrong: Side = "b" if right == "a" else "a"
    judges: dict[str, Side] = {name: right if correct else wrong for name, correct in one.judges.items()}
    return Question(one.id, one.group, one.context, a, b, judges)
