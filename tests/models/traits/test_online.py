"""A profile changed without fitting it again is close to the one that is fitted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from personalrm.data.simulated import Setting, simulate
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.online import learned_more, without_claims
from personalrm.models.traits.person import Evidence
from personalrm.preferences import History, Preference
from personalrm.profile.records import Profile

PEOPLE = [one.history for one in simulate(6, Setting(choices=80, seed=5, response_tokens=60, prompt_tokens=20))]


def fitted(history: History, count: int) -> Profile:
    return TraitsModel.shipped().fit(history.only(history.choices[:count])).profile()


def test_new_choices_move_the_weights_as_a_fit_of_all_does() -> None:
    for history in PEOPLE:
        before, all_of_them = fitted(history, 40), fitted(history, 50)
        online = learned_more(before, history.choices[40:50])
        assert [one.id for one in online.history] == [one.id for one in all_of_them.history]
        assert online.fingerprint == all_of_them.fingerprint
        assert online.persona == before.persona
        pairs = [(one.context, one.chosen, one.rejected) for one in history.choices[50:]]
        was, now, exact = (TraitsModel.from_profile(one) for one in (before, online, all_of_them))
        if not np.any(exact.departure) or not np.any(was.departure):
            continue  # one of the fits found no help in the person's own weights and left them out
        error = np.abs(now.compare_many(pairs) - exact.compare_many(pairs)).mean()
        assert error < 0.01
        assert error < 0.5 * np.abs(was.compare_many(pairs) - exact.compare_many(pairs)).mean()


def test_one_choice_at_a_time_ends_where_all_at_once_do() -> None:
    history = PEOPLE[0]
    start = fitted(history, 20)
    step = start
    for one in history.choices[20:40]:
        step = learned_more(step, [one])
    together = learned_more(start, history.choices[20:40])
    pairs = [(one.context, one.chosen, one.rejected) for one in history.choices[40:]]
    one_by_one, at_once = (TraitsModel.from_profile(one).compare_many(pairs) for one in (step, together))
    assert np.abs(one_by_one - at_once).max() < 0.03


def test_ties_are_kept_and_teach_nothing() -> None:
    from dataclasses import replace

    before = fitted(PEOPLE[0], 20)
    online = learned_more(before, [replace(PEOPLE[0].choices[30], tie=True)])
    assert len(online.history) == 21
    np.testing.assert_allclose(
        TraitsModel.from_profile(online).departure, TraitsModel.from_profile(before).departure, rtol=0, atol=1e-12
    )


def test_only_the_new_choices_are_read_however_long_the_history_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    choices = [replace(one, user="long", id=f"{n}-{one.id}") for n, h in enumerate(PEOPLE) for one in h]
    profile = learned_more(fitted(PEOPLE[0], 20), choices)
    assert len(profile.history) > 400
    read: list[int] = []
    evidence = TraitsModel.evidence

    def counted(model: TraitsModel, choices: Sequence[Preference]) -> Evidence:
        read.append(len(choices))
        return evidence(model, choices)

    monkeypatch.setattr(TraitsModel, "evidence", counted)
    learned_more(profile, PEOPLE[1].choices[:1])
    assert read == [1]


def test_a_claim_taken_back_has_no_effect_of_the_persons_own() -> None:
    found = 0
    for history in PEOPLE:
        profile = fitted(history, 80)
        for claim in profile.persona.claims if profile.persona is not None else ():
            found += 1
            corrected = without_claims(profile, [claim])
            before, after = TraitsModel.from_profile(profile), TraitsModel.from_profile(corrected)
            cited = [one for one in profile.history if one.id in (*claim.supporting, *claim.opposing)]
            signs = np.array([1.0 if one.id in claim.supporting else -1.0 for one in cited])
            direction = (before.evidence(cited).t * signs[:, None]).mean(axis=0)
            assert abs(direction @ before.departure) > 1e-3
            assert abs(direction @ after.departure) < 1e-6
            assert direction @ after.covariance @ direction < 1e-6
            assert np.linalg.eigvalsh(after.covariance).min() > 0
    assert found >= 2
