"""Ratings on one scale per person: shrinkage with its break-even at five ratings, and what it changes in reading."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from command_line import rows

from personalrm.data.problems import Problems
from personalrm.data.rating_scales import AS_GIVEN, BREAK_EVEN, RatingScale, RatingScales, shrunken
from personalrm.data.reading import read_choices


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
    adjusted = {name: [scales[name].adjusted(one) for one in some] for name, some in given.items()}
    means = [float(np.mean(one)) for one in adjusted.values()]
    deviations = [float(np.std(one)) for one in adjusted.values()]
    assert max(means) - min(means) < 0.2
    assert max(deviations) / min(deviations) < 1.02


def test_one_person_alone_and_people_without_variation_stay_as_given() -> None:
    assert shrunken([("ada", [1.0, 5.0])]) == {}
    assert shrunken([("ada", [3.0, 3.0]), ("bob", [3.0])]) == {}
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
