"""Training: from rows to a folder that transformers, vLLM and RewardBench load, and `RewardModel.load`.

    train(rows, validation_rows, RewardSettings(user_prompt="persona"), Path("out"))
    train(rows, validation_rows, settings, Path("out"), resume=True)         # after Ctrl-C, a crash or a kill

During training ``out/checkpoints/`` holds the best and the last checkpoint; a resumed run takes the same steps as an
uninterrupted one (bitwise on a CPU with one thread). Afterwards the folder holds the weights, the tokenizer,
``README.md``, ``curve.json`` (step, loss, validation loss and accuracy) and, written last, ``personalrm.json``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import torch
from datasets import Dataset
from transformers import set_seed
from trl.trainer.reward_config import RewardConfig

from personalrm.errors import DataError
from personalrm.files import replace_file
from personalrm.locks import hold
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
from personalrm.models.reward_model.interrupting import deferred_interrupt
from personalrm.models.reward_model.losses import margin_log_loss, temperature
from personalrm.models.reward_model.record import FILE, Counts, Metric, Record
from personalrm.models.reward_model.rows import Row
from personalrm.models.reward_model.settings import Progress, RewardSettings
from personalrm.models.reward_model.shared_context import PackedPairs, agrees, can_share
from personalrm.models.reward_model.trainer import (
    LOSS,
    PairTrainer,
    RunCallback,
    TokenPair,
    curve,
    differences,
    pair_accuracy,
    quiet,
    weights_of,
)
from personalrm.profile.provenance import hash_of

ADAPTER, CURVE = "adapter", "curve.json"
_HEADS = ("score", "classifier")  # names of the reward head in transformers


@dataclass(frozen=True)
class _Data:
    """Rows as token ids, with their counts."""

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
    """Train a reward model; returns the path of its folder.

    Args:
        rows: training rows.
        validation_rows: of other people, for early stopping and the temperature; may be empty.
        settings: hyper-parameters.
        out: the folder; created if missing.
        progress: called after each step.
        resume: resume the run in ``out``, if there is one. A finished one is left unchanged.

    Raises:
        DataError: no rows, a person on both sides, no GPU, an unusable backbone, or another run in ``out``.
        TrainingFailed: the loss or its gradient became NaN or infinite.
        StorageError: ``out`` cannot be written.
        KeyboardInterrupt: Ctrl-C, after the current step is saved.
    """
    _check(rows, validation_rows)
    device, run = device_of(settings.device), run_of(rows, validation_rows, settings)
    held = hold(out / checkpoints.FOLDER, "training")
    with held, checkpoints.storage(out), quiet(), deferred_interrupt() as interrupt:
        started = checkpoints.begin(out, run, resume)
        if not (out / FILE).exists():
            _run(rows, validation_rows, run, device, out, RunCallback(interrupt, settings.patience, progress), started)
    return out


def run_of(rows: Sequence[Row], validation_rows: Sequence[Row], settings: RewardSettings) -> checkpoints.Run:
    """Everything that the training steps depend on, with the backbone's hashes."""
    return checkpoints.Run(identify(settings.backbone), settings, hash_of([rows, validation_rows], 16))


def _run(
    rows: Sequence[Row],
    validation_rows: Sequence[Row],
    run: checkpoints.Run,
    device: torch.device,
    out: Path,
    watch: RunCallback,
    started: Path | None,
) -> None:
    """All steps from ``started`` on, and the result; KeyboardInterrupt if a stop was requested."""
    set_seed(run.settings.seed)
    tokenizer = load_tokenizer(run.backbone.path)
    model = _build_model(run, tokenizer, device)
    inputs = Inputs.of(tokenizer, _length(run.settings, model, tokenizer))
    data = _encoded(inputs, rows, validation_rows)
    trainer = _trainer(model, inputs, data, run, device, out, watch)
    trainer.train(resume_from_checkpoint=str(started) if started else None)
    if watch.interrupt.requested:
        raise KeyboardInterrupt
    _save(trainer, inputs, data, run, out)


def _check(rows: Sequence[Row], validation_rows: Sequence[Row]) -> None:
    if not rows:
        raise DataError("there are no rows to train on")
    both = {one.user for one in rows} & {one.user for one in validation_rows}
    if both:
        raise DataError(
            f"{len(both)} {'people are' if len(both) > 1 else 'person is'} in the training and in the validation rows "
            f"({min(both)}): validation needs people who are not trained on"
        )


