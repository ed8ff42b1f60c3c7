"""Choices for tests of the store and the service."""

from __future__ import annotations

from personalrm.models.traits import TraitsModel
from personalrm.preferences import Message
from personalrm.store.profiles import NewVersion, Version
from personalrm.store.records import Choice
from personalrm.store.store import SpaceStore

TOPICS = ("boil an egg", "learn to swim", "plant a tree", "paint a wall", "bake bread", "train a dog", "fix a tap")


def asked(number: int) -> tuple[Message, ...]:
    return (Message("user", f"How do I {TOPICS[number % len(TOPICS)]}, way {number}?"),)


def choice(number: int, *, short: bool = True, **changes: object) -> Choice:
    """A fictional choice between a short and a long answer; the short one is chosen by default."""
    answers = [f"Do it in {number + 3} steps.", f"There are many things to consider, {number} of them. " * 12]
    chosen, rejected = answers if short else reversed(answers)
    given = {"id": f"c{number}", "context": asked(number), "chosen": chosen, "rejected": rejected, **changes}
    return Choice(**given)  # type: ignore[arg-type]


def learn(space: SpaceStore, *, aside: bool = False) -> Version:
    """Save a profile of all choices of ada, as the service does with the embedded engine."""
    person = space.people.require("ada")
    learned = space.history.learnable(person)
    profile = TraitsModel.shipped().fit(learned.history).profile()
    saved = space.profiles.save(person, NewVersion(profile, learned, "refit", aside=aside))
    assert saved is not None
    return saved
