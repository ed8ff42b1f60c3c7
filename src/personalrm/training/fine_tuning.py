"""Fine-tuning of the Bradley–Terry reward model into a folder.

job = prepare(settings, data, validation)            # finds the backbone
outcome = job.train(out, fingerprint, report)

Without validation data one sixth of the people is held out for early stopping and to fit the temperature. A user's
prompt is made of their other choices (`reward_model.rows`); where it holds a profile, the profile's prior is learned
from the training people and saved in the folder, so that profiles are later made as in training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
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
from personalrm.regular_files import content_of
from personalrm.renamed import renamed
from personalrm.training.config import BRADLEY_TERRY
from personalrm.training.evaluation import Floats, PredictedChoices, PredictorMetrics
from personalrm.training.folder import RunFingerprint, RunValue
from personalrm.training.outcome import Curve, Eta, EvalPoint, Outcome, ProgressCallback, TruncationCount, measured
from personalrm.training.people import TrainingData, check_enough, count_decided

STOPPING = 6
"""One of this many people is held out for validation; also the minimum number of people."""
People = tuple[History, ...]


@dataclass(frozen=True)
class FineTuning:
    """A `Job`; see the module's docstring. ``people`` and ``held`` are disjoint."""

    settings: RewardSettings
    backbone: Backbone
    people: People
    held: People
    how: str
    kind: ClassVar[Kind] = "bradley-terry"
    uses_device: ClassVar[bool] = True

    @property
    def label(self) -> str:
        kind = self.settings.user_prompt
        return BRADLEY_TERRY if kind == "none" else f"{BRADLEY_TERRY}:{kind}"

    @property
    def sees(self) -> str:
        return self.backbone.known_as

    def fingerprint(self) -> RunFingerprint:
        settings = {name: RunValue.of(one) for name, one in asdict(self.settings).items() if name not in FREE}
        backbone = RunValue(f"{self.backbone.config}/{self.backbone.tokenizer}", self.backbone.known_as)
        return {**settings, "backbone": backbone}

    def train(self, out: Path, fingerprint: RunFingerprint, report: ProgressCallback) -> Outcome:
        report("writing the user prompts")
        rows, held = self._rows(out)
        if not (out / FILE).exists():  # else the training is finished, and only the evaluation is missing
            report("loading the backbone")
            train(rows, held, self.settings, out, _on_step(report), resume=True)
        report("predicting the validation people")
        record = Record.read(out)
        cut = [one.truncated for one in (record.training, record.validation)]
        return Outcome(
            self._predictions(held, out),
            (_curve(out, record.steps),),
            "step",
            TruncationCount("inputs", sum(one.count for one in cut), sum(one.of for one in cut)),
            len(self.people),
            count_decided(self.people),
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

    def _predictions(self, rows: Sequence[Row], out: Path) -> PredictedChoices:
        model = RewardModel.load(out, self.settings.device)
        probability = sigmoid(_margins(model, rows, [one.system for one in rows]) / model.record.temperature)
        weight = np.array([one.weight for one in rows])
        if self.settings.user_prompt == "none":
            return PredictedChoices(rows, probability, None, weight)
        without_user = _margins(model, rows, [None] * len(rows))
        return PredictedChoices(rows, probability, sigmoid(without_user / temperature(without_user, weight)), weight)


def prepare(settings: RewardSettings, data: TrainingData, validation: TrainingData | None) -> FineTuning:
    """The training job, with its backbone and its training and validation people.

    Raises:
        NotEnoughChoices: too few people.
        DataError: unknown backbone.
    """
    check_enough(data, STOPPING, BRADLEY_TERRY)
    names = (data.name,) if validation is None else (data.name, validation.name)
    backbone, settings = identify(settings.backbone), replace(settings, data=names)
    if validation is not None:
        how = f"the people of {validation.name}, used for early stopping"
        return FineTuning(settings, backbone, data.people, validation.people, how)
    part = folds_by_person((one.user for one in data.people), STOPPING, settings.seed)
    people, held = (tuple(one for one in data.people if (part[one.user] == 0) is side) for side in (False, True))
    how = f"one in {STOPPING} people, held out and used for early stopping"
    return FineTuning(settings, backbone, people, held, how)


def add_to_card(out: Path, found: Sequence[PredictorMetrics]) -> None:
    """Add metrics with intervals to the model card, in place of those that training wrote.

    They are of the model in use, which truncates each response separately; training truncates both responses of a pair
    alike (accuracy on PRISM at 128 tokens, half of the pairs truncated: 0.591 and 0.603).
    """
    rows = []
    for at, one in enumerate(found):
        of = f"{one.name}: " if at else "validation "
        rows.append(Metric(f"{of}accuracy", one.accuracy, one.low, one.high, one.people, one.pairs))
        if one.log_loss is not None:
            rows.append(Metric(f"{of}log loss", one.log_loss, people=one.people, pairs=one.pairs))
    with stored(out):
        write_card(out, rows)


def _margins(model: RewardModel, rows: Sequence[Row], prompts: Sequence[str | None]) -> Floats:
    """Rewards of the chosen minus those of the rejected responses (n,), with these user prompts."""
    items = [
        (system, one.context, text)
        for one, system in zip(rows, prompts, strict=True)
        for text in (one.chosen, one.rejected)
    ]
    found = model.rewards(items)
    return found[0::2] - found[1::2]


def _on_step(report: ProgressCallback) -> Callable[[Progress], None]:
    left = Eta()

    def on_step(now: Progress) -> None:
        known = measured(now.loss, now.validation_loss)
        report(f"step {now.step:,} of {now.steps:,}{known}{left(now.step / now.steps)}")

    return on_step


def _curve(out: Path, kept: int) -> Curve:
    try:
        found = orjson.loads(content_of(out / CURVE))
        points = tuple(EvalPoint(one["step"], one["loss"], one["validation_loss"]) for one in found)
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise DataError(f"{out / CURVE} cannot be read ({error}): train into another folder") from None
    return Curve(points, kept)


__getattr__ = renamed(__name__, {"prepared": "prepare"})
