"""Split a user's choices by group and time, never within a group.

Pairs of one group share text (a prompt, a conversation, a rated response), so a split within a group would leak test
data. All functions keep groups whole, do not use labels, and are deterministic:

    parts = split(history, validation=0.3)                 # Split(training, validation, aside)
    for training, held_out in leave_group_out(history): ...
    context, target = context_target(history)
    fold = folds_by_person(["ada", "bob", "eve"], k=3)     # {"ada": 1, ...}

Groups are per user. If several users judged the same prompt (MT-Bench, UKP), the group occurs in each of their
histories and each history is split separately; other users' choices on a held-out prompt belong to the population.

Ties can be neither right nor wrong and are therefore never in a validation or target set. A tie in a held-out group is
on neither side (`Split.aside`).
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from personalrm.errors import DataError
from personalrm.preferences import History, Preference


@dataclass(frozen=True, slots=True)
class Split:
    """A history split into two parts without common groups.

    Attributes:
        training: choices to learn from, including ties.
        validation: choices to predict, without ties. Empty if there are fewer than two groups.
        aside: ties of validation groups, in neither part.
    """

    training: History
    validation: History
    aside: tuple[Preference, ...] = ()


def split(history: History, validation: float = 0.3, seed: int = 0) -> Split:
    """Split off the last groups, in the order of their first choice, as validation.

    Args:
        history: one user's choices, oldest first.
        validation: share of the decided choices for validation, in (0, 1). Whole groups give the closest possible
            share; of two equally close ones the smaller.
        seed: random seed for the order of groups with the same start time.

    With two or more groups with decided choices each part has at least one; with fewer, everything is training.

    Raises:
        DataError: ``validation`` is not strictly between 0 and 1.
    """
    if not 0 < validation < 1:
        raise DataError(f"expected a validation share between 0 and 1, found {validation}")
    decided = [members for members in _groups(history, seed) if any(not one.tie for one in members)]
    held = _last_groups([sum(not one.tie for one in members) for members in decided], validation)
    held_out = {members[0].group for members in decided[len(decided) - held :]}
    return Split(
        training=history.only(one for one in history if one.group not in held_out),
        validation=history.only(one for one in history if one.group in held_out and not one.tie),
        aside=tuple(one for one in history if one.group in held_out and one.tie),
    )


def in_order(history: History, seed: int = 0) -> Iterator[tuple[History, tuple[Preference, ...]]]:
    """For every group but the first: the choices of all earlier groups, and the group's decided choices."""
    places = _places(history)
    earlier: list[Preference] = []
    at: list[int] = []  # their positions in the history, whose order they keep
    for members in _groups(history, seed):
        target = tuple(one for one in members if not one.tie)
        if earlier and target:
            yield history.only(earlier), target
        for place in places[members[0].group]:
            index = bisect(at, place)
            at.insert(index, place)
            earlier.insert(index, history.choices[place])


def growing(history: History, steps: int = 4, seed: int = 0) -> Iterator[tuple[History, tuple[Preference, ...]]]:
    """The targets of `context_target` with the first 1/steps, 2/steps, … of the context's groups."""
    context, target = context_target(history, seed=seed)
    groups = [members[0].group for members in _groups(context, seed)]
    if not target:
        return
    for size in sorted({max(1, round(len(groups) * step / steps)) for step in range(1, steps + 1)}):
        known = set(groups[:size])
        yield history.only(one for one in context if one.group in known), target


def context_target(history: History, target: float = 0.5, seed: int = 0) -> tuple[History, tuple[Preference, ...]]:
    """The benchmark's split of one user: the earlier groups are context, the later ones are targets.

    Args:
        history: one user's choices, oldest first.
        target: share of the decided choices for targets, in (0, 1).
        seed: as in `split`.

    Returns:
        The context and the targets (without ties); no targets if there are fewer than two groups.
    """
    parts = split(history, target, seed)
    return parts.training, parts.validation.choices


def leave_group_out(history: History) -> Iterator[tuple[History, tuple[Preference, ...]]]:
    """For each group, oldest first: all other choices to learn from, and the group's decided choices to predict.

    Groups with ties only are not predicted. A user with a single group yields nothing.
    """
    groups, places = _groups(history, seed=0), _places(history)
    if len(groups) < 2:
        return
    for members in groups:
        held_out = tuple(one for one in members if not one.tie)
        if held_out:
            rest = list(history.choices)
            for place in reversed(places[members[0].group]):
                del rest[place]
            yield history.only(rest), held_out


def folds_by_person(users: Iterable[str], k: int, seed: int = 0) -> dict[str, int]:
    """Random fold in 0 … k-1 for each user; sizes differ by at most one. Order and repeats of ``users`` do not matter.

    Raises:
        DataError: fewer than two folds, or fewer people than folds.
    """
    people = set(users)
    if k < 2:
        raise DataError(f"expected at least 2 folds by person, found {k}")
    if len(people) < k:
        raise DataError(f"{k} folds by person need at least {k} people, found {len(people)}")
    return folds_of(people, k, seed)


def folds_of(names: Iterable[str], k: int, seed: int = 0) -> dict[str, int]:
    """Random fold in 0 … k-1 for each name (a user or a group); sizes differ by at most one."""
    drawn = sorted(set(names), key=lambda name: (_draw(seed, name), name))
    return {name: position % k for position, name in enumerate(drawn)}


def _places(history: History) -> dict[str, list[int]]:
    """Positions of each group's choices in the history."""
    places: dict[str, list[int]] = {}
    for place, one in enumerate(history):
        places.setdefault(one.group, []).append(place)
    return places


def _groups(history: History, seed: int) -> list[list[Preference]]:
    """Choices by group, sorted by the time of the first choice if every group has one, else in history order."""
    groups: dict[str, list[Preference]] = {}
    for one in history:
        groups.setdefault(one.group, []).append(one)
    members = list(groups.values())
    starts = [min((one.time for one in group if one.time is not None), default=None) for group in members]
    if any(start is None for start in starts):
        return members
    keyed = ((start or "", _draw(seed, group[0].group)) for start, group in zip(starts, members, strict=True))
    return [group for _, group in sorted(zip(keyed, members, strict=True), key=lambda pair: pair[0])]


def _last_groups(sizes: list[int], share: float) -> int:
    """Number of last groups whose choices are closest to ``share`` of all; 0 with fewer than two groups."""
    if len(sizes) < 2:
        return 0
    wanted = share * sum(sizes)
    best, best_gap, held = 1, float("inf"), 0
    for count in range(1, len(sizes)):
        held += sizes[-count]
        if abs(held - wanted) < best_gap - 1e-9:
            best, best_gap = count, abs(held - wanted)
    return best


def _draw(seed: int, name: str) -> bytes:
    return blake2b(f"{seed}\0{name}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


def check_marks(history: History) -> None:
    """Raise DataError if a group is marked both as context and as target."""
    taught = {one.group for one in history if one.split == "context"}
    straddling = sorted({one.group for one in history if one.split == "target"} & taught)
    if straddling:
        raise DataError(
            f"{history.user}: group '{straddling[0]}' has choices marked as context and as target; expected one mark "
            "for the whole group"
        )
