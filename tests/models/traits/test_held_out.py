"""Many splits of one person at once give what one fit after the other gives. People are simulated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from personalrm.bench.protocols import tasks
from personalrm.data.simulated import simulate_people
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.gain import PUBLIC, GainPrior
from personalrm.models.traits.held_out import Part, predict_parts
from personalrm.preferences import History

PERSON = simulate_people(1, choices=14, seed=5, groups=2, prompt_tokens=10, response_tokens=30)[0]
DOUBTFUL = GainPrior(tuple(replace(one, mean=-0.02, slope=0.9) for one in PUBLIC.at))
"""Own weights are used only where they gained on the person's own groups."""


def parts_of(person: History, protocol: str) -> list[Part]:
    found = [one for one, _ in tasks(person, protocol)]
    return [(one.history, [(each.context, each.a, each.b) for each in one.questions]) for one in found]


@pytest.mark.parametrize("protocol", ["new-people", "growing", "in-order"])
@pytest.mark.parametrize(("half_life", "gain"), [(None, PUBLIC), (6.0, PUBLIC), (None, DOUBTFUL)])
def test_parts_equal_fits(shipped: TraitsModel, protocol: str, half_life: float | None, gain: GainPrior) -> None:
    model = replace(shipped, prior=replace(shipped.prior, half_life=half_life, gain=gain))
    parts = parts_of(PERSON, protocol)
    fits = [model.fit(known) for known, _ in parts]
    for one, fitted, (_, pairs) in zip(predict_parts(model, parts), fits, parts, strict=True):
        np.testing.assert_allclose(one.probabilities, fitted.compare_many(pairs), atol=1e-6)
        assert one.distance == pytest.approx(fitted.distance, abs=1e-6)
    assert len(parts) > 1


def test_pairs_in_either_order_a_choice_made_twice_and_nothing_known(shipped: TraitsModel) -> None:
    twice = PERSON.only([*PERSON.choices[:6], replace(PERSON.choices[0], id="again"), PERSON.choices[6]])
    first = PERSON.choices[9]
    pairs = [(first.context, first.chosen, first.rejected), (first.context, first.rejected, first.chosen)]
    (one,) = predict_parts(shipped, [(twice, pairs)])
    assert one.probabilities.sum() == 1.0
    np.testing.assert_allclose(one.probabilities, shipped.fit(twice).compare_many(pairs), atol=1e-6)
    nothing, other = predict_parts(shipped, [(twice.only(()), pairs), (twice, pairs)])
    np.testing.assert_array_equal(nothing.probabilities, shipped.compare_many(pairs))
    assert nothing.distance == 0.0 < other.distance


def test_rankings_stay_whole(shipped: TraitsModel) -> None:
    pairs = PERSON.choices[:2]
    ranked = PERSON.only([*(replace(one, ranking="r", weight=0.5) for one in pairs), *PERSON.choices[2:8]])
    asked = [(PERSON.choices[9].context, PERSON.choices[9].chosen, PERSON.choices[9].rejected)]
    (one,) = predict_parts(shipped, [(ranked, asked)])
    np.testing.assert_allclose(one.probabilities, shipped.fit(ranked).compare_many(asked), atol=1e-9)
