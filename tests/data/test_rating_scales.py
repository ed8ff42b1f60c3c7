"""Ratings on one scale per person: shrinkage with its break-even at five ratings, and what it changes in reading."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from command_line import rows

from personalrm.data.problems import Problems
from personalrm.data.rating_scales import AS_GIVEN, BREAK_EVEN, RatingScale, RatingScales, shrunken
from personalrm.data.reading import history_from, read_choices, read_history, read_judgements
from personalrm.errors import DataError
from personalrm.preferences import Thumb


def test_five_ratings_count_as_much_as_people_in_general() -> None:
    wide = [("all", [20.0, 80.0] * 500)]
    for count in (1, 5, 50):
        found = shrunken([*wide, ("one", ([50.0, 56.0] * count)[:count] if count > 1 else [50.0])])["one"]
        assert 1.0 <= found.slope < 10.0
    half = shrunken([("all", [20.0, 80.0] * 5000), ("one", [49.0, 51.0, 49.0, 51.0, 50.0])])["one"]
    deviation = math.sqrt(0.8)
    # the logarithm of the deviation is halfway; people in general are nearly the one who rated 10,000 times
    general = math.exp((math.log(30.0) + 0.5 * math.log(deviation)) / 1.5)
    assert half.slope == pytest.approx(math.sqrt(general / deviation), rel=0.01)
    assert BREAK_EVEN == 5.0


def test_many_ratings_of_each_come_to_one_mean_and_deviation() -> None:
    rng = np.random.default_rng(0)
    people = {"low": (20.0, 3.0), "high": (80.0, 12.0), "middle": (55.0, 6.0)}
    given = {name: rng.normal(mean, spread, 4000).tolist() for name, (mean, spread) in people.items()}
    scales = shrunken(given.items())
    adjusted = {name: [scales[name].above(one) for one in some] for name, some in given.items()}
    means = [float(np.mean(one)) for one in adjusted.values()]
    deviations = [float(np.std(one)) for one in adjusted.values()]
    assert max(means) - min(means) < 0.2
    assert max(deviations) / min(deviations) < 1.02


def test_one_person_alone_and_people_without_variation_stay_as_given() -> None:
    assert shrunken([("ada", [1.0, 5.0])]) == {"ada": RatingScale(middle=3.0)}
    assert shrunken([]) == {}
    same = shrunken([("ada", [3.0, 3.0]), ("bob", [3.0])])
    assert [(one.slope, one.middle) for one in same.values()] == [(1.0, pytest.approx(3.0))] * 2
    flat = shrunken([("ada", [3.0] * 40), ("bob", [1.0, 5.0] * 20)])["ada"]
    assert flat.slope == pytest.approx(1.0)
    assert RatingScales(list).of("nobody") == AS_GIVEN == RatingScale()


def test_it_is_looked_through_once() -> None:
    times = []

    def ratings() -> list[tuple[str, list[float]]]:
        times.append(1)
        return [("ada", [1.0, 5.0]), ("bob", [2.0, 3.0])]

    scales = RatingScales(ratings)
    assert scales.of("ada").slope < 1.0 < scales.of("bob").slope
    assert len(times) == 1


@pytest.mark.parametrize("kind", ["list", "rows", "sides"])
def test_a_gap_is_measured_on_the_person_s_own_scale(kind: str, tmp_path: Path) -> None:
    """Ada uses 10 to 90, Bob 50 to 58: eight points are little for her and all that he has."""
    records = []
    for at in range(30):
        for user, low, high in (("ada", 10, 90), ("bob", 50, 58)):
            last = 18 if user == "ada" and at == 29 else high
            scores = {"Yes.": last, "No.": low}
            shared = {"user": user, "prompt": f"Ask {at}"}
            if kind == "list":
                listed = [{"content": text, "score": score} for text, score in scores.items()]
                records.append({**shared, "responses": listed})
            elif kind == "sides":
                sides = {"response_a": "Yes.", "response_b": "No.", "score_a": last, "score_b": low}
                records.append({**shared, **sides})
            else:
                records += [{**shared, "response": text, "score": score} for text, score in scores.items()]
    path, problems = rows(tmp_path / "ratings.jsonl", *records), Problems()
    found = list(read_choices(path, min_gap=10, problems=problems))
    assert {user: sum(one.user == user for one in found) for user in ("ada", "bob")} == {"ada": 29, "bob": 30}
    assert {one.margin for one in found} == {80, 8}  # as the person gave it
    assert problems.too_close == 1
    raw = list(read_choices(path, min_gap=10, common_scale=False))
    assert {one.user for one in raw} == {"ada"}
    assert len(list(read_choices(path))) == 60


LONE = {"ada": [90, 20, 80, 85, 15, 55], "bob": [55, 50, 58, 50]}
"""Ratings of one response to each of several prompts: 55 of 100 is much from Bob and little from Ada."""


def _lone(kind: str, user: str, at: int, score: float) -> dict[str, object]:
    shared: dict[str, object] = {"user": user, "prompt": f"{user} asks {at}"}
    if kind == "list":
        return {**shared, "responses": [{"content": f"Text {at}.", "score": score}]}
    if kind == "one of two":
        return {**shared, "response_a": f"Text {at}.", "response_b": "No.", "score_a": score, "score_b": None}
    return {**shared, "response": f"Text {at}.", "score": score}


@pytest.mark.parametrize("kind", ["list", "rows", "one of two"])
def test_a_rating_without_a_counterpart_is_a_thumb_by_the_person_s_threshold(kind: str, tmp_path: Path) -> None:
    records = [_lone(kind, user, at, score) for user, some in LONE.items() for at, score in enumerate(some)]
    path, problems = rows(tmp_path / "ratings.jsonl", *records), Problems()
    found = [one for one in read_judgements(path, problems=problems) if isinstance(one, Thumb)]
    said = {user: [one.liked for one in found if one.user == user] for user in LONE}
    assert said == {"ada": [True, False, True, True, False, False], "bob": [True, False, True, False]}
    assert (problems.rows, problems.skipped, problems.rated, problems.undecided) == (10, 0, 10, 0)
    assert any("10" in one and "rating" in one for one in problems.remarks())
    assert len(read_history(path, "bob").thumbs) == 4
    with pytest.raises(DataError, match="no pair"):
        list(read_choices(path))


def test_ratings_that_say_nothing_are_counted(tmp_path: Path) -> None:
    """One at the mean, and those nearer to it than the minimum gap."""
    path = rows(tmp_path / "some.jsonl", *(_lone("rows", "ada", at, one) for at, one in enumerate((1, 3, 5))))
    problems = Problems()
    assert [one.liked for one in read_history(path, problems=problems).thumbs] == [False, True]
    assert (problems.rated, problems.undecided) == (2, 1)
    problems = Problems()
    with pytest.raises(DataError, match="3 single ratings"):
        read_history(path, min_gap=4, problems=problems)
    assert problems.undecided == 3
    assert any("--min-gap 4" in one for one in problems.remarks(4))
    same = rows(tmp_path / "same.jsonl", *(_lone("rows", "ada", at, 4) for at in range(3)))
    with pytest.raises(DataError, match="3 single ratings"):
        read_history(same)


def test_pairs_and_single_ratings_of_one_person_stand_side_by_side(tmp_path: Path) -> None:
    """The threshold is of all ratings, also of those that made pairs; the same text rated twice is averaged."""
    pair = [{"prompt": "Tea?", "response": text, "score": score} for text, score in (("Yes.", 9), ("No.", 1))]
    alone = {"prompt": "Jam?", "response": "Plum.", "score": 4}
    twice = [{"prompt": "Ham?", "response": "Cut.", "score": score} for score in (9, 7)]
    found = list(read_judgements(rows(tmp_path / "both.jsonl", *pair, alone, *twice)))
    history = history_from("me", found)
    assert [(one.chosen, one.rejected) for one in history.choices] == [("Yes.", "No.")]
    assert [(one.response, one.liked) for one in history.thumbs] == [("Plum.", False), ("Cut.", True)]