def _build_model(run: checkpoints.Run, tokenizer: Any, device: torch.device) -> Any:
    """The model for training: in bfloat16 for a frozen backbone on a GPU, else in float32."""
    settings = run.settings
    half = settings.lora_rank is not None and device.type == "cuda"
    model = load_model(run.backbone.path, tokenizer, torch.bfloat16 if half else torch.float32, run.backbone.name)
    if settings.lora_rank is None:
        freeze(model, settings.frozen_layers)
        return model
    from peft import LoraConfig, TaskType, get_peft_model  # import takes 1 s, and full training does not need it

    heads = [name for name in _HEADS if hasattr(model, name)]
    config = LoraConfig(
        task_type=TaskType.SEQ_CLS, r=settings.lora_rank, lora_alpha=2 * settings.lora_rank,
        target_modules="all-linear", exclude_modules=heads, modules_to_save=heads,
    )  # fmt: skip
    return get_peft_model(model, config)


def _length(settings: RewardSettings, model: Any, tokenizer: Any) -> int:
    limit = longest_input(model, tokenizer)
    if settings.max_length is not None and settings.max_length > limit:
        raise DataError(f"{settings.backbone} accepts at most {limit} tokens, and max_length is {settings.max_length}")
    return settings.max_length or min(limit, LONGEST)


def _encoded(inputs: Inputs, rows: Sequence[Row], validation_rows: Sequence[Row]) -> _Data:
    pairs, counts = zip(*(encode_rows(inputs, one) for one in (rows, validation_rows)), strict=True)
    return _Data(pairs[0], pairs[1], (counts[0], counts[1]))


def encode_rows(inputs: Inputs, rows: Sequence[Row]) -> tuple[list[TokenPair], Counts]:
    """Rows as token ids, with weights of mean 1; a truncated pair counts as two inputs."""
    pairs, cut = [], 0
    average = sum(one.weight for one in rows) / max(1, len(rows)) or 1.0
    for row in rows:
        (chosen, rejected), shortened = inputs.encode(row.system, row.context, [row.chosen, row.rejected])
        pairs.append({"chosen_ids": chosen, "rejected_ids": rejected, "weight": row.weight / average})
        cut += 2 * shortened
    return pairs, Counts(len({one.user for one in rows}), len(rows), Truncation(cut, 2 * len(rows)))


def _trainer(
    model: Any,
    inputs: Inputs,
    data: _Data,
    run: checkpoints.Run,
    device: torch.device,
    out: Path,
    watch: RunCallback,
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
        raise DataError(
            f"{settings.backbone} cannot share the context of a pair: it must be causal (attend left to right)"
        )
    return fits


def _arguments(settings: RewardSettings, data: _Data, device: torch.device, out: Path) -> RewardConfig:
    batches = -(-len(data.training) // settings.batch_size)
    steps = max(1, int(-(-batches // settings.accumulation) * settings.epochs))
    every = settings.evaluate_every or max(1, round(steps / settings.epochs / 2))
    evaluation: dict[str, Any] = {"eval_strategy": "no"}
    if data.validation:
        evaluation = {
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
        report_to="none", disable_tqdm=True, **evaluation,
    )  # fmt: skip


def _save(trainer: PairTrainer, inputs: Inputs, data: _Data, run: checkpoints.Run, out: Path) -> None:
    """The result, written in an order such that a kill leaves a resumable run or a complete model."""
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
    """The files that a model is loaded from."""
    found = [*out.glob("*.safetensors"), *out.glob("*.json"), *out.glob("*.jinja"), *(out / ADAPTER).glob("*")]
    left_out = {*UNCHECKED, FILE, CURVE}
    return [one.relative_to(out).as_posix() for one in found if one.name not in left_out]


def _record(run: checkpoints.Run, inputs: Inputs, data: _Data, gaps: Any, state: Any, model: Any) -> Record:
    settings, counts, weight = run.settings, data.counts, weights_of(data.validation)
    measured: tuple[Metric, ...] = ()
    if len(gaps):
        behind = {"people": counts[1].people, "pairs": counts[1].pairs}
        measured = (
            Metric("validation accuracy", pair_accuracy(gaps, weight), **behind),
            Metric("validation log loss", margin_log_loss(gaps / temperature(gaps, weight), weight), **behind),
        )
    return Record(
        backbone=run.backbone, user_prompt=settings.user_prompt, max_length=inputs.max_length,
        temperature=temperature(gaps, weight), seed=settings.seed, steps=state.best_global_step or state.global_step,
        training=counts[0], validation=counts[1], settings=asdict(settings), data=settings.data,
        licence=settings.licence, metrics=measured, merged=settings.merge or settings.lora_rank is None,
        rows=run.rows, dtype="bfloat16" if model.dtype is torch.bfloat16 else "float32",
        versions={name: version(name) for name in ("personalrm", "torch", "transformers", "trl", "peft")},
    )  # fmt: skip
