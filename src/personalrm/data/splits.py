"""Splits of a person's choices: by group and by time, never by pair.

Pairs of one group share text (a prompt, a conversation, a rated response), so a split that cuts through a group would
show a model its own test. Every function here keeps a group whole, looks at no label, and is deterministic:

    parts = split(history, validation=0.3)                 # Split(training, validation, aside)
    for training, held_out in leave_group_out(history): ...
    context, target = context_target(history)
    fold = folds_by_person(["ada", "bob", "eve"], k=3)     # {"ada": 1, ...}

A group is one *person's* group. Where several people judged the same prompt (MT-Bench, UKP) the group appears in each
of their histories and each is split on its own; other people's choices on a held-out prompt are population, not leak.

Ties are kept but can be neither right nor wrong, so they never stand in a validation or target set. A tie whose group
is held out goes to neither side (`Split.aside`): with its group in validation it must not teach, either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from personalrm.errors import DataError
from personalrm.preferences import History, Preference


@dataclass(frozen=True, slots=True)
class Split:
    """A history in two sides that share no group.

    Attributes:
        training: what may be learned from, ties included.
        validation: what is predicted; no ties. Empty where there are fewer than two groups to tell apart.
        aside: ties of validation groups, on neither side.
    """

    training: History
    validation: History
    aside: tuple[Preference, ...] = ()


def split(history: History, validation: float = 0.3, seed: int = 0) -> Split:
    """The last groups, in order of their first choice, become the validation side.

    Args:
        history: one person's choices, oldest first.
        validation: share of the choices (ties not counted) wanted on the validation side, in (0, 1). The nearest
            share that whole groups allow is taken; of two equally near ones the smaller, which teaches more.
        seed: orders groups that began at the very same time.

    With two or more groups that hold a decided choice each side gets at least one; with fewer, everything is training.

    Raises:
        DataError: ``validation`` is not strictly between 0 and 1.
    """
    if not 0 < validation < 1:
        raise DataError(f"the validation share must lie between 0 and 1, not {validation}")
    decided = [members for members in _groups(history, seed) if any(not one.tie for one in members)]
    held = _last_groups([sum(not one.tie for one in members) for members in decided], validation)
    held_out = {members[0].group for members in decided[len(decided) - held :]}
    return Split(
        training=history.only(one for one in history if one.group not in held_out),
        validation=history.only(one for one in history if one.group in held_out and not one.tie),
        aside=tuple(one for one in history if one.group in held_out and one.tie),
    )


def in_order(history: History, seed: int = 0) -> Iterator[tuple[History, tuple[Preference, ...]]]:
    """Every group but the first, to be predicted from the groups that began before it."""
    groups = _groups(history, seed)
    for at in range(1, len(groups)):
        if target := tuple(one for one in groups[at] if not one.tie):
            earlier = {members[0].group for members in groups[:at]}
            yield history.only(one for one in history if one.group in earlier), target


def growing(history: History, steps: int = 4, seed: int = 0) -> Iterator[tuple[History, tuple[Preference, ...]]]:
    """The same targets, as in `context_target`, from more and more of the context's groups, oldest first."""
    context, target = context_target(history, seed=seed)
    groups = [members[0].group for members in _groups(context, seed)]
    if not target:
        return
    for size in sorted({max(1, round(len(groups) * step / steps)) for step in range(1, steps + 1)}):
        known = set(groups[:size])
        yield history.only(one for one in context if one.group in known), target


def context_target(history: History, target: float = 0.5, seed: int = 0) -> tuple[History, tuple[Preference, ...]]:
    """The benchmark's split inside a person: the earlier groups are context, the later ones are predicted.

    Args:
        target: share of the decided choices wanted as targets, in (0, 1).

    Returns:
        The context to learn from and the targets (no ties); no targets where there are fewer than two groups.
    """
    parts = split(history, target, seed)
    return parts.training, parts.validation.choices


def leave_group_out(history: History) -> Iterator[tuple[History, tuple[Preference, ...]]]:
    """For each group, oldest first: everything else to learn from, and the group's decided choices to predict.

    Groups of ties alone are never predicted. A person with a single group yields nothing.
    """
    groups = _groups(history, seed=0)
    if len(groups) < 2:
        return
    for members in groups:
        held_out = tuple(one for one in members if not one.tie)
        if held_out:
            group = members[0].group
            yield history.only(one for one in history if one.group != group), held_out


def folds_by_person(users: Iterable[str], k: int, seed: int = 0) -> dict[str, int]:
    """A fold in 0 … k-1 for each person: sizes differ by at most one; neither order nor repeats of ``users`` matter.

    Raises:
        DataError: fewer than two folds, or fewer people than folds.
    """
    people = set(users)
    if k < 2:
        raise DataError(f"cross-validation by person needs at least 2 folds, not {k}")
    if len(people) < k:
        raise DataError(f"{k} folds by person need at least {k} people, found {len(people)}")
    return folds_of(people, k, seed)


def folds_of(names: Iterable[str], k: int, seed: int = 0) -> dict[str, int]:
    """A fold in 0 … k-1 for each name (a person, a group); sizes differ by at most one, order does not matter."""
    drawn = sorted(set(names), key=lambda name: (_draw(seed, name), name))
    return {name: position % k for position, name in enumerate(drawn)}


def _groups(history: History, seed: int) -> list[list[Preference]]:
    """Choices by group, the groups in order of their first choice (times where every group has one)."""
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
    """How many of the last groups come nearest to ``share`` of all choices; 0 if there are fewer than two."""
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
    return blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest()


def check_marks(history: History) -> None:
    """DataError if a group stands on both sides of the split that the data marks."""
    taught = {one.group for one in history if one.split == "context"}
    straddling = sorted({one.group for one in history if one.split == "target"} & taught)
    if straddling:
        raise DataError(
            f"{history.user}: group '{straddling[0]}' stands on both sides of the split that the data marks; "
            "a group must be context or target as a whole"
        )
