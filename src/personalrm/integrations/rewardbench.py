"""RewardBench: run a reward model of ``personalrm train bradley-terry`` in RewardBench's own inference loop.

from rewardbench.models import REWARD_MODEL_CONFIG
from personalrm.integrations.rewardbench import CONFIG
REWARD_MODEL_CONFIG["runs/rm"] = CONFIG

RewardBench's default builder, the transformers pipeline, loads these folders too, but its ``RewardBenchPipeline``
needs a GPU. `RewardPipeline` runs on the model's device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class RewardPipeline:
    """Scores texts with a sequence classifier that has one logit.

    Args:
        task: unused; RewardBench passes "text-classification".
        model: an ``AutoModelForSequenceClassification`` with ``num_labels=1``.
        tokenizer: its tokenizer.
    """

    def __init__(self, task: str, model: Any, tokenizer: Any) -> None:
        self.task, self.model, self.tokenizer = task, model.eval(), tokenizer

    def __call__(self, samples: str | Sequence[str], **kwargs: Any) -> torch.Tensor:
        """Rewards of n texts: the raw logits, shape (n, 1).

        The chat template must already be applied. If every text begins with the beginning-of-sequence token, the
        tokenizer does not add a second one.

        Args:
            samples: one text or n texts.
            kwargs: ``truncation``, ``max_length`` (default 2048) and ``padding`` of the tokenizer.
        """
        import torch

        texts = [samples] if isinstance(samples, str) else list(samples)
        bos = self.tokenizer.bos_token
        inputs = self.tokenizer(
            texts,
            truncation=kwargs.get("truncation", True),
            max_length=kwargs.get("max_length", 2048),
            padding=kwargs.get("padding", True),
            padding_side="right",  # RewardBench sets left, which would make padding an encoder's first token
            add_special_tokens=not (bos and all(one.startswith(bos) for one in texts)),
            return_tensors="pt",
        ).to(self.model.device)
        with torch.no_grad():
            logits: torch.Tensor = self.model(**inputs).logits
        return logits


def _model_builder(path: str, **settings: Any) -> Any:
    """The classifier, loaded without remote code and from safetensors only."""
    from transformers import AutoModelForSequenceClassification

    safe = {"trust_remote_code": False, "use_safetensors": True}
    return AutoModelForSequenceClassification.from_pretrained(path, **{**settings, **safe})


CONFIG: dict[str, Any] = {
    "model_builder": _model_builder,
    "pipeline_builder": RewardPipeline,
    "quantized": False,
    "custom_dialogue": False,
    "model_type": "Seq. Classifier",
}
"""Value for a model folder in RewardBench's ``REWARD_MODEL_CONFIG``."""
