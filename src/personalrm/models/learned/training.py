"""From a population's choices to a `LearnedModel`: features, shared reward, ensemble members, calibration.

    model = train(read_people("prism.jsonl.gz"), Settings("lore"))

People are split into folds. Each member trains on all folds but one and stops early on that one; the members'
predictions of their own held-out fold calibrate the ensemble.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from personalrm.data.shares import shares
from personalrm.errors import DataError, NotEnoughChoices
from personalrm.models.encoders import Encoder, encoder_named
from personalrm.models.learned import gpo, lore, pal, pref, vpl
from personalrm.models.learned.calibrating import fit_calibrator
from personalrm.models.learned.checkpoint import CheckpointStore, NullStore
from personalrm.models.learned.ensemble import Array, MarginParts, predict_margins
from personalrm.models.learned.features import encoder_part, learn_features
from personalrm.models.learned.loop import EpochCallback, EpochMetrics, Member, train_member
from personalrm.models.learned.method import Method
from personalrm.models.learned.model import Curve, LearnedModel, TrainingSummary, choices_of
from personalrm.models.learned.people import Choices, Rows, collate, group_folds
from personalrm.models.learned.settings import Settings
from personalrm.models.learned.shared_reward import SharedReward, learn_shared_reward
from personalrm.models.traits.fit import text_folds
from personalrm.models.traits.learning import person_and_group
from personalrm.preferences import History, Preference
from personalrm.profile.provenance import Lineage
from personalrm.renamed import renamed, renamed_arguments

FEWEST_PEOPLE = 10
FOLDS = 5
_PARTS = 8  # folds of a user's groups in calibration: nearly all of their choices are known
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class HeldOutPredictions:
    """Predictions of held-out people: the members did not train on them; only the two calibration scales did.

    Attributes:
        choices: the predicted choices (n of them), each group predicted from nearly all others of its user.
        margins: calibrated log-odds of the chosen response (n,).
        population: the same of the population-level reward (n,).
    """

    choices: tuple[Preference, ...]
    margins: Array
    population: Array


@renamed_arguments(keeper="checkpoints", tell="on_epoch")
def train(
    people: Iterable[History],
    settings: Settings,
    *,
    validation: Iterable[History] | None = None,
    encoder: Encoder | None = None,
    checkpoints: CheckpointStore | None = None,
    on_epoch: EpochCallback = lambda member, point: None,
) -> LearnedModel:
    """Train a method.

    Args:
        people: the population; ties are ignored.
        settings: method and hyper-parameters.
        validation: people for early stopping and calibration, instead of one fold of the population for each member.
        encoder: that of the settings' features; None loads it.
        checkpoints: where the state of the training is stored.
        on_epoch: called after each epoch.

    Raises:
        NotEnoughChoices: fewer than 10 people with decided choices, or no validation people.
        DataError: a person is both in the population and in the validation set.
        TrainingFailed: the loss became NaN or infinite.
    """
    return train_validated(
        people, settings, validation=validation, encoder=encoder, checkpoints=checkpoints, on_epoch=on_epoch
    )[0]


@renamed_arguments(keeper="checkpoints", tell="on_epoch")
def train_validated(
    people: Iterable[History],
    settings: Settings,
    *,
    validation: Iterable[History] | None = None,
    encoder: Encoder | None = None,
    checkpoints: CheckpointStore | None = None,
    on_epoch: EpochCallback = lambda member, point: None,
) -> tuple[LearnedModel, HeldOutPredictions]:
    """As `train`, and the predictions of held-out people."""
    population, held = _decided(people), _decided(validation or ())
    _check(population, held, validation is not None)
    part = encoder_part(settings.features)
    if part is not None and encoder is None:
        encoder = encoder_named(part)
    features = learn_features(settings.features, population, encoder)
    choices = [choices_of(one, features) for one in population]
    fold = np.random.default_rng(settings.seed).permutation(len(choices)) % min(FOLDS, len(choices))
    texts = text_folds(*person_and_group(population)) if settings.new_texts else None
    shared_reward, inputs = learn_shared_reward(choices, features, fold, texts, published=settings.published)
    held_out = [_as_inputs(choices_of(one, features), shared_reward) for one in held]
    members, curves, parts = _members(
        inputs, held_out, fold, shared_reward, settings, checkpoints or NullStore(), on_epoch
    )
    predicted = _predicted_choices(held, held_out) if held else _choices_by_fold(population, inputs, fold, len(members))
    calibrator = fit_calibrator(*parts, weight=np.array(shares(predicted)))
    predictions = HeldOutPredictions(
        tuple(predicted),
        calibrator.margins(*parts),
        calibrator.population * parts.population,
    )
    summary = _summary(population, 0 if encoder is None else encoder.truncated, predictions, tuple(curves))
    return LearnedModel(settings, shared_reward, tuple(members), calibrator, summary), predictions


def method_of(settings: Settings, base: torch.Tensor, people: int, member: int) -> Method:
    """An untrained member; its initial weights depend only on the seed and its number."""
    published = settings.published
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1000 * settings.seed + member)
        match settings.method:
            case "gpo":
                return gpo.GPO(base, people, gpo.Settings())
            case "vpl":
                return vpl.VPL(base, people, vpl.Settings())
            case "pal":
                return pal.PAL(base, people, pal.Settings(published=published))
            case "lore":
                return lore.LoRe(base, people, lore.Settings(published=published))
            case "pref":
                return pref.PReF(base, people, pref.Settings(published=published))


def _members(
    inputs: Sequence[Choices],
    held: Sequence[Choices],
    fold: Rows,
    shared_reward: SharedReward,
    settings: Settings,
    checkpoints: CheckpointStore,
    on_epoch: EpochCallback,
) -> tuple[list[Method], list[Curve], MarginParts]:
    """The trained members, their curves, and their predictions of held-out people."""
    base = torch.from_numpy(shared_reward.base)
    count = settings.members if held else min(settings.members, int(fold.max()) + 1)
    members, curves, parts = [], [], []
    for number in range(count):
        training = [one for one, part in zip(inputs, fold, strict=True) if held or part != number]
        stopping = held or [one for one, part in zip(inputs, fold, strict=True) if part == number]
        method = method_of(settings, base, len(training), number)
        curves.append(_trained(method, Member(number, training, stopping), settings, checkpoints, on_epoch))
        members.append(method)
        if not held:
            parts.append(_predict([method], stopping))
    if held:
        parts.append(_predict(members, held))
    return members, curves, MarginParts(*(np.concatenate(parts) for parts in zip(*parts, strict=True)))


def _trained(
    method: Method, member: Member, settings: Settings, checkpoints: CheckpointStore, on_epoch: EpochCallback
) -> Curve:
    """Train a member, or load it from the checkpoint."""
    if (kept := checkpoints.finished(member.number)) is not None:
        method.load_state_dict(kept["method"])
        method.eval()
        return tuple(EpochMetrics(**one) for one in kept["curve"])
    curve = train_member(method, member, settings, checkpoints, on_epoch)
    checkpoints.finish(member.number, {"method": method.state_dict(), "curve": [asdict(one) for one in curve]})
    return tuple(curve)


def _predict(members: Sequence[Method], people: Sequence[Choices]) -> MarginParts:
    """Predict each group of these users from nearly all their others; flattened over choices."""
    episodes = [one for each in people for one in group_folds(each, _PARTS)]
    found = []
    for at in range(0, len(episodes), _AT_ONCE):
        batch = collate(episodes[at : at + _AT_ONCE])
        found.append(predict_margins(members, batch).of(batch.target.numpy()))
    return MarginParts(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _predicted_choices(people: Sequence[History], choices: Sequence[Choices]) -> list[Preference]:
    """The choices of these users, in the order in which `_predict` predicts them."""
    return [
        one.decided[at]
        for one, each in zip(people, choices, strict=True)
        for episode in group_folds(each, _PARTS)
        for at in np.flatnonzero(episode.target)
    ]


def _choices_by_fold(
    people: Sequence[History], choices: Sequence[Choices], fold: Rows, members: int
) -> list[Preference]:
    """The same for each member's own fold, member by member."""
    places = [at for number in range(members) for at in np.flatnonzero(fold == number).tolist()]
    return _predicted_choices([people[at] for at in places], [choices[at] for at in places])


