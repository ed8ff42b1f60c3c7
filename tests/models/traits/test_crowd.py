"""Scores of many people at once are those of each alone."""

from __future__ import annotations

import numpy as np
import places

from personalrm.client import Client
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.crowd import compare_people, scores_of_people
from personalrm.preferences import History, Message


def test_scores_of_many_people_are_those_of_each() -> None:
    client = Client()
    mira = client.fit(places.MIRA)
    other = client.fit(History("other", tuple(one.flipped() for one in mira.history)))
    models = [TraitsModel.from_profile(one) for one in (mira, other, mira)] + [TraitsModel.shipped()]
    items = [((Message("user", f"Question {n}?"),), f"Answer {n}. " * (1 + n % 7)) for n in range(100)]
    found = scores_of_people(models, items)
    assert found.shape == (4, 100)
    np.testing.assert_allclose(found, [one.scores(items) for one in models], rtol=0, atol=1e-12)
    assert not np.allclose(found[0], found[1])


def test_verdicts_of_many_people_are_those_of_each_to_the_last_bit() -> None:
    client = Client()
    mira = client.fit(places.MIRA)
    other = client.fit(History("other", tuple(one.flipped() for one in mira.history)))
    people = [TraitsModel.from_profile(one) for one in (mira, other)] + [TraitsModel.shipped()]
    models = [people[n % 3] for n in range(70)]
    pairs = [((Message("user", f"Question {n}?"),), f"Answer {n}. " * (1 + n % 7), f"No, {n}!") for n in range(70)]
    assert compare_people(models, pairs) == [one.compare(*pair) for one, pair in zip(models, pairs, strict=True)]


def test_profiles_with_one_prior_share_it() -> None:
    profile = Client().fit(places.MIRA)
    assert TraitsModel.from_profile(profile).prior is TraitsModel.from_profile(profile).prior
