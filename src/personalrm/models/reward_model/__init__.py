"""A Bradley–Terry reward model whose input holds the person (SynthesizeMe, arXiv 2506.05598, its best method).

    rows = training_rows(people, "persona", traits_profiles(people))
    train(rows, training_rows(others, "persona"), RewardSettings(user_prompt="persona"), Path("my-reward-model"))
    mine = PersonalReward.load(Path("my-reward-model")).fit(history)
    mine.compare(context, a, b)                          # Verdict

| module | what it does |
|---|---|
| `user_prompts`, `rows` | what of a person stands in the input; rows to train on, without leaks |
| `inputs`, `backbones` | a row → token ids through the chat template; the model underneath |
| `losses` | the Bradley–Terry loss and the temperature |
| `batching`, `shared_context` | little padding; the context of a pair read once |
| `settings`, `training`, `trainer`, `checkpoints`, `interrupting` | training that can be gone on with |
| `record`, `card` | what lies beside the weights: for us, and for a reader |
| `model` | the trained model: `RewardModel`, `PersonalReward` |

The names are imported on first use: torch and TRL take 5 s, and are an extra.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from personalrm.errors import MissingExtra

if TYPE_CHECKING:
    from personalrm.models.reward_model.card import write_card
    from personalrm.models.reward_model.inputs import Inputs, Truncation
    from personalrm.models.reward_model.losses import bradley_terry_loss, temperature
    from personalrm.models.reward_model.model import PersonalReward, RewardModel
    from personalrm.models.reward_model.record import Metric, Record
    from personalrm.models.reward_model.rows import Row, shipped_profile, training_rows, traits_profiles
    from personalrm.models.reward_model.settings import Progress, RewardSettings, settings_for
    from personalrm.models.reward_model.training import train
    from personalrm.models.reward_model.user_prompts import Kind, user_prompt

_HOMES = {
    "Inputs": "inputs",
    "Kind": "user_prompts",
    "Metric": "record",
    "PersonalReward": "model",
    "Progress": "settings",
    "Record": "record",
    "RewardModel": "model",
    "RewardSettings": "settings",
    "Row": "rows",
    "settings_for": "settings",
    "shipped_profile": "rows",
    "Truncation": "inputs",
    "bradley_terry_loss": "losses",
    "temperature": "losses",
    "train": "training",
    "training_rows": "rows",
    "traits_profiles": "rows",
    "user_prompt": "user_prompts",
    "write_card": "card",
}

__all__ = [
    "Inputs",
    "Kind",
    "Metric",
    "PersonalReward",
    "Progress",
    "Record",
    "RewardModel",
    "RewardSettings",
    "Row",
    "Truncation",
    "bradley_terry_loss",
    "settings_for",
    "shipped_profile",
    "temperature",
    "train",
    "training_rows",
    "traits_profiles",
    "user_prompt",
    "write_card",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    try:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ImportError as error:
        raise MissingExtra("Reward models need: pip install 'personalrm[train]'.") from error


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
