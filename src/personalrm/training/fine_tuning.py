"""The Bradley–Terry reward model fine-tuned into a folder.

job = prepared(settings, data, validation)           # finds the backbone
outcome = job.train(out, marks, tell)

Where nobody is given to validate on, one of six people is held back to stop the training and to fit the temperature.
A person's prompt is made of their other choices (`reward_model.rows`); where it holds a profile, its prior is learned
from the people trained on and stays in the folder, so that a profile is later made as it was in training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

import orjson

from personalrm.data.splits import folds_by_person
from personalrm.errors import DataError
from personalrm.files import replace_file, stored
from personalrm.models.reward_model import RewardModel, RewardSettings, Row, train, training_rows, traits_profiles
from personalrm.models.reward_model.backbones import Backbone, identify
from personalrm.models.reward_model.card import write_card
from personalrm.models.reward_model.checkpoints import FREE
from personalrm.models.reward_model.losses import temperature
from personalrm.models.reward_model.record import FILE, Metric, Record
from personalrm.models.reward_model.settings import Progress
from personalrm.models.reward_model.training import CURVE
from personalrm.models.reward_model.user_prompts import needs_profile
from personalrm.models.trained import PRIOR, Kind
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.fit import sigmoid
from personalrm.preferences import History
from personalrm.training.figures import Figure, Floats, Predicted
from personalrm.training.folder import Marks, RunMark
from personalrm.training.order import BRADLEY_TERRY
from personalrm.training.outcome import Curve, Cut, Eta, EvalPoint, Outcome, Tell, measured
from personalrm.training.people import TrainingData, check_enough, decided

STOPPING = 6
"""Of so many people one stops the training; and so many are needed."""
People = tuple[History, ...]


@dataclass(frozen=True)
class FineTuning:
    """A `Job`; see the module's docstring. ``people`` and ``held`` share nobody."""

    settings: RewardSettings
    backbone: Backbone
    people: People
    held: People
    how: str
    kind: ClassVar[Kind] = "bradley-terry"
    computes: ClassVar[bool] = True

    @property
    def label(self) -> str:
        kind = self.settings.user_prompt
        return BRADLEY_TERRY if kind == "none" else f"{BRADLEY_TERRY}:{kind}"

    @property
    def sees(self) -> str:
        return self.backbone.known_as

    def marks(self) -> Marks:
        settings = {name: RunMark.of(one) for name, one in asdict(self.settings).items() if name not in FREE}
        backbone = RunMark(f"{self.backbone.config}/{self.backbone.tokenizer}", self.backbone.known_as)
        return {**settings, "backbone": backbone}

    def train(self, out: Path, marks: Marks, tell: Tell) -> Outcome:
        tell("writing what is told of each person")
        rows, held = self._rows(out)
        if not (out / FILE).exists():  # killed after that, only what follows is left to do
            tell("reading the backbone")
            train(rows, held, self.settings, out, _telling(tell), resume=True)
        tell("predicting the people of validation")
        record = Record.read(out)
        cut = [one.truncated for one in (record.training, record.validation)]
        return Outcome(
            self._predicted(held, out),
            (_curve(out, record.steps),),
            "step",
            Cut("inputs", sum(one.count for one in cut), sum(one.of for one in cut)),
            len(self.people),
            decided(self.people),
            self.how,
        )

    def _rows(self, out: Path) -> tuple[list[Row], list[Row]]:
        kind, seed, most = self.settings.user_prompt, self.settings.seed, self.settings.prompt_characters
        profiles = traits_profiles(self.people, seed) if needs_profile(kind) else None
        if profiles is not None:
            prior = TraitsModel.from_population(self.people, seed=seed).prior
            with stored(out):
                replace_file(out / PRIOR, [orjson.dumps(prior.as_json())])
        rows, held = (training_rows(one, kind, profiles, seed, most) for one in (self.people, self.held))
        return rows, held

    def _predicted(self, rows: Sequence[Row], out: Path) -> Predicted:
        model = RewardModel.load(out, self.settings.device)
        told = sigmoid(_gaps(model, rows, [one.system for one in rows]) / model.record.temperature)
        if self.settings.user_prompt == "none":
            return Predicted(rows, told, None)
        alone = _gaps(model, rows, [None] * len(rows))
        return Predicted(rows, told, sigmoid(alone / temperature(alone)))


def prepared(settings: RewardSettings, data: TrainingData, validation: TrainingData | None) -> FineTuning:
    """The training, with its backbone and both sides of people.

    Raises:
        NotEnoughChoices: too few people.
        DataError: there is no such backbone.
    """
    check_enough(data, STOPPING, BRADLEY_TERRY)
    names = (data.name,) if validation is None else (data.name, validation.name)
    backbone, settings = identify(settings.backbone), replace(settings, data=names)
    if validation is not None:
        how = f"the people of {validation.name}, who stopped the training"
        return FineTuning(settings, backbone, data.people, validation.people, how)
    part = folds_by_person((one.user for one in data.people), STOPPING, settings.seed)
    people, held = (tuple(one for one in data.people if (part[one.user] == 0) is side) for side in (False, True))
    how = f"one of {STOPPING} people, who were not learned from and stopped the training"
    return FineTuning(settings, backbone, people, held, how)


def add_to_card(out: Path, found: Sequence[Figure]) -> None:
    """Figures with their intervals into the model card, in place of those that training wrote.

    They are of the model as it is used, which cuts each response by itself; training cuts a pair alike (PRISM at 128
    tokens, half of the pairs cut: 0.591 against 0.603).
    """
    rows = []
    for at, one in enumerate(found):
        of = f"{one.name}: " if at else "validation "
        rows.append(Metric(f"{of}accuracy", one.accuracy, one.low, one.high, one.people, one.pairs))
        if one.log_loss is not None:
            rows.append(Metric(f"{of}log loss", one.log_loss, people=one.people, pairs=one.pairs))
    with stored(out):
        write_card(out, rows)


def _gaps(model: RewardModel, rows: Sequence[Row], told: Sequence[str | None]) -> Floats:
    """Rewards of the chosen minus those of the rejected responses (n,), where ``told`` stands before them."""
    items = [
        (system, one.context, text)
        for one, system in zip(rows, told, strict=True)
        for text in (one.chosen, one.rejected)
    ]
    found = model.rewards(items)
    return found[0::2] - found[1::2]


def _telling(tell: Tell) -> Callable[[Progress], None]:
    left = Eta()

    def told(now: Progress) -> None:
        known = measured(now.loss, now.validation_loss)
        tell(f"step {now.step:,} of {now.steps:,}{known}{left(now.step / now.steps)}")

    return told


def _curve(out: Path, kept: int) -> Curve:
    try:
        found = orjson.loads((out / CURVE).read_bytes())
        looks = tuple(EvalPoint(one["step"], one["loss"], one["validation_loss"]) for one in found)
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise DataError(f"{out / CURVE} cannot be read ({error}): train into another folder") from None
    return Curve(looks, kept)
