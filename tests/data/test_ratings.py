"""Scored responses become pairs."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import orjson
import pytest
from facts import naming
from hypothesis import given
from hypothesis import strategies as st

from personalrm.data.problems import Problems
from personalrm.data.ratings import Judged, pairs_of
from personalrm.data.reading import read_choices
from personalrm.errors import DataError


def nested(path: Path, *rows: object) -> Path:
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def test_pairs_of_one_row(tmp_path: Path) -> None:
    rated = [
        {"content": name, "score": score} for name, score in [("a", 90), ("b", 20), ("c", 20), ("d", 85), ("e", None)]
    ]
    path = nested(tmp_path / "a.jsonl", {"user": "ada", "id": "r1", "prompt": "q", "responses": rated})
    problems = Problems()
    choices = list(read_choices(path, problems=problems, min_gap=10))
    assert {(one.chosen, one.rejected, one.margin, one.tie) for one in choices} == {
        ("a", "b", 70.0, False),
        ("a", "c", 70.0, False),
        ("d", "b", 65.0, False),
        ("d", "c", 65.0, False),
        ("b", "c", 0.0, True),
    }
    assert (problems.too_close, problems.skipped, problems.summary()) == (1, 0, "")
    assert len({one.group for one in choices}) == 1
    assert len({one.id for one in choices}) == 5
    assert all(one.id.startswith("r1-") for one in choices)


@given(st.lists(st.tuples(st.text(max_size=3), st.integers(0, 10)), max_size=7), st.integers(0, 6))
def test_every_two_responses_are_a_pair_a_tie_or_too_close(rated: list[tuple[str, int]], gap: int) -> None:
    responses = [Judged(text, score) for text, score in rated]
    made, too_close = pairs_of(responses, gap)
    different = sum(a.response != b.response for a, b in combinations(responses, 2))
    assert len(made) + too_close == different
    assert all(pair.tie == (pair.gap == 0) for pair in made)
    assert all(pair.tie or (pair.gap or 0) >= gap for pair in made)


def test_turning_the_scores_round_turns_only_the_labels(tmp_path: Path) -> None:
    scores = [3, 1, 2, 2]
    row = {"prompt": "q", "responses": list("abcd")}
    here = list(read_choices(nested(tmp_path / "a.jsonl", {**row, "scores": scores})))
    there = list(read_choices(nested(tmp_path / "b.jsonl", {**row, "scores": [-score for score in scores]})))
    assert {one.id: one.shown() for one in here} == {one.id: one.shown() for one in there}
    labels = {one.id: one.chosen for one in there}
    assert all((labels[one.id] == one.chosen) == one.tie for one in here)


def test_pairs_without_a_prompt_still_share_their_rows_group(tmp_path: Path) -> None:
    path = nested(tmp_path / "a.jsonl", {"responses": list("abc"), "scores": [1, 2, 3]})
    assert len({one.group for one in read_choices(path)}) == 1


def test_one_row_a_response(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "user,prompt,response,score,date\n"
        "ada,p,a,1,2020-01-01\nada,p,b,3,\nada,p,c,x,\nada,p,d,,\nada,q,a,5,\nada,q,b,5,\nbob,q,a,1,\nbob,q,b,2,\n"
        "ada,p,z,3,\nada,r,alone,1,\n"
    )
    problems = Problems()
    choices = list(read_choices(path, problems=problems))
    assert [(one.user, one.context[0].content, one.chosen, one.rejected, one.tie) for one in choices] == [
        ("ada", "p", "b", "a", False),
        ("ada", "p", "z", "a", False),
        ("ada", "p", "b", "z", True),  # its row came later
        ("ada", "q", "a", "b", True),
        ("bob", "q", "b", "a", False),
    ]
    assert choices[0].time == "2020-01-01T00:00:00+00:00"
    assert [(error.line, error.field) for error in problems.first] == [(4, "score")]
    assert (problems.rows, problems.rated) == (10, 1)  # the one that stands alone is a thumb


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"responses": "ab", "scores": [1, 2]}, "'responses': expected a list"),
        ({"responses": ["a", "b"], "scores": [1]}, "'scores': expected 2 scores"),
        ({"responses": ["a", "b"], "scores": [1, "high"]}, "field 'scores.1': expected a number, found 'high'"),
        ({"responses": ["a", "b"]}, "'responses.0': expected an object"),
        ({"responses": [{"content": "a", "score": 1}]}, "1 single rating says nothing"),
        (
            {"responses": [{"score": 1}, {"content": "b", "score": 1}]},
            "field 'responses.0.content': expected text, found null",
        ),
        ({"responses": [3, 4], "scores": [1, 2]}, "field 'responses.0': expected text, found the number 3"),
    ],
)
def test_bad_ratings(tmp_path: Path, row: dict[str, object], words: str) -> None:
    with pytest.raises(DataError) as caught:
        list(read_choices(nested(tmp_path / "a.jsonl", {"prompt": "q", **row})))
    assert words in str(caught.value)


def test_no_pair_far_enough_apart(tmp_path: Path) -> None:
    path = nested(tmp_path / "a.jsonl", {"prompt": "q", "responses": ["a", "b"], "scores": [1, 2]})
    with pytest.raises(DataError, match=naming(10)):
        list(read_choices(path, min_gap=10))
