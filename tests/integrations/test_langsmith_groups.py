"""LangSmith's feedback groups: cut before the first incomplete one, in time linear in the rows of a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from growth import assert_growth

from personalrm.integrations.feedback.langsmith import _complete_groups


def _rows(groups: Sequence[str | None]) -> list[dict[str, Any]]:
    return [{"feedback_group_id": group} for group in groups]


@pytest.mark.parametrize(
    ("groups", "complete"),
    [
        ("", 0),
        ("aabb", 2),  # the last group may continue
        ("aabbccdd", 6),
        ("aabcbc", 2),  # the last group begins inside another one, which is cut off as a whole
        ("aabbcddd", 4),  # a single row in the second half may be the first of its group
        ([None, None, "a", "a", None], 5),
    ],
)
def test_groups_are_cut_as_a_whole(groups: Sequence[str | None], complete: int) -> None:
    assert len(_complete_groups(_rows(groups))) == complete


def test_linear_in_groups_that_hang_together() -> None:
    def chained(count: int) -> list[dict[str, Any]]:  # each group begins inside the one before
        return _rows(["0", *(str(one) for at in range(count // 2) for one in (at + 1, at))])

    assert len(_complete_groups(chained(1_000))) == 0
    assert_growth(_complete_groups, chained(1_000), chained(8_000), 20.0)
