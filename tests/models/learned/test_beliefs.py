"""Properties of every method's posterior: per user, from known choices only, independent of their order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from vector_people import FORMS, WIDTH, Invented, few_tastes, trained

from personalrm.models.learned.ensemble import predict_margins
from personalrm.models.learned.method import Method
from personalrm.models.learned.people import Batch, Choices, Episode, collate

KNOWN = 20


@pytest.fixture(scope="module")
def vector_people() -> list[Invented]:
    directions = 3.0 * np.eye(1, WIDTH)
    return few_tastes(70, np.random.default_rng(3), np.concatenate([directions, -directions]))


def _form(name: str, published: bool) -> Any:
    """Of the published variants, one is always tried: each is trained for a second."""
    marks = [pytest.mark.slow] if published and name != "pref" else []
    return pytest.param((name, published), marks=marks, id=f"{name}{':published' if published else ''}")


@pytest.fixture(scope="module", params=[_form(*one) for one in FORMS])
def member(request: pytest.FixtureRequest, vector_people: list[Invented]) -> Method:
    name, published = request.param
    return trained(name, vector_people[10:], published=published, epochs=60 if published else 14, learning_rate=1e-2)[0]


def met(choices: Choices) -> Episode:
    """The first choices are known, the others asked."""
    known = np.arange(len(choices)) < KNOWN
    return Episode(choices, known, ~known)


def believed(member: Method, batch: Batch) -> tuple[Tensor, Tensor]:
    """Margins and their variance, of all choices."""
    with torch.no_grad():
        posterior = member.infer(batch)
        return member.margins(posterior.mean, batch), member.margin_variance(posterior, batch)


@pytest.fixture
def new(vector_people: list[Invented]) -> Batch:
    return collate([met(one.choices) for one in vector_people[:10]])


def test_a_user_is_independent_of_the_rest_of_the_batch(member: Method, vector_people: list[Invented]) -> None:
    """Whatever the others say and however long they are."""
    ada = vector_people[0].choices
    short = Choices("ada", *(one[:23] for one in (ada.chosen, ada.rejected, ada.group)))
    among = collate([met(vector_people[5].choices), met(short), met(vector_people[6].choices)])
    for alone, others in zip(believed(member, collate([met(short)])), believed(member, among), strict=True):
        assert torch.allclose(alone[0], others[1, :23], atol=1e-3)


def test_the_order_of_known_choices_has_no_effect(member: Method, new: Batch) -> None:
    order = torch.cat([torch.randperm(KNOWN, generator=torch.Generator().manual_seed(0)), torch.arange(KNOWN, 30)])
    turned = Batch(*(one[:, order] for one in (new.chosen, new.rejected, new.known, new.target)), new.person)
    for plain, moved in zip(believed(member, new), believed(member, turned), strict=True):
        assert torch.allclose(plain[:, KNOWN:], moved[:, KNOWN:], atol=1e-3)


def test_target_labels_are_not_used(member: Method, new: Batch) -> None:
    """Labels of the asked choices change nothing but the sign of their own margins."""
    swapped = replace(
        new,
        chosen=torch.where(new.target[..., None], new.rejected, new.chosen),
        rejected=torch.where(new.target[..., None], new.chosen, new.rejected),
    )
    plain, turned = believed(member, new), believed(member, swapped)
    assert torch.allclose(plain[0][:, KNOWN:], -turned[0][:, KNOWN:], atol=1e-4)
    assert torch.allclose(plain[1][:, KNOWN:], turned[1][:, KNOWN:], atol=1e-3)


def test_equal_responses_have_margin_zero(member: Method, new: Batch) -> None:
    equal = replace(new, rejected=torch.where(new.target[..., None], new.chosen, new.rejected))
    margins, variance = believed(member, equal)
    assert (margins[:, KNOWN:] == 0.0).all()
    assert torch.allclose(variance[:, KNOWN:], torch.zeros(1), atol=1e-6)


def test_without_known_choices_the_personal_part_is_zero(member: Method, new: Batch) -> None:
    parts = predict_margins([member], new.without_known())
    assert not parts.personal.any()
    mean = member.infer(new.without_known()).mean
    assert (mean == mean[:1]).all()


def test_opposite_choices_reverse_the_prediction(member: Method, new: Batch) -> None:
    """Half of the people like what the other half dislike; of the asked choices one in ten is noise."""
    flipped = replace(
        new,
        chosen=torch.where(new.known[..., None], new.rejected, new.chosen),
        rejected=torch.where(new.known[..., None], new.chosen, new.rejected),
    )
    own, opposite = (believed(member, one)[0][:, KNOWN:].flatten().numpy() for one in (new, flipped))
    assert (own > opposite).mean() > 0.8
    assert own.mean() > 0.3
    assert opposite.mean() < -0.3


def test_the_margin_factor_gives_the_margin_variance(member: Method, new: Batch) -> None:
    with torch.no_grad():
        posterior = member.infer(new)
        doubt, factor = member.margin_variance(posterior, new), member.margin_factor(posterior, new)
    assert torch.allclose(factor.square().sum(-1), doubt, rtol=1e-3, atol=1e-4)
    assert (doubt >= 0.0).all()


def test_more_known_choices_reduce_the_variance(member: Method, new: Batch) -> None:
    """GPO has no doubt of its own; the ensemble's is beside it."""
    nothing, much = believed(member, new.without_known())[1], believed(member, new)[1]
    assert much[:, KNOWN:].mean() <= nothing[:, KNOWN:].mean()


def test_disagreement_of_members_adds_variance(vector_people: list[Invented], new: Batch) -> None:
    members = [trained("gpo", vector_people[10:], seed=seed, epochs=2)[0] for seed in (0, 1)]
    assert not predict_margins(members[:1], new).variance.any()
    both = predict_margins(members, new)
    one, other = (predict_margins([each], new) for each in members)
    assert np.allclose(both.personal, (one.personal + other.personal) / 2.0, atol=1e-6)
    assert np.allclose(both.variance, ((one.personal - other.personal) / 2.0) ** 2, atol=1e-6)
