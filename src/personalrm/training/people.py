"""Who is trained on and who stops it: read, checked and counted before anything slow is done.

found = read("prism.jsonl.gz", "all", reading)
found.people                                     # those with a decided choice
check_apart(found, read("others.jsonl", "all", reading))
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

Part = Literal["all", "context"]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """A file of choices.

    Attributes:
        name: of the file, without its folder.
        fingerprint: 16 hex digits for exactly these people and choices, in this order.
        people: those with a decided choice; of their choices the part that was asked for.
        ties: choices that prefer nothing, and teach nothing.
        skipped: rows that could not be used.
        undecided: people without a decided choice; they are left out.
        marked: whether the data marks targets, which are among the choices where all of them were asked for.
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
        """Decided ones."""
        return decided(self.people)


def decided(people: Iterable[History]) -> int:
    """Decided choices of these people."""
    return sum(len(one.decided) for one in people)


def read(path: Given, part: Part, reading: ReadOptions) -> TrainingData:
    """Everybody in a file.

    Args:
        part: ``context`` takes what the data marks as context alone, so that its targets stay unseen.

    Raises:
        DataError: the file cannot be read, a group stands on both sides of the marked split, or nothing is marked as
            context where that was asked for.
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
    ties = sum(map(len, everyone)) - decided(people)
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


def check_apart(trained: TrainingData, validation: TrainingData) -> None:
    """DataError if somebody is in both files; NotEnoughChoices if the second one holds nobody to validate on."""
    if not validation.people:
        raise NotEnoughChoices(f"{validation.name} holds nobody with a decided choice to validate on")
    both = sorted({one.user for one in trained.people} & {one.user for one in validation.people})
    if both:
        more = f" and {len(both) - 1} more" if len(both) > 1 else ""
        raise DataError(
            f"'{both[0]}'{more} stand both in {trained.name} and in {validation.name}: validation needs people the "
            "model has not learned from"
        )
