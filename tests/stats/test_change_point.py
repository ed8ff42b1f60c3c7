"""The change-point test: its level holds whatever the scores are, and a change that is there is found where it is."""

from __future__ import annotations

import numpy as np
import pytest

from personalrm.stats.change_point import FALSE_ALARMS, FIRST_LOOK, ScoreTest, looks


def alarms(sequences: list[np.ndarray], information: np.ndarray) -> int:
    found = 0
    for number, rows in enumerate(sequences):
        for look in looks(len(rows)):
            test = ScoreTest.of(rows[look.start : look.end], information * (look.end - look.start))
            if test.change(look.level, np.random.default_rng([number, look.end])) is not None:
                found += 1
                break
    return found


def test_the_levels_of_all_looks_together_are_the_promised_rate() -> None:
    made = list(looks(100_000))
    assert made[0].end == FIRST_LOOK
    assert FALSE_ALARMS * 0.5 < sum(one.level for one in made) <= FALSE_ALARMS
    assert all(one.end - one.start <= 1000 for one in made)
    later = list(looks(2000, start=500, made=7))
    assert later[0].start == 500
    assert later[0].level == pytest.approx(made[7].level)


def test_of_unchanging_sequences_few_raise_an_alarm_though_the_scores_are_not_as_the_model_says() -> None:
    rng = np.random.default_rng(0)
    heavy = [rng.standard_t(2, size=(40, 3)) for _ in range(40)]
    assert alarms(heavy, np.eye(3) * 0.2) <= 7  # 2 expected at most; more than 7 has a probability of 0.0006


@pytest.mark.parametrize(
    ("seed", "length", "at", "size", "near"),
    [(1, 120, 60, 1.5, 3), (3, 900, 600, 0.5, 20)],
    ids=["rows are permuted", "runs of rows are permuted"],
)
def test_a_change_is_found_where_it_is(seed: int, length: int, at: int, size: float, near: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(length, 3))
    rows[:at, 1] += size
    rows[at:, 1] -= size
    found = ScoreTest.of(rows, np.eye(3) * length).change(0.001, rng)
    assert found is not None
    assert found.earliest <= found.at <= found.latest
    assert abs(found.at - at) <= near


def test_a_very_low_level_takes_no_more_permutations_and_a_bayes_factor_above_its_inverse() -> None:
    rng = np.random.default_rng(4)
    apart = np.where(np.arange(100) < 50, 1.0, -1.0)[:, None]
    clear = ScoreTest.of(rng.normal(size=(100, 1)) + apart, np.eye(1) * 100)
    assert clear.change(1e-9, rng) is not None  # 5,000,000,000 permutations by the exact test
    weak = ScoreTest.of(rng.normal(size=(100, 1)) + 0.7 * apart, np.eye(1) * 100)
    assert weak.change(0.001, rng) is not None
    assert weak.change(1e-9, rng) is None


@pytest.mark.slow
def test_of_long_unchanging_sequences_few_raise_an_alarm() -> None:
    rng = np.random.default_rng(5)
    heavy = [rng.standard_t(3, size=(1500, 2)) for _ in range(20)]
    assert alarms(heavy, np.eye(2) * 0.5) <= 4  # 1 expected at most; more than 4 has a probability of 0.003


def test_rows_of_one_block_count_as_one() -> None:
    """Two blocks can be put in two orders only: nothing can be shown from them, however far they are apart."""
    rows = np.repeat([[3.0], [-3.0]], 20, axis=0)
    keys = ["a"] * 20 + ["b"] * 20
    assert ScoreTest.of(rows, np.eye(1) * 40, keys).change(0.05, np.random.default_rng(2)) is None
    alone = ScoreTest.of(rows, np.eye(1) * 40).change(0.05, np.random.default_rng(2))
    assert alone is not None
    assert alone.at == 20
