"""Training of GPO, VPL, PAL, LoRe and PReF into a folder.

job = prepare(settings, data, validation, "auto")    # checks the number of people, then loads the encoder
outcome = job.train(out, fingerprint, report)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from personalrm.data.shares import shares
from personalrm.models.encoders import Encoder, encoder_named
from personalrm.models.learned import Settings, save
from personalrm.models.learned.checkpoint import Checkpoint
from personalrm.models.learned.features import encoder_part
from personalrm.models.learned.loop import EpochMetrics
from personalrm.models.learned.training import FEWEST_PEOPLE, FOLDS, train_validated
from personalrm.models.reward_model.losses import temperature
from personalrm.models.trained import Device, Kind
from personalrm.models.traits.fit import sigmoid
from personalrm.renamed import renamed
from personalrm.training.evaluation import PredictedChoices
from personalrm.training.folder import CHECKPOINT, RunFingerprint, RunValue
from personalrm.training.outcome import Curve, Eta, EvalPoint, Outcome, ProgressCallback, TruncationCount, measured
from personalrm.training.people import TrainingData, check_enough


@dataclass(frozen=True)
class LearnedTraining:
    """A `Job`; see the module's docstring."""

    settings: Settings
    data: TrainingData
    validation: TrainingData | None
    encoder: Encoder | None
    kind: ClassVar[Kind] = "learned"

    @property
    def label(self) -> str:
        return self.settings.label

    @property
    def sees(self) -> str:
        return self.settings.features + ("" if self.encoder is None else f" ({self.encoder.name})")

    @property
    def uses_device(self) -> bool:
        return self.encoder is not None

    def fingerprint(self) -> RunFingerprint:
        encoder = {} if self.encoder is None else {"encoder": RunValue.of(self.encoder.name)}
        return {name: RunValue.of(value) for name, value in asdict(self.settings).items()} | encoder

    def train(self, out: Path, fingerprint: RunFingerprint, report: ProgressCallback) -> Outcome:
        report("computing features")
        held = None if self.validation is None else self.validation.people
        checkpoints = Checkpoint(out / CHECKPOINT, {name: one.value for name, one in fingerprint.items()}, resume=True)
        model, held_out = train_validated(
            self.data.people,
            self.settings,
            validation=held,
            encoder=self.encoder,
            checkpoints=checkpoints,
            on_epoch=self._on_epoch(report),
        )
        save(model, out)
        counted = np.array(shares(held_out.choices))
        population = held_out.population / temperature(held_out.population, counted)
        texts = 3 * (self.data.choices + (0 if self.validation is None else self.validation.choices))
        return Outcome(
            PredictedChoices(
                held_out.choices,
                sigmoid(held_out.margins),
                sigmoid(population),
                counted,
            ),
            tuple(map(_curve, model.summary.curves)),
            "epoch",
            TruncationCount("texts", model.summary.truncated, texts),
            len(self.data.people),
            self.data.choices,
            self._how(),
        )

    @property
    def _members(self) -> int:
        return self.settings.members if self.validation else min(self.settings.members, FOLDS)

    def _on_epoch(self, report: ProgressCallback) -> Callable[[int, EpochMetrics], None]:
        left, members, epochs = Eta(), self._members, self.settings.epochs

        def on_epoch(member: int, point: EpochMetrics) -> None:
            done = point.epoch + 1
            share = (member + done / epochs) / members
            known = measured(point.loss, point.validation_loss)
            report(f"member {member + 1} of {members}, epoch {done} of at most {epochs}{known}{left(share)}")

        return on_epoch

    def _how(self) -> str:
        if self.validation is not None:
            return f"the people of {self.validation.name}, each group predicted from nearly all the person's others"
        return f"each person by a member not trained on them ({self._members} of {FOLDS} folds by person)"


def prepare(settings: Settings, data: TrainingData, validation: TrainingData | None, device: Device) -> LearnedTraining:
    """The training job, with its encoder.

    Raises:
        NotEnoughChoices: too few people.
        DataError: unknown encoder.
    """
    check_enough(data, FEWEST_PEOPLE, settings.label)
    part = encoder_part(settings.features)
    return LearnedTraining(settings, data, validation, None if part is None else encoder_named(part, device=device))


def _curve(points: tuple[EpochMetrics, ...]) -> Curve:
    curve = tuple(EvalPoint(one.epoch + 1, one.loss, one.validation_loss) for one in points)
    return Curve(curve, min(points, key=lambda one: one.validation_loss).epoch + 1)


__getattr__ = renamed(__name__, {"Learning": "LearnedTraining", "prepared": "prepare"})
