"""From many people's choices to a model that predicts anybody: reading, footing, members, calibration.

    model = train(read_people("prism.jsonl.gz"), Settings("lore"), tell=print)

People are dealt into folds. Each member learns from all folds but one and stops early by the people of that one; what
the members say of those people, whom they have not seen, calibrates the ensemble.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from personalrm.errors import DataError, NotEnoughChoices
from personalrm.models.encoders import Encoder, encoder_named
from personalrm.models.learned import gpo, lore, pal, pref, vpl
from personalrm.models.learned.calibrating import calibrated
from personalrm.models.learned.checkpoint import CheckpointStore, NullStore
from personalrm.models.learned.ensemble import Array, MarginParts, predict_margins
from personalrm.models.learned.features import encoder_part, learn_features
from personalrm.models.learned.loop import Member, Point, Tell, train_member
from personalrm.models.learned.method import Method
from personalrm.models.learned.model import Curve, LearnedModel, TrainingSummary, choices_of
from personalrm.models.learned.people import Choices, Rows, dealt, side_by_side
from personalrm.models.learned.settings import Settings
from personalrm.models.learned.shared_reward import SharedReward, learn_footing
from personalrm.preferences import History, Preference
from personalrm.profile.provenance import Lineage

FEWEST_PEOPLE = 10
FOLDS = 5
_PARTS = 8  # parts that groups are dealt into for calibration: nearly all of a person is known
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Validated:
    """Choices of people whom the members that predict them have not learned from; two numbers of trust alone have.

    Attributes:
        choices: what was predicted (n of them), each group from nearly all others of its person.
        margins: calibrated log-odds of the chosen response (n,).
        everybody: the same without what is known of the person (n,).
    """

    choices: tuple[Preference, ...]
    margins: Array
    everybody: Array


def train(
    people: Iterable[History],
    settings: Settings,
    *,
    validation: Iterable[History] | None = None,
    encoder: Encoder | None = None,
    keeper: CheckpointStore | None = None,
    tell: Tell = lambda member, point: None,
) -> LearnedModel:
    """Train a method.

    Args:
        people: the population; ties are left out.
        settings: which method, and how.
        validation: people who stop the training and calibrate it, instead of one fold of the population a member.
        encoder: what the settings' features name; None makes it.
        keeper: where what is reached is kept.
        tell: told after each pass.

    Raises:
        NotEnoughChoices: fewer than 10 people with decided choices, or nobody to validate on.
        DataError: somebody is both among the people and the validation people.
        TrainingFailed: the loss is no number any more.
    """
    return train_validated(people, settings, validation=validation, encoder=encoder, keeper=keeper, tell=tell)[0]


def train_validated(
    people: Iterable[History],
    settings: Settings,
    *,
    validation: Iterable[History] | None = None,
    encoder: Encoder | None = None,
    keeper: CheckpointStore | None = None,
    tell: Tell = lambda member, point: None,
) -> tuple[LearnedModel, Validated]:
    """As `train`, and what is predicted of people who were not learned from."""
    population, held = _decided(people), _decided(validation or ())
    _check(population, held, validation is not None)
    part = encoder_part(settings.features)
    if part is not None and encoder is None:
        encoder = encoder_named(part)
    features = learn_features(settings.features, population, encoder)
    choices = [choices_of(one, features) for one in population]
    fold = np.random.default_rng(settings.seed).permutation(len(choices)) % min(FOLDS, len(choices))
    footing, readied = learn_footing(choices, features, fold, published=settings.published)
    held_out = [_readied(choices_of(one, features), footing) for one in held]
    members, curves, heard = _members(readied, held_out, fold, footing, settings, keeper or NullStore(), tell)
    trust = calibrated(*heard)
    said = Validated(
        tuple(_asked(held, held_out) if held else _asked_by_fold(population, readied, fold, len(members))),
        trust.margins(*heard),
        trust.everybody * heard.everybody,
    )
    facts = _facts(population, 0 if encoder is None else encoder.truncated, said, tuple(curves))
    return LearnedModel(settings, footing, tuple(members), trust, facts), said


def method_of(settings: Settings, base: torch.Tensor, people: int, member: int) -> Method:
    """An untrained member; its first weights hang on the seed and its number alone."""
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
    readied: Sequence[Choices],
    held: Sequence[Choices],
    fold: Rows,
    footing: SharedReward,
    settings: Settings,
    keeper: CheckpointStore,
    tell: Tell,
) -> tuple[list[Method], list[Curve], MarginParts]:
    """The trained members, their curves, and what they say of people they have not seen."""
    base = torch.from_numpy(footing.base)
    count = settings.members if held else min(settings.members, int(fold.max()) + 1)
    members, curves, heard = [], [], []
    for number in range(count):
        training = [one for one, part in zip(readied, fold, strict=True) if held or part != number]
        stopping = held or [one for one, part in zip(readied, fold, strict=True) if part == number]
        method = method_of(settings, base, len(training), number)
        curves.append(_trained(method, Member(number, training, stopping), settings, keeper, tell))
        members.append(method)
        if not held:
            heard.append(_heard([method], stopping))
    if held:
        heard.append(_heard(members, held))
    return members, curves, MarginParts(*(np.concatenate(parts) for parts in zip(*heard, strict=True)))


def _trained(method: Method, member: Member, settings: Settings, keeper: CheckpointStore, tell: Tell) -> Curve:
    """Train a member, or take it as it was kept."""
    if (kept := keeper.finished(member.number)) is not None:
        method.load_state_dict(kept["method"])
        method.eval()
        return tuple(Point(**one) for one in kept["curve"])
    curve = train_member(method, member, settings, keeper, tell)
    keeper.finish(member.number, {"method": method.state_dict(), "curve": [asdict(one) for one in curve]})
    return tuple(curve)


def _heard(members: Sequence[Method], people: Sequence[Choices]) -> MarginParts:
    """Each group of these people from nearly all their others; a row of choices."""
    episodes = [one for each in people for one in dealt(each, _PARTS)]
    found = []
    for at in range(0, len(episodes), _AT_ONCE):
        batch = side_by_side(episodes[at : at + _AT_ONCE])
        found.append(predict_margins(members, batch).of(batch.asked.numpy()))
    return MarginParts(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _asked(people: Sequence[History], choices: Sequence[Choices]) -> list[Preference]:
    """The choices of these people in the order in which `_heard` hears them."""
    return [
        one.decided[at]
        for one, each in zip(people, choices, strict=True)
        for episode in dealt(each, _PARTS)
        for at in np.flatnonzero(episode.asked)
    ]


def _asked_by_fold(people: Sequence[History], choices: Sequence[Choices], fold: Rows, members: int) -> list[Preference]:
    """The same of the people of each member's own fold, member by member."""
    places = [at for number in range(members) for at in np.flatnonzero(fold == number).tolist()]
    return _asked([people[at] for at in places], [choices[at] for at in places])


