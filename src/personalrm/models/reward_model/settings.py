"""How a reward model is trained, and what is told while it is.

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
"""Tokens; a chat template and the cut ends of a question and a response need about fifty."""


@dataclass(frozen=True, slots=True)
class RewardSettings:
    """All of a run; the same settings and rows give the same weights on one thread of a CPU.

    Attributes:
        backbone: a folder, a name on the hub, or "minilm" (weights that come inside a package).
        user_prompt: what of the person stands in the input.
        prompt_characters: of past choices in it, as the rows were made with; 512 tokens have room for about 800.
        max_length: tokens of an input; None takes the backbone's limit, at most 2,048.
        lora_rank: of adapters on all linear layers; None trains all weights.
        merge: write adapters into the weights, so that anything loads the result; else only the adapters are kept.
        learning_rate: at its highest; None is 5e-5 for all weights and 2e-4 for adapters.
        epochs: passes over the rows.
        batch_size: pairs a step of the optimizer is made of, divided by ``accumulation``.
        accumulation: batches a step.
        warmup: share of the steps in which the learning rate rises; it then falls linearly to zero.
        weight_decay: of AdamW.
        frozen_layers: lower layers, and the embeddings below them, that are not trained.
        gradient_checkpointing: less memory for a third more time.
        shared_context: read the context of a pair once; "auto" does where the backbone allows it.
        evaluate_every: steps between looks at the validation rows, each a checkpoint; None is twice an epoch.
        patience: looks without a lower validation loss after which training stops.
        device: "auto", "cpu" or "cuda".
        seed: of the new head, the adapters and the order of the rows.
        data: names of the data sets behind the rows, for the model card.
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
            raise DataError(f"there is no user prompt '{self.user_prompt}': choose one of {', '.join(KINDS)}")
        if self.max_length is not None and self.max_length < SHORTEST:
            raise DataError(f"an input needs at least {SHORTEST} tokens, not {self.max_length}")
        positive = (
            "prompt_characters", "lora_rank", "learning_rate", "epochs", "batch_size", "accumulation",
            "evaluate_every", "patience",
        )  # fmt: skip
        for name in positive:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise DataError(f"{name} must be above zero, not {value}")
        if self.frozen_layers < 0 or (self.frozen_layers and self.lora_rank):
            raise DataError("frozen_layers counts layers that are not trained; with adapters none of them is")

    @property
    def rate(self) -> float:
        """The learning rate that is used."""
        return self.learning_rate or (2e-4 if self.lora_rank else 5e-5)


def settings_for(backbone: str, **given: Any) -> RewardSettings:
    """Settings for a backbone; ``given`` goes before what was measured for it.

    MiniLM on 113 people of PRISM: a rate of 1e-4 and three frozen layers, best after one pass to one and a half; beside
    a conversation its 512 tokens have room for 800 characters of past choices.
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
    """Where training stands; losses in nats a pair, None until they are first measured."""

    step: int
    steps: int
    loss: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None
