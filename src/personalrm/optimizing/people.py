"""Sampling and splitting of people, and the model calls that all candidates share.

training, held = draw(people, most=40, share=0.5, seed=0)
ready = await prepare(endpoint, training, seed=0)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from personalrm.data.splits import split
from personalrm.errors import NotEnoughChoices
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import bounded_map
from personalrm.optimizing.describing import describe_choices
from personalrm.preferences import History, Preference
from personalrm.profile.options import Options
from personalrm.profile.provenance import fingerprint_of_people
from personalrm.renamed import renamed
from personalrm.synthesis.first_stages import drop_identical_pairs, reason_choices
from personalrm.synthesis.judging import FewShotExample

AT_ONCE = 24
MOST_JUDGED = 20
"""Maximum validation choices of one person that are judged for each candidate; the latest ones."""
LEAST = 2
"""Minimum number of people on each side."""


@dataclass(frozen=True)
class PreparedPerson:
    """One person, ready for any candidate.

    Attributes:
        user: the user's id; never shown to the proposer.
        shown: past choices with their reasonings, from which personas are written.
        held: choices to predict with the persona; no ties, at most `MOST_JUDGED`.
        about: the past choices in general terms.
    """

    user: str
    shown: tuple[FewShotExample, ...]
    held: tuple[Preference, ...]
    about: str


def draw(people: Iterable[History], most: int, share: float, seed: int) -> tuple[list[History], list[History]]:
    """Sample people with both choices to learn from and choices to predict, and split them by person.

    Args:
        most: maximum people on both sides together.
        share: of held-out people, in (0, 1).

    Returns:
        The training people and the held-out people, each in random order.

    Raises:
        NotEnoughChoices: fewer than two people for either side.
    """
    usable = [one for one in map(drop_identical_pairs, people) if split(one, seed=seed).validation.choices]
    drawn = sorted(usable, key=lambda one: (_random_key(seed, one.user), one.user))[:most]
    held = min(max(LEAST, round(share * len(drawn))), len(drawn) - LEAST)
    if held < LEAST:
        raise NotEnoughChoices(
            f"optimisation needs at least {2 * LEAST} people with choices in two conversations or more, half of them "
            f"for training and half held out; found {len(drawn)}"
        )
    return drawn[: len(drawn) - held], drawn[len(drawn) - held :]


async def prepare(
    endpoint: Endpoint, people: Sequence[History], seed: int, report: Callable[[str, int, int], None]
) -> list[PreparedPerson]:
    """The people with their reasonings, in order; without those for whom no reasoning was verified."""
    ready: dict[str, PreparedPerson] = {}

    async def one(history: History) -> PreparedPerson:
        return await _prepared(endpoint, history, seed)

    async for found in bounded_map(one, people, AT_ONCE):
        ready[found.user] = found
        report("reasonings, people", len(ready), len(people))
    in_order = (ready[history.user] for history in people)
    return [found for found in in_order if any(shown.why for shown in found.shown)]


def fingerprint_of(people: Iterable[History]) -> str:
    """16 hex digits of these people and choices, independent of their order."""
    return fingerprint_of_people(sorted(people, key=lambda one: one.user)).total


async def _prepared(endpoint: Endpoint, history: History, seed: int) -> PreparedPerson:
    """Makes the same first calls as `synthesis.fitting` for this person, so that a fit finds them in the cache."""
    options = Options(seed=seed)
    parts = split(history, options.validation, seed)
    _, chain = await reason_choices(endpoint, parts, options, {})
    shown = tuple(chain)
    return PreparedPerson(history.user, shown, parts.validation.choices[-MOST_JUDGED:], describe_choices(shown))


def _random_key(seed: int, user: str) -> bytes:
    return blake2b(f"optimize\0{seed}\0{user}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


__getattr__ = renamed(__name__, {"Prepared": "PreparedPerson"})
