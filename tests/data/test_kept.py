"""People that are read several times: parsed once, the same each time, and never half of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from small_disk import largest_file

from personalrm.data.kept import KeptPeople
from personalrm.data.simulated import simulate_people
from personalrm.preferences import History, Message, Thumb

PEOPLE = [
    History(
        one.user,
        (
            replace(one.choices[0], judges={"gpt": True}, stated={"factuality": 80.0}, split="target", weight=0.5),
            replace(one.choices[1], tie=True, time="2024-05-01T00:00:00Z", margin=1.5, ranking="r", source="file"),
            replace(one.choices[2], chosen="half \ud800", context=()),
        ),
        (Thumb("Yes.", liked=True, context=(Message("user", "Hi"),)),),
    )
    for one in simulate_people(5, choices=3, prompt_tokens=5, response_tokens=5)
]


class Counted:
    def __init__(self) -> None:
        self.passes = 0

    def __call__(self) -> Iterator[History]:
        self.passes += 1
        yield from PEOPLE


def test_people_are_parsed_once_and_equal_in_every_field() -> None:
    source = Counted()
    with KeptPeople(source) as people:
        passes = [list(people()) for _ in range(3)]
        assert passes == [PEOPLE] * 3
        assert passes[1][0].choices[1].source == "file"
        one, other = people(), people()  # two passes at once do not disturb each other
        assert [next(one), next(other), *one, *other] == [PEOPLE[0], PEOPLE[0], *PEOPLE[1:], *PEOPLE[1:]]
    assert source.passes == 1


def test_a_pass_that_ends_early_leaves_nothing() -> None:
    source = Counted()
    with KeptPeople(source) as people:
        first, second = iter(people()), iter(people())
        next(first)
        assert list(second) == PEOPLE  # while another pass writes
        first.close()  # type: ignore[attr-defined]
        assert list(people()) == PEOPLE
        assert list(people()) == PEOPLE
    assert source.passes == 3


@pytest.mark.parametrize("most_bytes", [0, 500])
def test_without_room_the_source_is_read_anew(most_bytes: int) -> None:
    source = Counted()
    with KeptPeople(source, most_bytes) as people:
        assert [list(people()) for _ in range(3)] == [PEOPLE] * 3
    assert source.passes == 3


@pytest.mark.parametrize("room", [0, 4_000, 9_000])
def test_a_full_disk_is_no_error_wherever_it_is_met(room: int) -> None:
    """Also where the last bytes are written: some kilobytes are buffered."""
    source = Counted()
    with largest_file(room), KeptPeople(source) as people:
        assert [list(people()) for _ in range(3)] == [PEOPLE] * 3
    assert source.passes == 3
