"""TRL's RewardTrainer where it differs for us: batches with little padding, exact validation, a stop at NaN.

The loss is TRL's to the last bits, on the same pairs a step. Validation is by all pairs together, not a mean over
batches, and with the code that scores later. Chatter, telemetry and cards of checkpoints are off.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np
import torch
import transformers
from datasets import Dataset
from numpy.typing import NDArray
from torch import Tensor
from transformers import TrainerCallback
from trl.trainer.reward_trainer import RewardTrainer

from personalrm.errors import TrainingFailed
from personalrm.models.reward_model.batching import ChunkedPairs, chunked_rewards, rewards
from personalrm.models.reward_model.interrupting import Interrupt
from personalrm.models.reward_model.losses import bradley_terry_loss, margin_log_loss
from personalrm.models.reward_model.settings import Progress
from personalrm.models.reward_model.shared_context import PackedPairs, packed_rewards

TokenPair = dict[str, list[int]]
"""``chosen_ids`` and ``rejected_ids``."""
LOSS, ACCURACY = "eval_loss", "eval_accuracy"


class PairTrainer(RewardTrainer):
    """See the module's docstring."""

    def __init__(self, *, collator: PackedPairs | ChunkedPairs, validation: Sequence[TokenPair], **given: Any) -> None:
        self._pad, self._validation = collator.pad, validation
        held_out = Dataset.from_list(list(validation)) if validation else None
        super().__init__(data_collator=collator, eval_dataset=held_out, **given)
        self.remove_callback(transformers.trainer_callback.PrinterCallback)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The Bradley–Terry loss of a batch, in nats a pair."""
        if "ends" in inputs:
            with self.accelerator.autocast():  # we call the model's inside, which accelerate has not wrapped
                found = packed_rewards(model, inputs)
        else:
            found = chunked_rewards(model, inputs)
        chosen, rejected = found.float().chunk(2)
        loss = bradley_terry_loss(chosen, rejected)
        return (loss, {"rewards": found}) if return_outputs else loss

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Tensor:
        """As always, but a loss or a gradient that is no number stops the run before it reaches the weights."""
        trainer: Any = super()
        loss: Tensor = trainer.training_step(model, inputs, num_items_in_batch)
        gradients = [one.grad for one in model.parameters() if one.grad is not None]
        size = torch.nn.utils.get_total_norm(gradients)
        if not (math.isfinite(loss) and math.isfinite(size)):
            self._stop("loss" if not math.isfinite(loss) else "gradient", self.state.global_step + 1)
        return loss

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Loss and accuracy over all validation pairs; equal rewards are half right."""
        gaps = differences(self.model, self._validation, self._pad)
        if not np.isfinite(gaps).all():
            self._stop("validation loss", self.state.global_step)
        measured = {LOSS: margin_log_loss(gaps), ACCURACY: pair_accuracy(gaps)}
        self.log(measured)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, measured)
        return measured

    def _stop(self, what: str, step: int) -> NoReturn:
        raise TrainingFailed(
            f"the {what} is no finite number at step {step}, with learning rate {self._get_learning_rate():.3g}: "
            "training has stopped and the last checkpoint is as it was; try a lower learning rate"
        )

    def create_model_card(self, *given: Any, **named: Any) -> None:
        """Checkpoints get none; the card of the result is `card.card`."""

    def _send_telemetry(self) -> None:
        """Nothing of a run is anybody's business."""


def differences(model: Any, pairs: Sequence[TokenPair], pad: int) -> NDArray[np.float64]:
    """Reward of the chosen minus that of the rejected (pairs,)."""
    both = [one[side] for side in ("chosen_ids", "rejected_ids") for one in pairs]
    chosen, rejected = rewards(model, both, pad).double().chunk(2) if both else (torch.zeros(0), torch.zeros(0))
    found: NDArray[np.float64] = (chosen - rejected).numpy()
    return found


def pair_accuracy(gaps: NDArray[np.float64]) -> float:
    """Share of pairs with the chosen response ahead; a dead heat is half a pair."""
    return float((np.sign(gaps) / 2 + 0.5).mean())


class Watch(TrainerCallback):
    """Tells of progress, stops where validation no longer improves, and stops politely when asked.

    The stop is a function of the log, which every checkpoint holds: a resumed run decides as the other would have.
    """

    def __init__(self, interrupt: Interrupt, patience: int, progress: Callable[[Progress], None] | None) -> None:
        self.interrupt, self._patience, self._progress = interrupt, patience, progress

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """After each step of the optimizer."""
        if self.interrupt.asked:
            control.should_save = control.should_training_stop = True
        if stalled(state.log_history, self._patience):
            control.should_training_stop = True
        if self._progress is not None:
            latest = {key: value for row in curve(state.log_history) for key, value in row.items() if value is not None}
            latest.pop("step", None)
            self._progress(Progress(state.global_step, state.max_steps, **latest))

    def on_evaluate(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """After each look at the validation rows."""
        if stalled(state.log_history, self._patience):
            control.should_training_stop = True


def stalled(log: Sequence[Mapping[str, float]], patience: int) -> bool:
    """Whether the last ``patience`` looks brought no lower validation loss."""
    losses = [row[LOSS] for row in log if LOSS in row]
    return len(losses) - 1 - losses.index(min(losses)) >= patience if losses else False


def curve(log: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """The learning curve: one record a step that was looked at, with None for what was not measured there."""
    names = {"loss": "loss", LOSS: "validation_loss", ACCURACY: "validation_accuracy"}
    found: dict[int, dict[str, Any]] = {}
    for row in log:
        if names.keys() & row.keys():
            at = int(row["step"])
            record = found.setdefault(at, {"step": at, **dict.fromkeys(names.values())})
            record.update({names[key]: value for key, value in row.items() if key in names})
    return list(found.values())


@contextmanager
def quiet() -> Iterator[None]:
    """No bars, no advice and no word of what will be deprecated from the libraries below, until the block ends."""
    logging: Any = transformers.utils.logging
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 reads names that transformers 5.24 has renamed
            yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()