def _facts(people: Sequence[History], truncated: int, said: Validated, curves: tuple[Curve, ...]) -> TrainingSummary:
    return TrainingSummary(
        people=Lineage.of(one.user for one in people),
        choices=sum(len(one.decided) for one in people),
        truncated=truncated,
        validation_people=len({one.user for one in said.choices}),
        validation_log_loss=float(np.logaddexp(0.0, -said.margins).mean()),
        validation_accuracy=float((said.margins > 0).mean()),
        everybody_log_loss=float(np.logaddexp(0.0, -said.everybody).mean()),
        curves=curves,
    )


def _readied(choices: Choices, footing: SharedReward) -> Choices:
    return Choices(choices.user, footing.ready(choices.chosen), footing.ready(choices.rejected), choices.group)


def _decided(people: Iterable[History]) -> list[History]:
    return [one for one in people if one.decided]


def _check(population: Sequence[History], held: Sequence[History], wanted: bool) -> None:
    if len(population) < FEWEST_PEOPLE:
        raise NotEnoughChoices(
            f"training needs at least {FEWEST_PEOPLE} people with a decided choice, found {len(population)}"
        )
    if wanted and not held:
        raise NotEnoughChoices("nobody to validate on: the validation people hold no decided choice")
    both = sorted({one.user for one in population} & {one.user for one in held})
    if both:
        raise DataError(
            f"'{both[0]}'{f' and {len(both) - 1} more' if len(both) > 1 else ''} stand both among the people trained "
            "on and among those of validation: a person must be on one side"
        )
