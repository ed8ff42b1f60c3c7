"""The trained reward model, and one user's reward.

model = RewardModel.load(Path("my-reward-model"))
model.rewards([(None, context, "Yes."), ("<persona>…</persona>", context, "It depends.")])    # (2,)
mine = PersonalReward(model).fit(history)
mine.compare(context, a, b)                          # Verdict
mine.score(context, response)                        # calibrated log-odds, comparable within a conversation
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from personalrm.errors import DataError
from personalrm.models.checksums import check_files, check_finite
from personalrm.models.reward_model import batching
from personalrm.models.reward_model.backbones import device_of, identify, load_model, load_tokenizer
from personalrm.models.reward_model.inputs import Inputs
from personalrm.models.reward_model.record import Record
from personalrm.models.reward_model.rows import ProfileOf, shipped_profile
from personalrm.models.reward_model.trainer import quiet
from personalrm.models.reward_model.training import ADAPTER
from personalrm.models.reward_model.user_prompts import needs_profile, user_prompt
from personalrm.preferences import History, Message, Verdict

Floats = NDArray[np.float64]
Item = tuple[str | None, Sequence[Message], str]
"""User prompt, conversation, response."""


@dataclass(frozen=True)
class RewardModel:
    """A trained model, ready to score.

    Attributes:
        record: metadata: backbone, temperature, format of the inputs.
        inputs: makes token ids.
        model: the transformers model.
    """

    record: Record
    inputs: Inputs
    model: Any

    @classmethod
    def load(
        cls, directory: str | Path, device: Literal["auto", "cpu", "cuda"] = "auto", backbone: str | None = None
    ) -> RewardModel:
        """Load the output of `train`.

        Args:
            directory: the output folder.
            device: to compute on.
            backbone: path of the backbone on this machine, for a folder that holds adapters only.

        Raises:
            DataError: no reward model of this package, no GPU, or adapters of another backbone.
        """
        path = Path(directory)
        record, place = Record.read(path), device_of(device)
        check_files(path, record.checksums)
        with quiet():
            tokenizer = load_tokenizer(str(path))
            dtype = getattr(torch, record.dtype)
            if record.merged:
                model = load_model(str(path), tokenizer, dtype)
            else:
                model = _adapted(path, record, tokenizer, dtype, backbone)
        check_finite(model.named_parameters(), path)
        return cls(record, Inputs.of(tokenizer, record.max_length), model.to(place).eval())

    def rewards(self, items: Sequence[Item]) -> Floats:
        """Raw rewards (n,), before the temperature. Inputs of similar length are batched."""
        ids = [self.inputs.encode(system, context, [response])[0][0] for system, context, response in items]
        found: Floats = batching.rewards(self.model, ids, self.inputs.tokenizer.pad_token_id).double().numpy()
        return found


@dataclass(frozen=True)
class PersonalReward:
    """One user's reward: `fit` puts the user's text into the input.

    Attributes:
        model: the trained model, shared by all users.
        profile_of: makes the profile for prompts that hold one; by default the embedded engine.
        system: the user prompt; None before `fit` and without usable choices.
    """

    model: RewardModel
    profile_of: ProfileOf = shipped_profile
    system: str | None = None

    @classmethod
    def load(cls, directory: str | Path, device: Literal["auto", "cpu", "cuda"] = "auto") -> PersonalReward:
        """The model without user information, before it is fitted to a user."""
        return cls(RewardModel.load(directory, device))

    def fit(self, history: History) -> PersonalReward:
        """The same model with this user's prompt, of the kind used in training."""
        kind = self.model.record.user_prompt
        profile = self.profile_of(history) if needs_profile(kind) and history.decided else None
        most = int(self.model.record.settings["prompt_characters"])
        return replace(self, system=user_prompt(kind, history, profile, most_characters=most))

    def compare(self, context: Sequence[Message], a: str, b: str) -> Verdict:
        """Probability that the user prefers ``a``; it sums to one over both orders."""
        return Verdict(float(self.compare_many([(context, a, b)])[0]))

    def compare_many(self, pairs: Sequence[tuple[Sequence[Message], str, str]]) -> Floats:
        """Probabilities (n,) that the first response of each (context, a, b) is preferred."""
        scores = self.scores([(context, side) for context, a, b in pairs for side in (a, b)])
        gaps = scores[0::2] - scores[1::2]
        return np.array([1.0 / (1.0 + math.exp(-max(-700.0, min(700.0, gap)))) for gap in gaps])

    def score(self, context: Sequence[Message], response: str) -> float:
        """Reward over temperature: score differences within a context are log-odds of preference."""
        return float(self.scores([(context, response)])[0])

    def scores(self, items: Sequence[tuple[Sequence[Message], str]]) -> Floats:
        """Scores (n,) of each (context, response)."""
        found = self.model.rewards([(self.system, context, response) for context, response in items])
        return found / self.model.record.temperature


def _adapted(path: Path, record: Record, tokenizer: Any, dtype: torch.dtype, backbone: str | None) -> Any:
    """The backbone with its adapters. DataError if they do not belong together."""
    found = identify(backbone or record.backbone.name)
    if not found.same_as(record.backbone):
        raise DataError(f"the adapters in {path} belong to {record.backbone.known_as}, not to {found.known_as}")
    from peft import PeftModel

    if not (path / ADAPTER / "adapter_model.safetensors").is_file():
        raise DataError(f"{path / ADAPTER} holds no adapter_model.safetensors: other formats are not read")
    return PeftModel.from_pretrained(load_model(found.path, tokenizer, dtype), path / ADAPTER)
