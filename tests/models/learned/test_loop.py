"""Training of one member: reproducible, best epoch kept, resumable with the same weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from vector_people import FORMS, WIDTH, Invented, lore_people, same_weights, trained

from personalrm.errors import TrainingFailed
from personalrm.models.learned import loop
from personalrm.models.learned.checkpoint import State
from personalrm.models.learned.loop import EpochMetrics, Member, train_member
from personalrm.models.learned.settings import Settings
from personalrm.models.learned.training import method_of

SHORT: dict[str, Any] = {"epochs": 4, "batch_people": 8}


@pytest.fixture(scope="module")
def vector_people() -> list[Invented]:
    return lore_people(25, np.random.default_rng(7))


class InMemory:
    """Keeps every pass, whole."""

    def __init__(self) -> None:
        self.passes: list[State] = []

    def finished(self, member: int) -> State | None:
        return None

    def unfinished(self, member: int) -> State | None:
        return self.passes[-1] if self.passes else None

    def keep(self, member: int, state: Any) -> None:
        self.passes.append(torch.load(_bytes(state()), weights_only=True))

    def finish(self, member: int, state: State) -> None:
        pass


def _bytes(state: State) -> Any:
    from io import BytesIO

    buffer = BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return buffer


TRIED = [pytest.param(*one, marks=[pytest.mark.slow] if one[1] and one[0] != "pref" else []) for one in FORMS]
"""Of the published variants, one is always tried."""


@pytest.mark.parametrize(("name", "published"), TRIED)
def test_a_seed_gives_the_same_member_and_another_one_does_not(
    name: str, published: bool, vector_people: list[Invented]
) -> None:
    given, some = {**SHORT, "published": published, "epochs": 2}, vector_people[:15]
    first, curve = trained(name, some, **given)
    again, same_curve = trained(name, some, **given)
    other, _ = trained(name, some, **given, seed=1)
    assert same_weights(first, again)
    assert curve == same_curve
    assert not same_weights(first, other)


@pytest.mark.parametrize(("name", "published"), TRIED)
def test_a_run_resumed_after_any_epoch_ends_with_the_same_weights(
    name: str, published: bool, vector_people: list[Invented]
) -> None:
    given, some = {**SHORT, "published": published, "epochs": 3}, vector_people[:15]
    whole, curve = trained(name, some, **given)
    for last in range(1, len(curve)):
        checkpoints = InMemory()

        def interrupt(member: int, point: EpochMetrics, last: int = last) -> None:
            if point.epoch == last:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            trained(name, some, checkpoints=checkpoints, on_epoch=interrupt, **given)
        assert len(checkpoints.passes) == last
        resumed, same_curve = trained(name, some, checkpoints=checkpoints, **given)
        assert same_weights(whole, resumed)
        assert curve == same_curve


def test_the_callback_gets_each_epoch_once(vector_people: list[Invented]) -> None:
    told: list[tuple[int, EpochMetrics]] = []
    _, curve = trained("pref", vector_people, on_epoch=lambda member, point: told.append((member, point)), **SHORT)
    assert told == [(0, point) for point in curve]
    assert [point.epoch for point in curve] == list(range(len(curve)))


def test_the_best_epoch_is_kept_and_patience_stops_training(vector_people: list[Invented]) -> None:
    given = {"learning_rate": 0.3, "batch_people": 8, "patience": 3}
    method, curve = trained("pref", vector_people, epochs=40, **given)
    best = min(range(len(curve)), key=lambda at: curve[at].validation_loss)
    assert 3 <= len(curve) - 1 - best <= 4
    assert len(curve) < 40
    upto, _ = trained("pref", vector_people, epochs=best + 1, **given)
    assert same_weights(method, upto)


def test_training_lowers_the_loss(vector_people: list[Invented]) -> None:
    _, curve = trained("pref", vector_people, epochs=20)
    assert min(point.validation_loss for point in curve) < 0.9 * math.log(2)
    assert curve[-1].loss < curve[0].loss
    assert max(point.validation_accuracy for point in curve) > 0.65


@pytest.mark.parametrize("name", ["gpo", "vpl", "pref"])
def test_a_nan_loss_names_the_epoch_and_the_learning_rate(name: str, vector_people: list[Invented]) -> None:
    checkpoints = InMemory()

    def spoil(member: int, point: EpochMetrics) -> None:
        if point.epoch == 1:
            people_choices[5].chosen[:] = np.inf

    people_choices = [
        type(one.choices)(one.choices.user, one.choices.chosen.copy(), one.choices.rejected, one.choices.group)
        for one in vector_people
    ]
    settings = Settings(name, **SHORT)  # type: ignore[arg-type]
    method = method_of(settings, torch.zeros(WIDTH), 20, 0)
    rate = loop._LEARNING_RATES[name]
    with pytest.raises(TrainingFailed, match=rf"loss of {name} .* epoch 3 of member 1: .*below {rate:g};"):
        train_member(method, Member(0, people_choices[5:], people_choices[:5]), settings, checkpoints, spoil)
    assert len(checkpoints.passes) == 2
    assert all(one.isfinite().all() for one in checkpoints.passes[-1]["method"].values())


def test_a_nan_validation_loss_stops_training(vector_people: list[Invented]) -> None:
    choices = [one.choices for one in vector_people]
    bad = type(choices[0])("bad", np.full_like(choices[0].chosen, np.nan), choices[0].rejected, choices[0].group)
    settings = Settings("lore", **SHORT)
    method = method_of(settings, torch.zeros(WIDTH), 24, 0)
    with pytest.raises(TrainingFailed, match="epoch 1 "):
        train_member(method, Member(0, choices[1:], [bad]), settings, InMemory(), lambda member, point: None)


def test_a_huge_learning_rate_fails_or_keeps_the_best_epoch(vector_people: list[Invented]) -> None:
    try:
        method, curve = trained("gpo", vector_people, learning_rate=9.9, epochs=3)
    except TrainingFailed:
        return
    assert all(one.isfinite().all() for one in method.state_dict().values())
    assert all(math.isfinite(point.validation_loss) for point in curve)


def test_validation_is_the_same_however_it_is_split_into_batches(
    vector_people: list[Invented], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole = trained("lore", vector_people, epochs=2)
    monkeypatch.setattr(loop, "_AT_ONCE", 3)
    _, split = trained("lore", vector_people, epochs=2)
    for one, other in zip(whole, split, strict=True):
        assert one.validation_loss == pytest.approx(other.validation_loss, abs=1e-4)
        assert one.validation_accuracy == other.validation_accuracy
