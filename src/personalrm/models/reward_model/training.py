"""Training: from rows to a folder that transformers, vLLM and RewardBench load, and that we load again.

    train(rows, validation_rows, RewardSettings(user_prompt="persona"), Path("out"))
    train(rows, validation_rows, settings, Path("out"), resume=True)         # after Ctrl-C, a crash or a kill

While it runs ``out/checkpoints/`` holds the best and the last checkpoint; a resumed run takes the same steps as one
that was never interrupted (on a CPU with one thread to the last bit). When it is done the folder holds the weights, the
tokenizer, ``README.md``, ``curve.json`` (step, loss, validation loss and accuracy) and, written last,
``personalrm.json``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import torch
from datasets import Dataset
from safetensors import SafetensorError
from transformers import set_seed
from trl.trainer.reward_config import RewardConfig

from personalrm.errors import DataError, StorageError
from personalrm.files import hold, replace_file
from personalrm.models.checksums import UNCHECKED, checksums
from personalrm.models.reward_model import checkpoints
from personalrm.models.reward_model.backbones import (
    LONGEST,
    device_of,
    freeze,
    identify,
    load_model,
    load_tokenizer,
    longest_input,
)
from personalrm.models.reward_model.batching import ChunkedPairs, budget_for
from personalrm.models.reward_model.card import write_card
from personalrm.models.reward_model.inputs import Inputs, Truncation
from personalrm.models.reward_model.interrupting import polite_interrupt
from personalrm.models.reward_model.losses import margin_log_loss, temperature
from personalrm.models.reward_model.record import FILE, Counts, Metric, Record
from personalrm.models.reward_model.rows import Row
from personalrm.models.reward_model.settings import Progress, RewardSettings
from personalrm.models.reward_model.shared_context import PackedPairs, agrees, can_share
from personalrm.models.reward_model.trainer import (
    LOSS,
    PairTrainer,
    TokenPair,
    Watch,
    curve,
    differences,
    pair_accuracy,
    quiet,
)
from personalrm.profile.provenance import hash_of

ADAPTER, CURVE = "adapter", "curve.json"
_HEADS = ("score", "classifier")  # what transformers calls the layer that gives the reward


@dataclass(frozen=True)
class _Data:
    """Rows as token ids, with what is to be said of them."""

    training: list[TokenPair]
    validation: list[TokenPair]
    counts: tuple[Counts, Counts]


def train(
    rows: Sequence[Row],
    validation_rows: Sequence[Row],
    settings: RewardSettings,
    out: Path,
    progress: Callable[[Progress], None] | None = None,
    resume: bool = False,
) -> Path:
    """Train a reward model; the path of its folder.

    Args:
        rows: to learn from.
        validation_rows: of other people, to stop by and to fit the temperature to; may be empty.
        settings: how.
        out: the folder; made if there is none.
        progress: told after each step.
        resume: go on with the run that ``out`` holds, if it holds one. A finished one is left as it is.

    Raises:
        DataError: no rows, a person on both sides, no GPU, a backbone that cannot be used, another run in ``out``.
        TrainingFailed: the loss is no finite number any more.
        StorageError: ``out`` cannot be written.
        KeyboardInterrupt: Ctrl-C, once the step under way is saved.
    """
    _check(rows, validation_rows)
    device, run = device_of(settings.device), run_of(rows, validation_rows, settings)
    held = hold(out / checkpoints.FOLDER, "training")
    with held, _storage(out), quiet(), polite_interrupt() as interrupt:
        started = checkpoints.begin(out, run, resume)
        if not (out / FILE).exists():
            _run(rows, validation_rows, run, device, out, Watch(interrupt, settings.patience, progress), started)
    return out


def run_of(rows: Sequence[Row], validation_rows: Sequence[Row], settings: RewardSettings) -> checkpoints.Run:
    """What the steps depend on."""
    return checkpoints.Run(identify(settings.backbone), settings, hash_of([rows, validation_rows], 16))


def _run(
    rows: Sequence[Row],
    validation_rows: Sequence[Row],
    run: checkpoints.Run,
    device: torch.device,
    out: Path,
    watch: Watch,
    started: Path | None,
) -> None:
    """All steps from ``started`` on, and the result; KeyboardInterrupt if somebody asked for a stop on the way."""
    set_seed(run.settings.seed)
    tokenizer = load_tokenizer(run.backbone.path)
    model = _prepared(run, tokenizer, device)
    inputs = Inputs.of(tokenizer, _length(run.settings, model, tokenizer))
    data = _encoded(inputs, rows, validation_rows)
    trainer = _trainer(model, inputs, data, run, device, out, watch)
    trainer.train(resume_from_checkpoint=str(started) if started else None)
    if watch.interrupt.asked:
        raise KeyboardInterrupt
    _save(trainer, inputs, data, run, out)


def _check(rows: Sequence[Row], validation_rows: Sequence[Row]) -> None:
    if not rows:
        raise DataError("there are no rows to train on")
    both = {one.user for one in rows} & {one.user for one in validation_rows}
    if both:
        raise DataError(
            f"{len(both)} {'people are' if len(both) > 1 else 'person is'} in the training and in the validation rows "
            f"({min(both)}): validation needs people the model has not learned from"
        )


def _prepared(run: checkpoints.Run, tokenizer: Any, device: torch.device) -> Any:
    """The model as it is trained: in bfloat16 where a GPU holds a frozen backbone, in float32 elsewhere."""
    settings = run.settings
    half = settings.lora_rank is not None and device.type == "cuda"
    model = load_model(run.backbone.path, tokenizer, torch.bfloat16 if half else torch.float32, run.backbone.name)
    if settings.lora_rank is None:
        freeze(model, settings.frozen_layers)
        return model
    from peft import LoraConfig, TaskType, get_peft_model  # 1 s that full training does not need

    heads = [name for name in _HEADS if hasattr(model, name)]
    config = LoraConfig(
        task_type=TaskType.SEQ_CLS, r=settings.lora_rank, lora_alpha=2 * settings.lora_rank,
        target_modules="all-linear", exclude_modules=heads, modules_to_save=heads,
    )  # fmt: skip
    return get_peft_model(model, config)


def _length(settings: RewardSettings, model: Any, tokenizer: Any) -> int:
    limit = longest_input(model, tokenizer)
    if settings.max_length is not None and settings.max_length > limit:
        raise DataError(f"{settings.backbone} reads at most {limit} tokens, not {settings.max_length}")
    return settings.max_length or min(limit, LONGEST)


def _encoded(inputs: Inputs, rows: Sequence[Row], validation_rows: Sequence[Row]) -> _Data:
    pairs, counts = zip(*(encode_rows(inputs, one) for one in (rows, validation_rows)), strict=True)
    return _Data(pairs[0], pairs[1], (counts[0], counts[1]))


def encode_rows(inputs: Inputs, rows: Sequence[Row]) -> tuple[list[TokenPair], Counts]:
    """Rows as token ids; both sides of a pair are counted where one of them did not fit."""
    pairs, cut = [], 0
    for row in rows:
        (chosen, rejected), shortened = inputs.encode(row.system, row.context, [row.chosen, row.rejected])
        pairs.append({"chosen_ids": chosen, "rejected_ids": rejected})
        cut += 2 * shortened
    return pairs, Counts(len({one.user for one in rows}), len(rows), Truncation(cut, 2 * len(rows)))


def _trainer(
    model: Any,
    inputs: Inputs,
    data: _Data,
    run: checkpoints.Run,
    device: torch.device,
    out: Path,
    watch: Watch,
) -> PairTrainer:
    pad = inputs.tokenizer.pad_token_id
    shared = _shares(model.to(device), run.settings, data.training[0], pad)
    return PairTrainer(
        collator=PackedPairs(pad) if shared else ChunkedPairs(pad, budget_for(device)),
        validation=data.validation,
        model=model,
        args=_arguments(run.settings, data, device, out),
        train_dataset=Dataset.from_list(data.training),
        processing_class=inputs.tokenizer,
        callbacks=[watch],
    )


def _shares(model: Any, settings: RewardSettings, pair: TokenPair, pad: int) -> bool:
    if settings.shared_context is False:
        return False
    fits = can_share(model) and agrees(model, pair, pad)
    if settings.shared_context is True and not fits:
        raise DataError(f"{settings.backbone} cannot read a shared context: it must read from left to right")
    return fits


def _arguments(settings: RewardSettings, data: _Data, device: torch.device, out: Path) -> RewardConfig:
    batches = -(-len(data.training) // settings.batch_size)
    steps = max(1, int(-(-batches // settings.accumulation) * settings.epochs))
    every = settings.evaluate_every or max(1, round(steps / settings.epochs / 2))
    looks: dict[str, Any] = {"eval_strategy": "no"}
    if data.validation:
        looks = {
            "eval_strategy": "steps", "eval_steps": every, "load_best_model_at_end": True,
            "metric_for_best_model": LOSS, "greater_is_better": False,
        }  # fmt: skip
    return RewardConfig(
        output_dir=str(out / checkpoints.FOLDER), max_length=None, save_steps=every, logging_steps=every,
        save_total_limit=2, per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulation, num_train_epochs=settings.epochs,
        learning_rate=settings.rate, warmup_steps=int(settings.warmup * steps), weight_decay=settings.weight_decay,
        activation_checkpointing=settings.gradient_checkpointing, bf16=device.type == "cuda",
        use_cpu=device.type == "cpu",
        dataloader_pin_memory=device.type == "cuda", seed=settings.seed, data_seed=settings.seed,
        report_to="none", disable_tqdm=True, **looks,
    )  # fmt: skip


def _save(trainer: PairTrainer, inputs: Inputs, data: _Data, run: checkpoints.Run, out: Path) -> None:
    """The result, in an order in which a kill leaves either a run to go on with or a whole model."""
    model: Any = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)  # no autocast from here on
    settings, log = run.settings, trainer.state.log_history
    if settings.lora_rank is not None:
        model.save_pretrained(out / ADAPTER)
        model = model.merge_and_unload() if settings.merge else model
    if settings.merge or settings.lora_rank is None:
        model.save_pretrained(out)
    inputs.tokenizer.save_pretrained(out)
    replace_file(out / CURVE, orjson.dumps(curve(log), option=orjson.OPT_INDENT_2))
    gaps = differences(model, data.validation, inputs.tokenizer.pad_token_id)
    record = _record(run, inputs, data, gaps, trainer.state, model)
    replace_file(out / FILE, replace(record, checksums=checksums(out, _names(out))).as_json())
    write_card(out)
    shutil.rmtree(out / checkpoints.FOLDER)


def _names(out: Path) -> list[str]:
    """The files that a model is read from."""
    found = [*out.glob("*.safetensors"), *out.glob("*.json"), *out.glob("*.jinja"), *(out / ADAPTER).glob("*")]
    left_out = {*UNCHECKED, FILE, CURVE}
    return [one.relative_to(out).as_posix() for one in found if one.name not in left_out]


def _record(run: checkpoints.Run, inputs: Inputs, data: _Data, gaps: Any, state: Any, model: Any) -> Record:
    settings, counts = run.settings, data.counts
    measured: tuple[Metric, ...] = ()
    if len(gaps):
        behind = {"people": counts[1].people, "pairs": counts[1].pairs}
        measured = (
            Metric("validation accuracy", pair_accuracy(gaps), **behind),
            Metric("validation log loss", margin_log_loss(gaps / temperature(gaps)), **behind),
        )
    return Record(
        backbone=run.backbone, user_prompt=settings.user_prompt, max_length=inputs.max_length,
        temperature=temperature(gaps), seed=settings.seed, steps=state.best_global_step or state.global_step,
        training=counts[0], validation=counts[1], settings=asdict(settings), data=settings.data,
        licence=settings.licence, metrics=measured, merged=settings.merge or settings.lora_rank is None,
        rows=run.rows, dtype="bfloat16" if model.dtype is torch.bfloat16 else "float32",
        versions={name: version(name) for name in ("personalrm", "torch", "transformers", "trl", "peft")},
    )  # fmt: skip


@contextmanager
def _storage(out: Path) -> Iterator[None]:
    """What writers raise on a full disk becomes one error of ours: torch and safetensors have errors of their own."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error.strerror or error}") from error
    except (SafetensorError, RuntimeError) as error:
        if isinstance(error, SafetensorError) or "PytorchStreamWriter" in str(error):
            raise StorageError(f"{out} cannot be written: {error}") from error
        raise
