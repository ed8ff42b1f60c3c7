"""TRL's RewardTrainer with less padding, exact validation metrics, and an error on NaN.

The loss equals TRL's up to rounding, on the same pairs per step. Validation metrics are over all pairs, not means over
batches, and use the inference code. Logging, telemetry and model cards of checkpoints are off.
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
from personalrm.renamed import renamed

TokenPair = dict[str, Any]
"""``chosen_ids`` and ``rejected_ids``, lists of int, and ``weight``: how much the pair counts, 1 on average."""
LOSS, ACCURACY = "eval_loss", "eval_accuracy"


class PairTrainer(RewardTrainer):
    """See the module's docstring."""

    control: Any

    def __init__(self, *, collator: PackedPairs | ChunkedPairs, validation: Sequence[TokenPair], **given: Any) -> None:
        self._pad, self._validation = collator.pad, validation
        held_out = Dataset.from_list(list(validation)) if validation else None
        super().__init__(data_collator=collator, eval_dataset=held_out, **given)
        self.remove_callback(transformers.trainer_callback.PrinterCallback)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The Bradley–Terry loss of a batch, nats per pair."""
        if "ends" in inputs:
            with self.accelerator.autocast():  # calls the inner model, which accelerate has not wrapped
                found = packed_rewards(model, inputs)
        else:
            found = chunked_rewards(model, inputs)
        chosen, rejected = found.float().chunk(2)
        loss = bradley_terry_loss(chosen, rejected, weight=inputs["weight"])
        return (loss, {"rewards": found}) if return_outputs else loss

    def _set_signature_columns_if_needed(self) -> None:
        """The columns that the collators need."""
        self._signature_columns: Any = ["chosen_ids", "rejected_ids", "weight"]

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Tensor:
        """As in TRL, but a NaN or infinite loss or gradient raises before the weights are updated."""
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
        """Loss and accuracy over all validation pairs; equal rewards count one half."""
        gaps = differences(self.model, self._validation, self._pad)
        if not np.isfinite(gaps).all():
            self._stop("validation loss", self.state.global_step)
        weight = weights_of(self._validation)
        measured = {LOSS: margin_log_loss(gaps, weight), ACCURACY: pair_accuracy(gaps, weight)}
        self.log(measured)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, measured)
        return measured

    def _stop(self, what: str, step: int) -> NoReturn:
        raise TrainingFailed(
            f"the {what} became NaN or infinite at step {step}, with learning rate {self._get_learning_rate():.3g}: "
            "training has stopped, and the last checkpoint is kept; use a lower learning rate"
        )

    def create_model_card(self, *given: Any, **named: Any) -> None:
        """Checkpoints get no card; that of the result is `card.card`."""

    def _send_telemetry(self) -> None:
        """No telemetry."""


def differences(model: Any, pairs: Sequence[TokenPair], pad: int) -> NDArray[np.float64]:
    """Reward of the chosen minus that of the rejected response (pairs,)."""
    both = [one[side] for side in ("chosen_ids", "rejected_ids") for one in pairs]
    chosen, rejected = rewards(model, both, pad).double().chunk(2) if both else (torch.zeros(0), torch.zeros(0))
    found: NDArray[np.float64] = (chosen - rejected).numpy()
    return found


def weights_of(pairs: Sequence[TokenPair]) -> NDArray[np.float64]:
    """Weight of each pair (pairs,)."""
    return np.array([one["weight"] for one in pairs], np.float64)


def pair_accuracy(gaps: NDArray[np.float64], weight: NDArray[np.float64] | None = None) -> float:
    """Share of pairs with the chosen response ahead, weighted; equal rewards count one half."""
    return float(np.average(np.sign(gaps) / 2 + 0.5, weights=weight))


class RunCallback(TrainerCallback):
    """Reports progress, stops early, and stops on request.

    Early stopping is a function of the log, which every checkpoint holds, so that a resumed run decides alike.
    """

    def __init__(self, interrupt: Interrupt, patience: int, progress: Callable[[Progress], None] | None) -> None:
        self.interrupt, self._patience, self._progress = interrupt, patience, progress

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """After each optimizer step."""
        if self.interrupt.requested:
            control.should_save = control.should_training_stop = True
        if stalled(state.log_history, self._patience):
            control.should_training_stop = True
        if self._progress is not None:
            latest = {key: value for row in curve(state.log_history) for key, value in row.items() if value is not None}
            latest.pop("step", None)
            self._progress(Progress(state.global_step, state.max_steps, **latest))

    def on_evaluate(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """After each evaluation."""
        if stalled(state.log_history, self._patience):
            control.should_training_stop = True


def stalled(log: Sequence[Mapping[str, float]], patience: int) -> bool:
    """Whether the last ``patience`` evaluations brought no lower validation loss."""
    losses = [row[LOSS] for row in log if LOSS in row]
    return len(losses) - 1 - losses.index(min(losses)) >= patience if losses else False


def curve(log: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """The training curve: one record per logged step, with None for what was not measured there."""
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
    """Silences progress bars, advice and deprecation warnings of the libraries below, until the block ends."""
    logging: Any = transformers.utils.logging
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 uses names that transformers 5.24 deprecates
            yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


__getattr__ = renamed(__name__, {"Watch": "RunCallback"})
