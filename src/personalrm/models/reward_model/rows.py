"""Training rows: a user's choices, each with a prompt made from the user's *other* choices.

    rows = training_rows(people, "persona", traits_profiles(people))
    rows = training_rows(people, "history")

A user's groups are split into two halves. The prompt made from one half precedes the choices of the other, so that no
prompt contains the label of its row, and every choice is used. A prompt holds nothing of other users.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from personalrm.data.shares import shares
from personalrm.data.splits import folds_by_person
from personalrm.errors import DataError
from personalrm.models.reward_model.user_prompts import MOST_CHARACTERS, Kind, needs_profile, user_prompt
from personalrm.models.traits import TraitsModel
from personalrm.preferences import History, Message
from personalrm.profile.records import Profile

ProfileOf = Callable[[History], Profile]
"""Fits a profile to the given choices, and to no others of that user."""
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One training choice. ``system`` is the user prompt, None without user information.

    ``weight`` is how much it counts in the loss and in metrics: the pairs of one ranking add up to 1.
    """

    user: str
    group: str
    system: str | None
    context: tuple[Message, ...]
    chosen: str
    rejected: str
    weight: float = 1.0


def training_rows(
    people: Iterable[History],
    kind: Kind,
    profile_of: ProfileOf | None = None,
    seed: int = 0,
    most_characters: int = MOST_CHARACTERS,
) -> list[Row]:
    """Every decided choice of these people, person by person.

    Args:
        people: whose choices; a person with one group only gets no prompt.
        kind: kind of user information in the input.
        profile_of: makes the profiles; None takes the embedded engine with the shipped prior.
        seed: of the split into halves.
        most_characters: maximum characters of past choices in a prompt.

    Raises:
        DataError: a profile was fitted to choices that it precedes, or is another person's.
    """

    def prompt_of(seen: History) -> str | None:
        if not seen.choices:
            return None
        profile = _checked((profile_of or shipped_profile)(seen), seen) if needs_profile(kind) else None
        return user_prompt(kind, seen, profile, most_characters=most_characters)

    return [row for person in people for row in _rows_of(person, prompt_of, seed)]


def shipped_profile(history: History) -> Profile:
    """A profile from the embedded engine with the shipped prior."""
    return _shipped().fit(history).profile()


def traits_profiles(population: Iterable[History], seed: int = 0) -> ProfileOf:
    """The embedded engine with cross-fitted priors: learned from ``population`` without the person themself.

    Five folds by person: a person of the population gets the prior of the other folds, any other person that of all. A
    prior is learned on first use (2 s for 136 people of PRISM).
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


def _rows_of(person: History, prompt_of: Callable[[History], str | None], seed: int) -> Iterator[Row]:
    half_of = _halves([one.group for one in person.decided], f"{seed}\0{person.user}")
    for half in (0, 1):
        seen = person.only(one for one in person.decided if half_of[one.group] != half)
        system = prompt_of(seen)
        for one, part in zip(person.decided, shares(person.decided), strict=True):
            if half_of[one.group] == half:
                yield Row(one.user, one.group, system, tuple(one.context), one.chosen, one.rejected, part)


def _checked(profile: Profile, seen: History) -> Profile:
    """The profile, if it is of this person and was fitted to ``seen`` only."""
    if profile.user != seen.user:
        raise DataError(f"expected a profile of {seen.user}, found one of {profile.user}")
    if not {one.id for one in profile.history} <= {one.id for one in seen}:
        raise DataError(
            f"the profile of {seen.user} was fitted to choices that it is to predict: fit it to the given half "
            "of the history only"
        )
    return profile


def _halves(groups: Sequence[str], seed: str) -> dict[str, int]:
    """A half, 0 or 1, for each group; their sizes differ by at most one group."""
    names = list(dict.fromkeys(groups))
    random.Random(seed.encode("utf-8", "surrogatepass")).shuffle(names)
    return {name: position % 2 for position, name in enumerate(names)}


@cache
def _shipped() -> TraitsModel:
    return TraitsModel.shipped()
