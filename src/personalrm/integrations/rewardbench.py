"""RewardBench: a reward model that ``personalrm train bradley-terry`` wrote, in RewardBench's own inference loop.

from rewardbench.models import REWARD_MODEL_CONFIG
from personalrm.integrations.rewardbench import CONFIG
REWARD_MODEL_CONFIG["runs/rm"] = CONFIG

RewardBench's default builder, the transformers pipeline, reads these folders as well; its ``RewardBenchPipeline`` needs
a GPU. `RewardPipeline` computes on whatever device the model is on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class RewardPipeline:
    """Scores texts with a sequence classifier of one logit.

    Args:
        task: not used; RewardBench passes "text-classification".
        model: an ``AutoModelForSequenceClassification`` with ``num_labels=1``.
        tokenizer: its tokenizer.
    """

    def __init__(self, task: str, model: Any, tokenizer: Any) -> None:
        self.task, self.model, self.tokenizer = task, model.eval(), tokenizer

    def __call__(self, samples: str | Sequence[str], **kwargs: Any) -> torch.Tensor:
        """Rewards (n, 1), the raw logits; texts that the chat template has been applied to already.

        A template writes its own first token, so none is added by the tokenizer where the text begins with one.
        """
        import torch

        texts = [samples] if isinstance(samples, str) else list(samples)
        bos = self.tokenizer.bos_token
        inputs = self.tokenizer(
            texts,
            truncation=kwargs.get("truncation", True),
            max_length=kwargs.get("max_length", 2048),
            padding=kwargs.get("padding", True),
            padding_side="right",  # RewardBench sets left, where an encoder's first token would be padding
            add_special_tokens=not (bos and all(one.startswith(bos) for one in texts)),
            return_tensors="pt",
        ).to(self.model.device)
        with torch.no_grad():
            logits: torch.Tensor = self.model(**inputs).logits
        return logits


def _model_builder(path: str, **settings: Any) -> Any:
    """The classifier; never runs a repository's code and never unpickles weights."""
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
"""The entry of a folder in RewardBench's ``REWARD_MODEL_CONFIG``."""
