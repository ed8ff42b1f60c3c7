"""A Bradley–Terry reward model with user information in its input (SynthesizeMe, arXiv 2506.05598, its best method).

    rows = training_rows(people, "persona", traits_profiles(people))
    train(rows, training_rows(others, "persona"), RewardSettings(user_prompt="persona"), Path("my-reward-model"))
    mine = PersonalReward.load(Path("my-reward-model")).fit(history)
    mine.compare(context, a, b)                          # Verdict

| module | what it does |
|---|---|
| `user_prompts`, `rows` | the user's text in the input; training rows without label leaks |
| `inputs`, `backbones` | a row → token ids through the chat template; the pretrained model |
| `losses` | the Bradley–Terry loss and the temperature |
| `batching`, `shared_context` | batches with little padding; the context of a pair encoded once |
| `settings`, `training`, `trainer`, `checkpoints`, `interrupting` | resumable training |
| `record`, `card` | the metadata beside the weights, and the model card |
| `model` | the trained model: `RewardModel`, `PersonalReward` |

The names are listed in ``__init__.pyi`` and imported on first use: torch and TRL take 5 s, and are an extra.
"""

import lazy_loader

from personalrm.errors import MissingExtra

_public, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    try:
        return _public(name)
    except ImportError as error:
        raise MissingExtra("Reward models need: pip install 'personalrm[train]'.") from error
