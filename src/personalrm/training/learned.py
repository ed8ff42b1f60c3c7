"""GPO, VPL, PAL, LoRe and PReF, trained into a folder.

job = prepared(settings, data, validation, "auto")   # finds the encoder; NotEnoughChoices before that
outcome = job.train(out, marks, tell)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from personalrm.models.encoders import Encoder, encoder_named
from personalrm.models.learned import Settings, save
from personalrm.models.learned.checkpoint import Checkpoint
from personalrm.models.learned.features import encoder_part
from personalrm.models.learned.loop import EpochMetrics
from personalrm.models.learned.training import FEWEST_PEOPLE, FOLDS, train_validated
from personalrm.models.reward_model.losses import temperature
from personalrm.models.trained import Device, Kind
from personalrm.models.traits.fit import sigmoid
from personalrm.training.figures import Predicted
from personalrm.training.folder import CHECKPOINT, Marks, RunMark
from personalrm.training.outcome import Curve, Cut, Eta, EvalPoint, Outcome, Tell, measured
from personalrm.training.people import TrainingData, check_enough


@dataclass(frozen=True)
class Learning:
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
    def computes(self) -> bool:
        return self.encoder is not None

    def marks(self) -> Marks:
        encoder = {} if self.encoder is None else {"encoder": RunMark.of(self.encoder.name)}
        return {name: RunMark.of(value) for name, value in asdict(self.settings).items()} | encoder

    def train(self, out: Path, marks: Marks, tell: Tell) -> Outcome:
        tell("reading the responses")
        held = None if self.validation is None else self.validation.people
        keeper = Checkpoint(out / CHECKPOINT, {name: one.value for name, one in marks.items()}, resume=True)
        model, said = train_validated(
            self.data.people,
            self.settings,
            validation=held,
            encoder=self.encoder,
            checkpoints=keeper,
            on_epoch=self._telling(tell),
        )
        save(model, out)
        everybody = said.population / temperature(said.population)
        texts = 3 * (self.data.choices + (0 if self.validation is None else self.validation.choices))
        return Outcome(
            Predicted(said.choices, sigmoid(said.margins), sigmoid(everybody)),
            tuple(map(_curve, model.summary.curves)),
            "pass",
            Cut("texts", model.summary.truncated, texts),
            len(self.data.people),
            self.data.choices,
            self._how(),
        )

    @property
    def _members(self) -> int:
        return self.settings.members if self.validation else min(self.settings.members, FOLDS)

    def _telling(self, tell: Tell) -> Callable[[int, EpochMetrics], None]:
        left, members, epochs = Eta(), self._members, self.settings.epochs

        def told(member: int, point: EpochMetrics) -> None:
            done = point.epoch + 1
            share = (member + done / epochs) / members
            known = measured(point.loss, point.validation_loss)
            tell(f"member {member + 1} of {members}, pass {done} of at most {epochs}{known}{left(share)}")

        return told

    def _how(self) -> str:
        if self.validation is not None:
            return f"the people of {self.validation.name}, each group from nearly all the person's others"
        return f"each person by a member that did not learn from them ({self._members} of {FOLDS} folds by person)"


def prepared(settings: Settings, data: TrainingData, validation: TrainingData | None, device: Device) -> Learning:
    """The training, with its encoder.

    Raises:
        NotEnoughChoices: too few people.
        DataError: there is no such encoder.
    """
    check_enough(data, FEWEST_PEOPLE, settings.label)
    part = encoder_part(settings.features)
    return Learning(settings, data, validation, None if part is None else encoder_named(part, device=device))


def _curve(points: tuple[EpochMetrics, ...]) -> Curve:
    looks = tuple(EvalPoint(one.epoch + 1, one.loss, one.validation_loss) for one in points)
    return Curve(looks, min(points, key=lambda one: one.validation_loss).epoch + 1)