def _summary(
    people: Sequence[History], truncated: int, held_out: HeldOutPredictions, curves: tuple[Curve, ...]
) -> TrainingSummary:
    counted = shares(held_out.choices)

    def mean(values: NDArray[Any]) -> float:
        return float(np.average(values, weights=counted))

    return TrainingSummary(
        people=Lineage.of(one.user for one in people),
        choices=sum(len(one.decided) for one in people),
        truncated=truncated,
        validation_people=len({one.user for one in held_out.choices}),
        validation_log_loss=mean(np.logaddexp(0.0, -held_out.margins)),
        validation_accuracy=mean(held_out.margins > 0),
        population_log_loss=mean(np.logaddexp(0.0, -held_out.population)),
        curves=curves,
    )


def _as_inputs(choices: Choices, shared_reward: SharedReward) -> Choices:
    transform = shared_reward.transform
    return replace(choices, chosen=transform(choices.chosen), rejected=transform(choices.rejected))


def _decided(people: Iterable[History]) -> list[History]:
    return [one for one in people if one.decided]


def _check(population: Sequence[History], held: Sequence[History], separate: bool) -> None:
    if len(population) < FEWEST_PEOPLE:
        raise NotEnoughChoices(
            f"training needs at least {FEWEST_PEOPLE} people with a decided choice, found {len(population)}"
        )
    if separate and not held:
        raise NotEnoughChoices("the validation people have no decided choice")
    both = sorted({one.user for one in population} & {one.user for one in held})
    if both:
        raise DataError(
            f"'{both[0]}'{f' and {len(both) - 1} more' if len(both) > 1 else ''} are both in the training "
            "and in the validation people: a person must be in one of them"
        )


__getattr__ = renamed(__name__, {"Validated": "HeldOutPredictions"})
