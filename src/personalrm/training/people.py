"""Training and validation data, read, checked and counted before slow steps.

found = read("prism.jsonl.gz", "all", reading)
found.people                                     # those with a decided choice
check_disjoint(found, read("others.jsonl", "all", reading))
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from personalrm.data.files import name_of
from personalrm.data.inputs import Given
from personalrm.data.problems import Problems
from personalrm.data.reading import read_people
from personalrm.data.sources import ReadOptions
from personalrm.data.splits import check_marks
from personalrm.errors import DataError, NotEnoughChoices
from personalrm.preferences import History
from personalrm.profile.provenance import fingerprint_of_people
from personalrm.renamed import renamed

Part = Literal["all", "context"]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """A file of choices.

    Attributes:
        name: of the file, without its folder.
        fingerprint: 16 hex digits of these people and choices, in this order.
        people: those with a decided choice, with the requested part of their choices.
        ties: choices without a preference; not used.
        skipped: rows that could not be used.
        undecided: people without a decided choice; not used.
        marked: whether the data marks targets and ``part`` was "all", so that they are in the training data.
    """

    name: str
    fingerprint: str
    people: tuple[History, ...]
    ties: int
    skipped: int
    undecided: int
    marked: bool

    @property
    def choices(self) -> int:
        """Number of decided choices."""
        return count_decided(self.people)


def count_decided(people: Iterable[History]) -> int:
    """Number of decided choices of these people."""
    return sum(len(one.decided) for one in people)


def read(path: Given, part: Part, reading: ReadOptions) -> TrainingData:
    """All people in a file.

    Args:
        part: ``context`` takes only what the data marks as context, so that its targets stay unseen.

    Raises:
        DataError: the file cannot be read, a group is on both sides of the marked split, or ``part="context"`` and
            nothing is marked as context.
    """
    name, problems, everyone = name_of(path), Problems(), list[History]()
    for one in read_people(path, problems=problems, **reading.arguments):
        check_marks(one)
        everyone.append(one)
    for remark in problems.remarks(reading.min_gap):
        reading.warn(f"{name}: {remark}")
    marked = any(choice.split == "target" for one in everyone for choice in one)
    if part == "context":
        everyone = [one.only(choice for choice in one if choice.split == "context") for one in everyone]
        if not any(everyone):
            raise DataError(f"{name} marks no choice as context: leave out --split context")
    people = tuple(one for one in everyone if one.decided)
    ties = sum(map(len, everyone)) - count_decided(people)
    undecided = len(everyone) - len(people)
    return TrainingData(
        name, fingerprint_of_people(people).total, people, ties, problems.skipped, undecided, marked and part == "all"
    )


def check_enough(found: TrainingData, least: int, method: str) -> None:
    """NotEnoughChoices if there are fewer people than the method needs."""
    if len(found.people) < least:
        raise NotEnoughChoices(
            f"{method} needs at least {least} people with a decided choice to train on; {found.name} holds "
            f"{len(found.people)}"
        )


def check_disjoint(trained: TrainingData, validation: TrainingData) -> None:
    """DataError if a person is in both files; NotEnoughChoices if the second has no people to validate on."""
    if not validation.people:
        raise NotEnoughChoices(f"{validation.name} holds no person with a decided choice to validate on")
    both = sorted({one.user for one in trained.people} & {one.user for one in validation.people})
    if both:
        more = f" and {len(both) - 1} more" if len(both) > 1 else ""
        raise DataError(
            f"'{both[0]}'{more} are both in {trained.name} and in {validation.name}: validation needs people "
            "who are not trained on"
        )


__getattr__ = renamed(__name__, {"check_apart": "check_disjoint", "decided": "count_decided"})
