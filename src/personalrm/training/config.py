"""The configuration of a training run: a method with its settings, the files, and the output folder.

config = TrainConfig("pref", "prism.jsonl.gz", Path("runs/pref"))
settings_of(config)                              # learned.Settings, or RewardSettings for bradley-terry
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from personalrm.data.inputs import Given
from personalrm.errors import DataError, MissingExtra
from personalrm.models.trained import Device
from personalrm.training.people import Part

if TYPE_CHECKING:
    from personalrm.models.learned import Settings
    from personalrm.models.reward_model import RewardSettings

BRADLEY_TERRY = "bradley-terry"
SHORT = {"bt": BRADLEY_TERRY}
LEARNED = ("gpo", "vpl", "pal", "lore", "pref")
METHODS = (BRADLEY_TERRY, *LEARNED)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """See the module's docstring.

    Attributes:
        method: one of `METHODS`.
        data, validation: files of choices; without the second, some of the first one's people are held out.
        out: the output folder.
        part: all choices, or those that the data marks as context.
        device: of encoders and backbones.
        resume: resume the run in the folder.
        given: settings of the method by name; those left out take the method's default.
    """

    method: str
    data: Given
    out: Path
    validation: str | None = None
    part: Part = "all"
    device: Device = "auto"
    seed: int = 0
    resume: bool = False
    given: Mapping[str, Any] = field(default_factory=dict)


def method_named(name: str) -> str:
    """The method's full name. DataError names the known ones."""
    found = SHORT.get(name, name)
    if found not in METHODS:
        raise DataError(f"unknown method '{name}': expected one of {', '.join(METHODS)}")
    return found


def settings_of(config: TrainConfig) -> Settings | RewardSettings:
    """The method's settings.

    Raises:
        DataError: an impossible setting.
        MissingExtra: the packages for training are not installed.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtra("training needs PyTorch: pip install 'personalrm[train]'.") from error
    if config.method == BRADLEY_TERRY:
        return _reward_settings(config)
    from personalrm.models.learned import Settings

    given = dict(config.given)
    if (epochs := given.get("epochs")) is not None:
        if epochs != int(epochs):
            raise DataError(f"--epochs: {config.method}: expected a whole number of epochs, found {epochs:g}")
        given["epochs"] = int(epochs)
    return Settings(config.method, seed=config.seed, **given)  # type: ignore[arg-type]


def _reward_settings(config: TrainConfig) -> RewardSettings:
    from personalrm.models.reward_model import settings_for

    given = dict(config.given)
    return settings_for(given.pop("backbone", "minilm"), device=config.device, seed=config.seed, **given)
