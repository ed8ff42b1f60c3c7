"""Rows to train the reward model on: a person's choices, each behind what their *other* choices tell of them.

    rows = training_rows(people, "persona", traits_profiles(people))
    rows = training_rows(people, "history")

A person's groups are dealt into two halves. The prompt learned from one half stands before the choices of the other,
so no row is told what it is to predict, and every choice is used. Nothing of another person enters a prompt.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from personalrm.data.splits import folds_by_person
from personalrm.errors import DataError
from personalrm.models.reward_model.user_prompts import MOST_CHARACTERS, Kind, needs_profile, user_prompt
from personalrm.models.traits import TraitsModel
from personalrm.preferences import History, Message
from personalrm.profile.records import Profile

ProfileOf = Callable[[History], Profile]
"""Learns a profile from the choices given, and from no others of that person."""
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One choice to learn from. ``system`` is the user prompt, None where nothing is told of the person."""

    user: str
    group: str
    system: str | None
    context: tuple[Message, ...]
    chosen: str
    rejected: str


def training_rows(
    people: Iterable[History],
    kind: Kind,
    profile_of: ProfileOf | None = None,
    seed: int = 0,
    most_characters: int = MOST_CHARACTERS,
) -> list[Row]:
    """Every decided choice of these people, person by person.

    Args:
        people: whose choices; a person whose choices are all of one group gets no prompt.
        kind: what of a person stands in the input.
        profile_of: makes the profiles; None takes the embedded engine with the prior that ships.
        seed: deals the groups.
        most_characters: of past choices in a prompt.

    Raises:
        DataError: a profile has seen choices that it is to predict, or is another person's.
    """

    def told(seen: History) -> str | None:
        if not seen.choices:
            return None
        profile = _checked((profile_of or shipped_profile)(seen), seen) if needs_profile(kind) else None
        return user_prompt(kind, seen, profile, most_characters=most_characters)

    return [row for person in people for row in _rows_of(person, told, seed)]


def shipped_profile(history: History) -> Profile:
    """The embedded engine with the prior that ships."""
    return _shipped().fit(history).profile()


def traits_profiles(population: Iterable[History], seed: int = 0) -> ProfileOf:
    """The embedded engine with priors learned from ``population``, never from the person who is told of.

    Five folds by person: someone of the population is met with the prior of the other folds, a stranger with that of
    all. A prior is learned when it is first asked for (2 s for 136 people of PRISM).
    """
    people = tuple(population)
    k = min(FOLDS, len(people))
    if k < 2:
        raise DataError("priors that leave a person out need a population of at least two people")
    fold_of = folds_by_person((one.user for one in people), k, seed)

    @cache
    def prior(fold: int | None) -> TraitsModel:
        return TraitsModel.from_population([one for one in people if fold_of[one.user] != fold], seed=seed)

    return lambda history: prior(fold_of.get(history.user)).fit(history).profile()


def _rows_of(person: History, told: Callable[[History], str | None], seed: int) -> Iterator[Row]:
    half_of = _dealt([one.group for one in person.decided], f"{seed}\0{person.user}")
    for half in (0, 1):
        seen = person.only(one for one in person.decided if half_of[one.group] != half)
        system = told(seen)
        for one in person.decided:
            if half_of[one.group] == half:
                yield Row(one.user, one.group, system, tuple(one.context), one.chosen, one.rejected)


def _checked(profile: Profile, seen: History) -> Profile:
    """The profile, if it is of this person and knows nothing but ``seen``."""
    if profile.user != seen.user:
        raise DataError(f"asked for a profile of {seen.user}, got one of {profile.user}")
    if not {one.id for one in profile.history} <= {one.id for one in seen}:
        raise DataError(
            f"the profile of {seen.user} has seen choices that it is to predict: it must be fitted anew to the half "
            "of the history that it is given"
        )
    return profile


def _dealt(groups: Sequence[str], seed: str) -> dict[str, int]:
    """A half, 0 or 1, for each group; their sizes differ by at most one group."""
    names = list(dict.fromkeys(groups))
    random.Random(seed).shuffle(names)
    return {name: position % 2 for position, name in enumerate(names)}


@cache
def _shipped() -> TraitsModel:
    return TraitsModel.shipped()
