"""Settings and progress of reward model training.

RewardSettings()                                                     # MiniLM, all weights, on any machine
RewardSettings("meta-llama/Llama-3.1-8B-Instruct", lora_rank=16)     # adapters on a GPU
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from personalrm.errors import DataError
from personalrm.models.reward_model.user_prompts import KINDS, MOST_CHARACTERS, Kind

MINILM = "minilm"
SHORTEST = 64
"""Minimum ``max_length``; a chat template with truncated question and response needs about 50 tokens."""


@dataclass(frozen=True, slots=True)
class RewardSettings:
    """Settings of a run; the same settings and rows give the same weights on one CPU thread.

    Attributes:
        backbone: a folder, a name on the hub, or "minilm" (weights from a Python package).
        user_prompt: kind of user information in the input.
        prompt_characters: maximum characters of past choices in it, as in the rows; 512 tokens have room for 800.
        max_length: maximum tokens of an input; None takes the backbone's limit, at most 2,048.
        lora_rank: of LoRA adapters on all linear layers; None trains all weights.
        merge: merge adapters into the weights, so that other software loads the result; else only adapters are kept.
        learning_rate: peak; None is 5e-5 for all weights and 2e-4 for adapters.
        epochs: maximum epochs.
        batch_size: pairs per batch.
        accumulation: batches per optimizer step.
        warmup: share of the steps with a rising learning rate; it then decays linearly to zero.
        weight_decay: of AdamW.
        frozen_layers: number of lower layers that are frozen, with the embeddings.
        gradient_checkpointing: less memory for a third more time.
        shared_context: encode the context of a pair once; "auto" does where the backbone allows it.
        evaluate_every: steps between evaluations, each with a checkpoint; None is twice an epoch.
        patience: evaluations without a lower validation loss before training stops.
        device: "auto", "cpu" or "cuda".
        seed: random seed of the head, the adapters and the order of the rows.
        data: names of the data sets, for the model card.
        licence: of the result, for the model card.
    """

    backbone: str = "minilm"
    user_prompt: Kind = "none"
    prompt_characters: int = MOST_CHARACTERS
    max_length: int | None = None
    lora_rank: int | None = None
    merge: bool = True
    learning_rate: float | None = None
    epochs: float = 3.0
    batch_size: int = 16
    accumulation: int = 1
    warmup: float = 0.1
    weight_decay: float = 0.01
    frozen_layers: int = 0
    gradient_checkpointing: bool = False
    shared_context: bool | Literal["auto"] = "auto"
    evaluate_every: int | None = None
    patience: int = 3
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: int = 0
    data: tuple[str, ...] = ()
    licence: str | None = None

    def __post_init__(self) -> None:
        if self.user_prompt not in KINDS:
            raise DataError(f"unknown user prompt '{self.user_prompt}': expected one of {', '.join(KINDS)}")
        if self.max_length is not None and self.max_length < SHORTEST:
            raise DataError(f"max_length: expected at least {SHORTEST} tokens, found {self.max_length}")
        positive = (
            "prompt_characters", "lora_rank", "learning_rate", "epochs", "batch_size", "accumulation",
            "evaluate_every", "patience",
        )  # fmt: skip
        for name in positive:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise DataError(f"{name}: expected a number above 0, found {value}")
        if self.frozen_layers < 0 or (self.frozen_layers and self.lora_rank):
            raise DataError(
                "frozen_layers: expected a number from 0, and 0 with adapters (lora_rank), which freeze all layers"
            )

    @property
    def rate(self) -> float:
        """The peak learning rate in use."""
        return self.learning_rate or (2e-4 if self.lora_rank else 5e-5)


def settings_for(backbone: str, **given: Any) -> RewardSettings:
    """Settings for a backbone; ``given`` overrides its defaults.

    MiniLM on 113 people of PRISM: a learning rate of 1e-4 and three frozen layers, best after 1 to 1.5 epochs; its 512
    tokens have room for 800 characters of past choices beside a conversation.
    """
    usual: dict[str, Any] = (
        {"learning_rate": 1e-4, "frozen_layers": 3, "epochs": 2.0, "prompt_characters": 800}
        if backbone == MINILM
        else {}
    )
    if given.get("lora_rank"):
        usual = {}
    return RewardSettings(backbone, **{**usual, **{name: value for name, value in given.items() if value is not None}})


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of training; losses in nats per pair, None until first measured."""

    step: int
    steps: int
    loss: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None
