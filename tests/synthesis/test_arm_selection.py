"""The arms compete on validation; known answers on hand-made scores."""

from __future__ import annotations

import math

import pytest
from choices import choice

from personalrm.preferences import Preference
from personalrm.profile.records import Arm
from personalrm.synthesis.arm_selection import ARMS, advantage, choose
from personalrm.synthesis.scoring import Scores

FIVE = [choice(number) for number in range(5)]


def scores(*probabilities: float | None) -> Scores:
    return Scores({f"c{at}": p for at, p in enumerate(probabilities)})


def chosen(arms: dict[Arm, Scores], validation: list[Preference] | None = None) -> Arm:
    return choose(arms, validation or FIVE, 0).chosen


def test_a_clearly_better_arm_wins() -> None:
    plain = scores(0.5, 0.5, 0.5, 0.5, 0.5)
    for arm in ARMS[1:]:
        found = choose({"default": plain, arm: scores(0.9, 0.8, 0.9, 0.8, 0.9)}, FIVE, 0)
        assert found.chosen == arm
        assert found.confidence is None  # never calibrated on people, so no probability is stated
        assert "%" not in found.reason
        assert "5 of 5 held-out choices" in found.reason
        assert found.gain == pytest.approx(0.5407, abs=0.001)
        assert "0.541" in found.reason


def test_ties_go_to_the_simplest_arm() -> None:
    same = scores(0.7, 0.6, 0.4, 0.8, 0.5)
    assert chosen(dict.fromkeys(ARMS, same)) == "default"
    better = scores(0.9, 0.9, 0.8, 0.9, 0.8)
    assert chosen({"default": same, "persona": better, "demonstrations": better}) == "persona"
    assert chosen({"default": same, "demonstrations": better, "persona+demonstrations": better}) == "demonstrations"


def test_a_worse_arm_is_never_used() -> None:
    plain = scores(0.7, 0.7, 0.7, 0.7, 0.7)
    found = choose({"default": plain, **dict.fromkeys(ARMS[1:], scores(0.5, 0.6, 0.5, 0.6, 0.4))}, FIVE, 0)
    assert found.chosen == "default"
    assert (found.gain, found.confidence) == (0.0, None)
    assert "no personalised arm" in found.reason


def test_an_unsure_gain_is_not_used_and_said_to_be_unsure() -> None:
    plain = scores(0.5, 0.5, 0.5, 0.5, 0.5)
    found = choose({"default": plain, "persona": scores(0.95, 0.55, 0.4, 0.4, 0.45)}, FIVE, 0)
    assert found.chosen == "default"
    assert found.confidence is None
    assert "%" not in found.reason
    assert "2 of 5 held-out choices" in found.reason


def test_an_arm_worse_than_the_plain_judge_is_not_used_because_the_best_one_is_not_surely_better_than_it() -> None:
    """The best arm surely beats the plain judge; the persona, noisy and worse, is not surely beaten."""
    plain = scores(0.5, 0.5, 0.5, 0.5, 0.5)
    persona = scores(0.99, 0.99, 0.99, 0.001, 0.001)
    demonstrations = scores(0.6, 0.6, 0.6, 0.6, 0.6)
    assert chosen({"default": plain, "persona": persona, "demonstrations": demonstrations}) == "demonstrations"


def test_unscored_arms_do_not_compete_and_are_recorded() -> None:
    nothing = scores(None, None, None, None, None)
    found = choose({"default": scores(0.5, 0.5, 0.5, 0.5, 0.5), "persona": nothing}, FIVE, 0)
    assert found.chosen == "default"
    assert (found.arms["persona"].log_loss, found.arms["persona"].scored) == (None, 0)
    assert choose(dict.fromkeys(ARMS, nothing), FIVE, 0).chosen == "default"
    assert choose({}, [], 0).chosen == "default"
    assert choose({"default": nothing, "demonstrations": scores(0.9, 0.9)}, FIVE, 0).confidence is None


def test_an_arm_that_answered_only_the_easy_choice_is_not_better_for_it() -> None:
    plain = scores(0.95, 0.6, 0.6, 0.6, 0.6)
    assert chosen({"default": plain, "persona": scores(0.9, None, None, None, None)}) == "default"


def test_silence_on_hard_choices_wins_nothing_and_is_counted() -> None:
    plain = scores(0.55, 0.55, 0.55, 0.55, 0.4)
    silent = scores(0.9, 0.9, 0.9, 0.9, None)  # 0.105 nats on what it answered
    brave = scores(0.92, 0.92, 0.92, 0.92, 0.5)  # 0.205 on all, 0.083 on the same four
    found = choose({"default": plain, "persona": silent, "demonstrations": brave}, FIVE, 0)
    assert found.chosen == "demonstrations"
    assert {arm: (one.scored, one.unanswered) for arm, one in found.arms.items()} == {
        "default": (4, 0),
        "persona": (4, 1),
        "demonstrations": (4, 0),
    }
    assert found.gain == pytest.approx(math.log(0.92 / 0.55), abs=1e-6)
    tied = choose({"default": plain, "persona": silent, "demonstrations": scores(*[0.9] * 5)}, FIVE, 0)
    assert tied.chosen == "demonstrations"  # as good, and it answers more


def test_arms_that_answered_no_choice_in_common_are_not_compared() -> None:
    found = choose({"default": scores(0.4, 0.4, None, None), "persona": scores(None, None, 0.9, 0.9)}, FIVE, 0)
    assert (found.chosen, found.gain, found.confidence) == ("default", None, None)
    assert {one.unanswered for one in found.arms.values()} == {2}


def test_advantage_known_values() -> None:
    five = advantage(scores(*[0.8] * 5), scores(*[0.4] * 5), FIVE, 0)
    assert five == pytest.approx(1 - 0.5**6, abs=0.006)
    assert advantage(scores(0.8), scores(0.4), FIVE, 0) == pytest.approx(0.75, abs=0.02)
    assert advantage(scores(*[0.4] * 5), scores(*[0.8] * 5), FIVE, 0) == pytest.approx(1 - five, abs=0.01)
    assert advantage(scores(0.4), scores(0.4), FIVE, 0) == 0.5
    assert advantage(scores(0.4), scores(None), FIVE, 0) == 0.5
    assert advantage(Scores({"x": 0.9}), Scores({"y": 0.2}), FIVE, 0) == 0.5


def test_choices_of_one_group_count_together() -> None:
    together = [choice(number, group="one") for number in range(5)]
    ours, theirs = scores(*[0.8] * 5), scores(*[0.4] * 5)
    assert advantage(ours, theirs, together, 0) == pytest.approx(0.75, abs=0.02)
    assert advantage(ours, theirs, FIVE, 0) > 0.97


def test_the_choice_does_not_hang_on_the_order_of_arms_or_the_seed() -> None:
    arms: dict[Arm, Scores] = {
        "persona+demonstrations": scores(0.9, 0.9, 0.8, 0.9, 0.8),
        "default": scores(0.4, 0.5, 0.5, 0.4, 0.5),
        "demonstrations": scores(0.5, 0.6, 0.6, 0.5, 0.6),
    }
    turned = dict(reversed(list(arms.items())))
    assert {choose(one, FIVE, seed).chosen for one in (arms, turned) for seed in range(5)} == {"persona+demonstrations"}
